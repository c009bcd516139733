"""Joins that end before all have: race, first, at least k, tolerate."""

from typing import Any

import pytest

from everflow.core.algebra import const, suspend
from everflow.core.combine.control import timeout, try_catch
from everflow.core.combine.joins import GOES, LOST, WON, Policy, at_least, tolerate
from everflow.core.combine.parallel import parallel
from everflow.core.combine.racing import race
from everflow.core.combine.sequence import identity, sequence
from everflow.core.faults import Settled
from everflow.core.flow import Flow
from everflow.errors import WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, inc, rescue, second, third


def fourth(x: Any) -> Any:
    return x


def test_the_first_to_settle_wins_and_the_losers_are_waited_for() -> None:
    """A value wins, the others are stopped; what they give then is dropped."""
    driver = Driver(race(first, second, sequence(third, first))).start(1).result("second", "won")
    assert driver.stopping() == ["./0", "./2/0"]
    assert driver.outcome is None
    assert driver.result("third", 3).error("first").value() == "won"


def test_an_error_settles_a_race_too() -> None:
    """It is raised once the losers are closed, without what they raised."""
    driver = Driver(race(first, second)).start(1).error("first", "the first")
    assert driver.error("second").failure().message == "the first"
    assert driver.failure().others == ()


def test_a_race_by_name_says_who_won() -> None:
    """The result is (name, value)."""
    driver = Driver(race(yes=suspend("yes"), no=suspend("no"))).start(1).answer("no", [2])
    assert driver.value() == ("no", [2])


def test_a_race_that_is_decided_at_once_begins_nothing_more() -> None:
    """What ends without the world wins over those after it."""
    assert Driver(race(const(3), first)).start(1).value() == 3
    assert Driver(race(first, const(3))).start(1).restart().stopping() == []
    assert Driver(race(first, const(3))).start(1).value() == 3


def test_a_race_can_be_cancelled_from_outside() -> None:
    """While it goes on, and while its losers are being closed."""
    assert Driver(race(first, second)).start(1).cancel().stopping() == ["./0", "./1"]
    driver = Driver(parallel(race(first, second), third)).start(1).result("first", 1)
    driver.error("third", "it ended all")
    assert driver.stopped("second").failure().message == "it ended all"


def test_a_race_of_none_is_refused() -> None:
    """Nothing could win it."""
    with pytest.raises(WrongArgument, match="no winner"):
        race()
    with pytest.raises(WrongArgument, match="not both"):
        race(first, a=second)  # type: ignore[call-overload]  # one or the other


def test_the_first_value_is_enough() -> None:
    """Errors before it are forgiven; all others are cancelled."""
    driver = Driver(parallel(first, second, third, join="first")).start(1)
    driver.error("first").result("third", 3)
    assert driver.stopping() == ["./1"]
    assert driver.error("second").value() == 3


def test_if_all_raise_the_lowest_index_is_raised() -> None:
    """With the others attached."""
    driver = Driver(parallel(first, second, join="first")).start(1)
    driver.error("second", "two").error("first", "one")
    assert driver.failure().message == "one"
    assert [other.message for other in driver.failure().others] == ["two"]


def test_at_least_so_many_values_in_declared_order() -> None:
    """The rest is cancelled."""
    driver = Driver(parallel(first, second, third, fourth, join=at_least(2))).start(1)
    driver.error("first").result("fourth", 4).result("second", 2)
    assert driver.stopped("third").value() == [2, 4]
    named = Driver(parallel(a=first, b=second, c=third, join=at_least(2))).start(1)
    named.result("third", 3).result("first", 1)
    assert named.stopped("second").value() == {"a": 1, "c": 3}


def test_out_of_reach_ends_it_at_once() -> None:
    """As soon as too many have raised, the rest is cancelled; its own errors are attached."""
    driver = Driver(parallel(first, second, third, fourth, join=at_least(3))).start(1)
    driver.result("first", 1).error("second", "two").error("fourth", "four")
    assert driver.stopping() == ["./2"]
    assert driver.error("third", "three").failure().message == "two"
    assert [other.message for other in driver.failure().others] == ["three", "four"]


def test_a_count_that_grew_out_of_reach_is_said() -> None:
    """Settings move to running runs; where no child raised there is an error of its own."""
    driver = Driver(parallel(first, second, join=at_least(1))).start(1)
    data = Policy("at_least", 3)
    moved = parallel(first, second, join=at_least(2))
    moved.policy = data  # type: ignore[attr-defined]  # more than a constructor would take
    driver.move(moved).result("first", 1)
    assert driver.stopped("second").failure().code == "out_of_reach"


def test_a_partial_join_goes_on_while_the_rest_does() -> None:
    """What follows gets the values at once; the whole ends when all have."""
    flow = parallel(first, second, third, join=at_least(2, then=fourth))
    driver = Driver(flow).start(1).result("third", 3).result("first", 1)
    assert driver.input("fourth") == [1, 3]
    assert [op.id for op in driver.nodes()] == ["./1", "./then"]
    assert driver.result("fourth", "on").outcome is None
    assert driver.restart().error("second").value() == "on"
    driver = Driver(flow).start(1).result("third", 3).result("first", 1).result("second", 2)
    assert driver.result("fourth", "on").value() == "on"


def test_what_follows_a_partial_join_may_raise() -> None:
    """Then the rest is cancelled; before it, the join itself may be out of reach."""
    flow = parallel(first, second, third, join=at_least(2, then=fourth))
    driver = Driver(flow).start(1).error("third", "three").result("first", 1).result("second", 2)
    assert driver.error("fourth", "four").failure().message == "four"
    driver = Driver(flow).start(1).result("third", 3).result("first", 1).error("fourth", "four")
    assert driver.stopping() == ["./1"]
    assert driver.error("second", "two").failure().message == "four"
    assert [other.message for other in driver.failure().others] == ["two"]
    driver = Driver(flow).start(1).error("third").error("first")
    assert driver.stopped("second").failure().message == "it broke"


def test_a_child_may_be_called_then() -> None:
    """Only what follows a partial join is that join's own."""
    driver = Driver(parallel(then=first, other=second)).start(1).result("first", 1)
    assert driver.result("second", 2).value() == {"then": 1, "other": 2}
    failing: Flow[Any, Any] = parallel(then=first, other=second, join="settled")
    driver = Driver(failing).start(1).error("first").result("second", 2)
    assert [end.ok for end in driver.value().values()] == [False, True]


def test_some_errors_are_tolerated() -> None:
    """Each end is a Settled; one error more than that ends the rest."""
    driver = Driver(parallel(first, second, third, join=tolerate(1))).start(1)
    driver.error("second").result("third", 3).result("first", 1)
    one, two, three = driver.value()
    assert (one, three) == (Settled(ok=True, value=1), Settled(ok=True, value=3))
    assert (two.ok, two.error.message) == (False, "it broke")
    driver = Driver(parallel(first, second, third, join=tolerate(1))).start(1)
    driver.error("third", "three").error("first", "one")
    assert driver.stopped("second").failure().message == "one"


def test_ticks_are_split_among_those_that_race() -> None:
    """A child whose share is used up has raised; a first one is wanted still."""
    flow = timeout(2, parallel(first, second, join="first", ticks="split"))
    driver = Driver(flow).start(1).result("first", 1, ticks=2)
    assert driver.result("second", 2).value() == 2


def test_what_is_stopped_from_outside_would_have_been_caught() -> None:
    """An error under a join that tolerates it isn't the cancel's: the outer one stands alone."""
    flow = parallel(first, parallel(second, third, join="first"))
    driver = Driver(flow).start(1).error("first", "outer").error("second", "inner")
    assert driver.stopped("third").failure().others == ()


def test_an_early_join_can_be_caught() -> None:
    """What it raises goes outward like any error."""
    flow = try_catch(parallel(first, second, join=at_least(2)), rescue)
    driver = Driver(flow).start(7).error("first").stopped("second")
    assert driver.run().value() == ["RuntimeError", 7]
    assert Driver(parallel(identity, inc, join=at_least(2))).start(1).run().value() == [1, 2]


@pytest.mark.parametrize(
    ("policy", "total", "verdicts"),
    [
        (Policy("all"), 2, {(1, 0): GOES, (2, 0): WON, (0, 1): LOST}),
        (Policy("settled"), 2, {(1, 0): GOES, (0, 2): WON}),
        (Policy("first", 1), 2, {(0, 1): GOES, (1, 1): WON, (0, 2): LOST}),
        (Policy("at_least", 2), 3, {(1, 1): GOES, (2, 1): WON, (1, 2): LOST}),
        (Policy("tolerate", 1), 3, {(1, 1): GOES, (2, 1): WON, (0, 2): LOST}),
        (Policy("tolerate", share=0.29), 100, {(0, 29): GOES, (71, 29): WON, (0, 30): LOST}),
    ],
)
def test_policies_judge_counts(
    policy: Policy, total: int, verdicts: dict[tuple[int, int], int]
) -> None:
    """A verdict for each pair of values and errors so far."""
    assert {ends: policy.verdict(total, *ends) for ends in verdicts} == verdicts
    assert Policy.of_data(policy.name, policy.data()) == policy


@pytest.mark.parametrize(
    "make",
    [
        lambda: parallel(first, join="most"),  # type: ignore[call-overload]  # there is no such join
        lambda: parallel(join="first"),
        lambda: parallel(first, second, join=at_least(3)),
        lambda: at_least(0),
        lambda: at_least(True),
        tolerate,
        lambda: tolerate(1, share=0.5),
        lambda: tolerate(-1),
        lambda: tolerate(share=1.5),
        lambda: tolerate(share=True),
    ],
)
def test_joins_that_make_no_sense_are_refused(make: Any) -> None:
    """When the flow is built."""
    with pytest.raises(WrongArgument):
        make()
