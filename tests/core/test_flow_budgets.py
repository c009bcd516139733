"""Budgets of ticks and of time: behaviours B027 to B032."""

from datetime import timedelta

import pytest

from everflow.core.algebra import suspend
from everflow.core.combine.choice import loop
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import sequence
from everflow.core.flow import Flow
from everflow.core.state import Cancelled
from everflow.errors import WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, rescue, second, third

MINUTE = timedelta(minutes=1)


def left(driver: Driver, name: str) -> int | None:
    """The ticks that a node may spend."""
    (op,) = [op for op in driver.nodes() if op.node.endswith(f":{name}")]
    return op.ticks


def test_ticks_are_spent_and_recorded() -> None:
    """What is left goes down by what results say was spent (B027, B029)."""
    driver = Driver(timeout(5, sequence(first, second, third))).start(1)
    assert left(driver, "first") == 5
    assert left(driver.result("first", ticks=2), "second") == 3
    assert left(driver.restart().result("second", ticks=3), "third") == 0
    assert driver.result("third", 9).value() == 9


def test_the_tick_after_the_last_raises() -> None:
    """0 means the first; without ticks a body is unbounded (B027)."""
    driver = Driver(timeout(1, first)).start(1).result("first", ticks=2)
    assert driver.failure().code == "flow_timeout"
    assert Driver(timeout(0, first)).start(1).result("first", 1, ticks=0).value() == 1
    assert Driver(timeout(0, first)).start(1).error("first", ticks=1).failure().position == "."


def test_outside_any_budget_there_is_none() -> None:
    """An op then carries no number of ticks (B028)."""
    driver = Driver(sequence(timeout(3, first), second)).start(1)
    assert left(driver, "first") == 3
    assert left(driver.result("first", ticks=1), "second") is None
    assert driver.result("second", ticks=99).machine.state.budgets == 0


def test_nested_budgets_take_the_smaller_and_charge_both() -> None:
    """Inner ticks are charged to the outer (B029)."""
    inner = timeout(3, first)
    driver = Driver(timeout(5, sequence(inner, inner, second))).start(1)
    assert left(driver, "first") == 3
    driver.result("first", ticks=3)
    assert left(driver, "first") == 2
    driver.result("first", ticks=1)
    assert left(driver, "second") == 1


def test_parallel_children_share_a_budget() -> None:
    """Together they can't spend more than it holds (B029)."""
    driver = Driver(timeout(3, parallel(first, second))).start(1)
    assert (left(driver, "first"), left(driver, "second")) == (3, 3)
    driver.result("first", ticks=2).result("second", ticks=2)
    assert driver.failure().code == "flow_timeout"


def test_parallel_children_split_a_budget() -> None:
    """Each has its share, and the outer budget is charged for all (B029)."""
    both = parallel(sequence(first, third), second, ticks="split")
    driver = Driver(timeout(5, sequence(both, first))).start(1)
    assert (left(driver, "first"), left(driver, "second")) == (2, 2)
    driver.result("first", ticks=1)
    assert left(driver, "third") == 1
    driver.result("third", ticks=1).result("second", ticks=2)
    assert left(driver, "first") == 1
    assert Driver(parallel(first, ticks="split")).start(1).nodes()[0].ticks is None


def test_a_child_that_overdraws_its_share_fails_alone() -> None:
    """The others are cancelled, or under `settled` go on (B029)."""
    driver = Driver(timeout(4, parallel(first, second, ticks="split"))).start(1)
    driver.result("first", ticks=3)
    assert driver.stopping() == ["./body/1"]
    assert driver.stopped("./body/1").failure().position == "./body/0"
    settled = timeout(4, parallel(parallel(first, third), second, join="settled", ticks="split"))
    driver = Driver(settled).start(1).result("first", ticks=3)
    assert driver.stopping() == ["./body/0/1"]
    driver.error("third").result("second", 5)
    one, two = driver.value()
    assert (one.ok, one.error.code, two.value) == (False, "flow_timeout", 5)


def test_what_a_stopping_node_spends_is_charged_and_ends_nothing_twice() -> None:
    """A cancelled child that overdraws its share on its way out only closes (B029)."""
    both = parallel(first, second, third, ticks="split")
    driver = Driver(timeout(6, both)).start(1).error("first")
    driver.stopped("second", ticks=3).result("third", ticks=3)
    assert driver.failure().message == "it broke"
    driver = Driver(timeout(1, parallel(first, second))).start(1)
    driver.result("first", ticks=2).stopped("second", ticks=2)
    assert driver.failure().code == "flow_timeout"


def test_a_stopping_node_that_overdraws_an_outer_budget_ends_it() -> None:
    """Then the outer timeout is what is raised (B031)."""
    driver = Driver(timeout(3, try_catch(timeout(MINUTE, parallel(first, second)), rescue))).start(
        1
    )
    driver.fire().stopped("first", ticks=4)
    assert driver.stopping() == ["./body/body/body/1"]
    assert driver.stopped("second").failure().message == "the budget of 3 ticks is used up"


def test_a_budget_outlives_a_suspension() -> None:
    """It comes back with what remained (B030)."""
    driver = Driver(timeout(3, sequence(first, suspend("x"), second))).start(1)
    driver.result("first", ticks=2)
    assert left(driver.restart().answer("x", 1), "second") == 1


@pytest.mark.parametrize("inside", [lambda f: retry(9, f), lambda f: try_catch(f, rescue)])
def test_an_outer_budget_cannot_be_swallowed_inside(inside: object) -> None:
    """Neither by retry nor by try_catch, be it ticks or time (B023, B031)."""
    assert callable(inside)
    body: Flow[object, object] = inside(first)
    spent = Driver(timeout(1, body)).start(1).error("first", ticks=2)
    assert spent.failure().message == "the budget of 1 ticks is used up"
    late = Driver(timeout(MINUTE, body)).start(1).fire().stopped("first")
    assert late.failure().message == "it took longer than 0:01:00"


def test_an_inner_budget_can_be_caught_outside_its_extent() -> None:
    """Only the budget's own extent is bound (B031)."""
    driver = Driver(timeout(9, try_catch(timeout(1, first), rescue))).start(1)
    assert driver.result("first", ticks=2).run().value() == ["FlowTimeout", 1]


def test_the_outermost_overdrawn_budget_counts() -> None:
    """Where both are used up, the outer one's extent ends (B031)."""
    driver = Driver(timeout(1, try_catch(timeout(1, first), rescue))).start(1)
    assert driver.result("first", ticks=2).failure().position == "."


def test_a_time_budget_is_a_durable_timer() -> None:
    """At its expiry what runs is stopped, and a late result is dropped (B032)."""
    driver = Driver(timeout(MINUTE, first)).start(1)
    begun = driver.now
    assert driver.machine.next_due() == begun + 60_000_000
    driver.restart().fire()
    assert driver.stopping() == ["./body"]
    assert driver.outcome is None
    assert driver.result("./body", "too late").failure().code == "flow_timeout"


def test_what_comes_first_decides() -> None:
    """A result before the timer drops it (B032)."""
    driver = Driver(timeout(MINUTE, first)).start(1)
    timer = driver.commands()[0].id
    driver.result("first", 5)
    assert driver.value() == 5
    assert not driver.machine.expects(timer)
    assert driver.machine.next_due() is None


def test_an_error_inside_drops_the_timer() -> None:
    """The budget ends with its body (B032)."""
    driver = Driver(timeout(MINUTE, first)).start(1).error("first")
    assert driver.failure().message == "it broke"


def test_a_timeout_around_a_question_closes_it() -> None:
    """A question needs nobody to be stopped (B032)."""
    driver = Driver(timeout(MINUTE, suspend("x"))).start(1).fire()
    assert driver.failure().type == "FlowTimeout"


def test_budgets_end_with_a_cancel() -> None:
    """Nothing is charged any more (B064)."""
    driver = Driver(timeout(3, parallel(first, second, ticks="split"))).start(1).cancel()
    driver.stopped("first", ticks=9).stopped("second", ticks=9)
    assert driver.outcome == Cancelled()


def test_a_budget_over_a_loop() -> None:
    """Every round is charged, so that a runaway loop ends (B027)."""
    driver = Driver(timeout(10, loop(first, until=second))).start(1)
    rounds = 0
    while driver.outcome is None:
        rounds += 1
        driver.result("first", ticks=3)
        if driver.nodes():
            driver.result("second", value=False)
    assert rounds == 4


@pytest.mark.parametrize("budget", [-1, True, 1.5, "3", None])
def test_a_budget_is_ticks_or_a_duration(budget: object) -> None:
    """Anything else is refused with a hint."""
    with pytest.raises(WrongArgument, match=r"timedelta\(seconds"):
        timeout(budget, first)  # type: ignore[arg-type]  # that is what is tested
