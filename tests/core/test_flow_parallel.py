"""At the same time: behaviours B005 to B008."""

from dataclasses import dataclass, field

import pytest

from everflow.core.algebra import fail, suspend
from everflow.core.combine.choice import loop, unless_failed
from everflow.core.combine.control import retry, try_catch
from everflow.core.combine.parallel import gather, parallel
from everflow.core.combine.sequence import identity, sequence
from everflow.core.faults import Failure, Settled
from everflow.core.registry import Registry
from everflow.errors import JournalMismatch, WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import broken, double, first, inc, rescue, second, third


@dataclass(frozen=True)
class Report:
    """What the two of them found."""

    review: int
    spelling: int
    note: str = ""
    later: str = field(default="", init=False)


def test_children_start_left_to_right_and_end_in_any_order() -> None:
    """The same input to each, the results in declared order (B005)."""
    driver = Driver(parallel(first, second, third)).start(7)
    assert [op.id for op in driver.commands()] == ["./0", "./1", "./2"]
    assert {driver.input(name) for name in ("first", "second", "third")} == {7}
    driver.result("third", 3).result("first", 1).restart().result("second", 2)
    assert driver.value() == (1, 2, 3)


def test_empty_named_and_gathered() -> None:
    """No children give [], named ones a dict, `gather` a dataclass (B005)."""
    assert Driver(parallel()).start(7).value() == []
    assert Driver(parallel(join="settled")).start(7).value() == []
    named = parallel(up=inc, twice=double)
    assert Driver(named).start(3).run().value() == {"up": 4, "twice": 6}
    registry = Registry()
    report = gather(Report, review=inc, spelling=double)
    registry.add_parts(report)
    assert Driver(report, registry=registry).start(3).run().value() == Report(4, 6)


def test_an_error_cancels_the_siblings_and_waits_for_them() -> None:
    """The error is raised once all are closed (B006)."""
    driver = Driver(parallel(first, second, third)).start(1).error("second")
    assert driver.stopping() == ["./0", "./2"]
    driver.stopped("first")
    assert driver.outcome is None
    assert driver.stopped("third").failure().message == "it broke"
    assert driver.failure().others == ()


def test_the_lowest_index_error_is_raised_with_the_others_attached() -> None:
    """One that the cancel didn't cause, even where it comes late (B006)."""
    driver = Driver(parallel(first, loop(second, until=identity), third)).start(1)
    driver.error("third", "three").error("second", "two").result("first", "late")
    assert driver.failure().message == "two"
    assert [other.message for other in driver.failure().others] == ["three"]


def test_attached_errors_stay_few_however_deep_joins_nest() -> None:
    """They stand in one flat row, the first sixteen of them (B006)."""
    inner = parallel(*[first] * 20)
    driver = Driver(parallel(inner, inner)).start(1).error("./1/9", "one")
    while driver.outcome is None:
        op = driver.stopping()[0]
        driver.error(op, f"error of {op}")
    assert driver.failure().message == "error of ./0/0"
    assert driver.failure().others[0].message == "error of ./1/0"
    assert len(driver.failure().others) == 16
    assert not any(other.others for other in driver.failure().others)


def test_an_error_that_would_have_been_caught_does_not_count() -> None:
    """Neither inside try_catch, nor with an attempt left, nor in a settled join (B006)."""
    for guarded in (
        try_catch(first, rescue),
        retry(2, first),
        parallel(first, join="settled"),
        sequence(try_catch(sequence(identity, first), rescue), third),
    ):
        driver = Driver(parallel(guarded, second)).start(1).error("second", "two")
        assert driver.error("first", "one").failure().message == "two"
        assert driver.failure().others == ()
    for unguarded in (try_catch(broken, first), retry(1, first)):
        driver = Driver(parallel(unguarded, second)).start(1)
        if not driver.nodes()[0].node.endswith("first"):
            driver.error("broken")
        driver.error("second", "two")
        assert driver.error("first", "one").failure().message == "one"


def test_a_child_that_fails_at_once_keeps_the_others_from_starting() -> None:
    """What was asked for in the same breath is never asked of the world (B006)."""
    driver = Driver(parallel(first, fail("no") >> first, second)).start(1)
    assert driver.failure().code == "unhandled_failure"
    assert driver.machine.opened == []
    assert driver.machine.closed == []


def test_settled_raises_nothing() -> None:
    """Each child's end is a value (B006)."""
    driver = Driver(parallel(first, second, join="settled")).start(1)
    driver.error("first").result("second", 2)
    one, two = driver.value()
    assert isinstance(one, Settled)
    assert (one.ok, one.value, one.error.message if one.error else "") == (False, None, "it broke")
    assert two == Settled(ok=True, value=2)


def test_two_pending_questions_are_answered_in_any_order() -> None:
    """Both are open at once, each with its own address (B007)."""
    driver = Driver(parallel(suspend("a"), suspend("a"), suspend("b"))).start(1)
    assert [(q.tag, q.occurrence) for q in driver.questions()] == [("a", 1), ("a", 2), ("b", 1)]
    driver.answer("b", 3).answer("a", 2, occurrence=2).answer("a", 1)
    assert driver.value() == (1, 2, 3)


def test_a_failure_value_is_just_a_result() -> None:
    """It cancels nobody (B008)."""
    driver = Driver(parallel(fail("no"), unless_failed(first))).start(1).run()
    assert driver.value() == (Failure("no"), 1)


def test_a_closed_op_takes_nothing_more() -> None:
    """A result after the end is late: the machine doesn't expect it (B006)."""
    driver = Driver(parallel(first, second)).start(1).result("first", 1)
    assert not driver.machine.expects("./0")
    with pytest.raises(LookupError, match="0 outstanding ops match 'first'"):
        driver.result("first", 1)
    with pytest.raises(JournalMismatch):
        driver.tell("result", "./0", node="tests.core.sample_flows:first", input=0)
    assert driver.result("second", 2).value() == (1, 2)


def test_children_that_cannot_be_are_refused() -> None:
    """Either by order or by name, a known join, a dataclass with those fields."""
    with pytest.raises(WrongArgument, match="not both"):
        parallel(inc, up=double)  # type: ignore[call-overload]  # that is what is tested
    with pytest.raises(WrongArgument, match="join='most'"):
        parallel(inc, join="most")  # type: ignore[call-overload]  # that is what is tested
    with pytest.raises(WrongArgument, match="ticks='all'"):
        parallel(inc, ticks="all")  # type: ignore[call-overload]  # that is what is tested
    with pytest.raises(WrongArgument, match="no field 'page'"):
        gather(Report, page=inc)
    with pytest.raises(WrongArgument, match="no field 'later'"):
        gather(Report, later=inc)
    with pytest.raises(WrongArgument, match="needs its field 'spelling'"):
        gather(Report, review=inc)
    with pytest.raises(WrongArgument, match="needs a dataclass"):
        gather(int, review=inc)
