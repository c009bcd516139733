"""``call``: child runs, told apart from nodes only by who ends them."""

from datetime import timedelta
from typing import Any

import pytest

from everflow.core.algebra import call, flow
from everflow.core.combine.call import DEEPEST, child_run
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.parallel import parallel
from everflow.core.combine.racing import race
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import sequence
from everflow.core.entries import Entry, Kind
from everflow.core.faults import ErrorData, encode_error
from everflow.core.flow import Flow
from everflow.core.machine import Machine
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.core.state import Cancelled, Failed
from everflow.errors import ChildCancelled, ChildFailed, JournalMismatch, WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import broken, first, rescue, second

MINUTE = timedelta(minutes=1)


def waiting(driver: Driver) -> list[str]:
    """The calls that are outstanding."""
    return [f"{op.id} {op.flow}{' stopping' * op.stopping}" for op in driver.calls()]


def test_the_childs_value_is_the_value_out() -> None:
    """By name, as it is told (B051)."""
    driver = Driver(sequence(first, call("other"), second)).start(1).result("first", 2)
    assert waiting(driver) == ["./1 other"]
    assert driver.input("./1") == 2
    assert driver.restart().child("other", 3).result("second", 4).value() == 4


def test_a_childs_error_is_named_with_its_origin() -> None:
    """Which run it was, where it began, and the child's own error."""
    driver = Driver(sequence(first, call("other"))).start(1).result("first", 1)
    error = driver.child_failed("other", ValueError("no")).failure()
    child = child_run(driver.machine.run, 0, "./1")
    assert error.is_a(ChildFailed)
    assert error.message == f"run {child} of other failed: ValueError: no at ."
    assert (error.position, error.data["run"], error.data["origin"]) == ("./1", child, child)
    assert error.others[0].type == "ValueError"


def test_an_error_far_below_stays_readable() -> None:
    """However many runs are between, the first of them and the one that failed are named."""
    driver = Driver(call("other")).start(1).child_failed("other")
    for _ in range(3):
        below, driver = driver.failure(), Driver(call("other")).start(1)
        driver.tell(Kind.CHILD, ".", encode_error(below), note="error")
    error = driver.failure()
    assert error.message.count("failed:") == 1
    assert error.message.endswith(f"in run {error.data['origin']}")
    assert [other.type for other in error.others] == ["RuntimeError"]


def test_a_cancelled_child_is_an_error_of_its_own() -> None:
    """It can be caught, and called again."""
    flow = try_catch(retry(2, call("other"), on=ChildCancelled), rescue)
    driver = Driver(flow).start(1).child_cancelled("other")
    assert waiting(driver) == ["./body!2/body other"]
    driver.child_failed("other").run()
    assert driver.value() == ["ChildFailed", 1]


def test_each_call_has_a_run_of_its_own() -> None:
    """By caller, generation and op; the same each time that it is asked for."""
    ids = {child_run(*of) for of in (("a" * 26, 0, "."), ("a" * 26, 1, "."), ("a" * 26, 0, "./1"))}
    assert len(ids) == 3
    assert {len(one) for one in ids} == {26}
    assert child_run("a" * 26, 0, ".") in ids
    assert all(one.startswith("a" * 10) for one in ids)


@pytest.mark.parametrize("how", ["result", "error", "cancelled"])
def test_a_cancel_goes_down_and_waits(how: str) -> None:
    """Whatever becomes of the child: its caller is cancelled once it has ended (B064)."""
    driver = Driver(call("other")).start(1).cancel()
    assert waiting(driver) == [". other stopping"]
    assert driver.restart().cancel().outcome is None
    ends = {
        "result": lambda: driver.child("other", 1),
        "error": lambda: driver.child_failed("other"),
    }
    ends.get(how, lambda: driver.child_cancelled("other"))()
    assert isinstance(driver.outcome, Cancelled)


def test_a_timeout_waits_for_the_child() -> None:
    """The extent goes on only when the child is closed."""
    driver = Driver(try_catch(timeout(MINUTE, call("other")), rescue)).start(1).fire()
    assert waiting(driver) == ["./body/body other stopping"]
    assert driver.child_cancelled("other").run().value() == ["FlowTimeout", 1]


def test_a_race_cancels_its_losing_child() -> None:
    """And is settled once that is closed."""
    driver = Driver(race(call("a"), call("b"))).start(1).child("b", 2)
    assert waiting(driver) == ["./0 a stopping"]
    assert driver.child("a", 3).value() == 2


def test_an_error_beside_a_cancel_is_told() -> None:
    """As that of a node: attached, unless something in between would have caught it."""
    driver = Driver(parallel(call("a"), broken)).start(1).error("broken").child_failed("a")
    assert {driver.failure().type, *(e.type for e in driver.failure().others)} >= {"ChildFailed"}
    driver = Driver(parallel(try_catch(call("a"), rescue), broken)).start(1).error("broken")
    assert "ChildFailed" not in {e.type for e in driver.child_failed("a").failure().others}


def test_a_saga_undoes_what_a_child_did() -> None:
    """The undo of a step that is a call gets what the child gave; it may be a call itself."""
    driver = Driver(saga((call("book"), call("unbook")), broken)).start(1).child("book", 2)
    driver.error("broken")
    assert driver.input(driver.calls()[0].id) == (1, 2)
    assert isinstance(driver.child("unbook", None).outcome, Failed)


def test_a_failed_run_calls_again_in_its_next_generation() -> None:
    """What was called then and has a result keeps it; the rest are other runs (B069)."""
    flow = parallel(call("a"), call("b"), call("c"))
    driver = Driver(flow).start(1).child("a", 1).child_failed("b").child_cancelled("c").retry()
    assert waiting(driver) == ["./1 b", "./2 c"]
    assert driver.child("b", 2).child("c", 3).value() == (1, 2, 3)


def test_a_failure_on_its_way_is_retried() -> None:
    """The siblings that are still to be closed are, in the story that is told anew."""
    flow = sequence(parallel(parallel(call("a"), call("b")), call("c")), first)
    driver = Driver(flow).start(1).child_failed("a").child("c", 3).child("b", 2).retry()
    assert waiting(driver) == ["./0/0/0 a"]


def test_only_so_many_wait_for_one_another() -> None:
    """The ceiling is an error that can be caught; a detached call has none."""
    for detached in (False, True):
        flow_: Flow[Any, Any] = call("me", detached=True) if detached else call("me")
        machine = Machine(Program(flow_))
        machine.tell(Entry(0, 0, Kind.START, "./caller", "1", ticks=DEEPEST, note="run"))
        assert machine.state.depth == DEEPEST
        if detached:
            assert machine.outcome is None
        else:
            assert isinstance(machine.outcome, Failed)
            assert machine.outcome.error.code == "call_too_deep"


def test_what_is_told_must_belong() -> None:
    """Entries for no call, and errors that are none."""
    driver = Driver(sequence(call("a"), first)).start(1)
    for op, payload, note in (("./1", "1", "result"), ("./0", "1", "error")):
        with pytest.raises(JournalMismatch, match=r"call of a \./0"):
            driver.tell(Kind.CHILD, op, payload, note=note)
    driver.cancel()
    with pytest.raises(JournalMismatch, match="stopping"):
        driver.tell(Kind.CHILD, "./1", note="result")


def test_what_can_be_called() -> None:
    """A flow that is named, or a name."""
    named = flow("named", first, registry=Registry())
    assert call(named).shape() == {"flow": "named"}  # the flow is found when it is called
    for wrong in (first, "", 5):
        with pytest.raises(WrongArgument, match="name"):
            call(wrong)  # type: ignore[arg-type]  # that is the point


def test_errors_are_plain() -> None:
    """A cause that tells no position."""
    driver = Driver(call("a")).start(1)
    cause = ErrorData(type="E", message="m")
    driver.tell(Kind.CHILD, ".", encode_error(cause), note="error")
    assert driver.failure().message.endswith("failed: E: m")
