"""``saga``: undone in reverse when a step fails or when it is cancelled, and by nothing stopped."""

from datetime import timedelta
from typing import Any

import pytest

from everflow.core.algebra import ask, suspend
from everflow.core.combine.choice import loop, unless_failed
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.parallel import parallel
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import identity, sequence
from everflow.core.combine.waiting import sleep
from everflow.core.definition import from_data, to_data
from everflow.core.flow import Flow
from everflow.core.node import node
from everflow.core.program import Program
from everflow.core.registry import default_registry
from everflow.core.state import Cancelled
from everflow.errors import WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import broken, first, inc, rescue, second, third

MINUTE = timedelta(minutes=1)


def undo_a(pair: Any) -> Any:
    return pair


def undo_b(pair: Any) -> Any:
    return pair


def undo_c(pair: Any) -> Any:
    return pair


def running(driver: Driver) -> list[str]:
    return [op.id for op in driver.nodes()]


def test_steps_go_on_left_to_right() -> None:
    """Output to input, like a sequence; nothing is undone where all goes well."""
    driver = Driver(saga((first, undo_a), second, (third, undo_c))).start(1)
    driver.result("first", 2).result("second", 3)
    assert driver.input("third") == 3
    assert driver.result("third", 4).value() == 4
    assert Driver(saga()).start(7).value() == 7


def test_a_failure_undoes_what_was_done_the_latest_first() -> None:
    """Each undo gets (input, output) of its step; then the error goes outward."""
    flow = saga((first, undo_a), (second, undo_b), (third, undo_c))
    driver = Driver(flow).start(1).result("first", 2).result("second", 3).error("third")
    assert running(driver) == [".!1/undo 1"]
    assert driver.input("undo_b") == (2, 3)
    driver.restart().result("undo_b")
    assert driver.input("undo_a") == (1, 2)
    assert driver.result("undo_a").failure().message == "it broke"


def test_a_step_without_an_undo_is_passed_by() -> None:
    """A bare flow needs none, and a saga with nothing to undo just fails."""
    driver = Driver(saga(first, (second, undo_b), third)).start(1)
    driver.result("first").result("second").error("third")
    assert running(driver) == [".!1/undo 1"]
    driver = Driver(saga(first, (second, undo_b))).start(1).result("first").error("second")
    assert driver.failure().message == "it broke"


def test_a_cancel_undoes_and_only_then_ends_the_run() -> None:
    """What goes on is stopped first; the run is cancelled once everything is undone (B064)."""
    driver = Driver(saga((first, undo_a), (second, undo_b), third)).start(1)
    driver.result("first", 2).result("second", 3).cancel()
    assert driver.stopping() == ["./2"]
    assert not driver.nodes()
    driver.restart().stopped("./2")
    assert driver.outcome is None
    driver.restart().result("undo_b").cancel().restart()
    assert running(driver) == [".!1/undo 0"]
    assert driver.result("undo_a").outcome == Cancelled()


def test_a_cancel_between_two_steps_begins_to_undo_at_once() -> None:
    """Where nothing has to be stopped first, the undo is wanted by the same entry."""
    driver = Driver(saga((first, undo_a), suspend("ok"))).start(1).result("first").cancel()
    assert running(driver) == [".!1/undo 0"]
    assert [op.id for op in driver.machine.opened] == [".!1/undo 0"]
    assert driver.result("undo_a").outcome == Cancelled()


def test_undos_that_need_no_world_are_over_at_once() -> None:
    """The run ends by the very entry that cancelled it."""
    driver = Driver(saga((first, identity), suspend("ok"))).start(1).result("first").cancel()
    assert driver.outcome == Cancelled()


@pytest.mark.parametrize(
    ("around", "what"),
    [
        (lambda flow: timeout(MINUTE, flow), "time"),
        (lambda flow: try_catch(timeout(MINUTE, flow), rescue), "time"),
        (lambda flow: timeout(MINUTE, parallel(flow, suspend("else"))), "time"),
        (lambda flow: timeout(MINUTE, loop(unless_failed(flow), until=identity)), "time"),
        (lambda flow: parallel(flow, rescue), "sibling"),
        (lambda flow: parallel(timeout(MINUTE, retry(2, flow)), rescue), "sibling"),
        (lambda flow: timeout(0, parallel(flow, rescue)), "ticks"),
        (lambda flow: timeout(1, parallel(flow, rescue, ticks="split")), "ticks"),
    ],
)
def test_whatever_cancels_an_extent_waits_for_its_undo(around: Any, what: str) -> None:
    """A sibling's error, a time that is up, ticks that are used up: all undo first (B006, B031)."""
    driver = Driver(around(saga((first, undo_a), (second, undo_b), suspend("ok"))))
    driver.start(1).result("first", 2).result("second", 3)
    if what == "time":
        driver.fire()
    elif what == "sibling":
        driver.error("rescue", "the sibling's")
    else:
        driver.result("rescue", 1, ticks=1)
    assert len(driver.nodes()) == 1
    assert driver.outcome is None
    driver.restart().result("undo_b", ticks=5).restart()
    assert driver.input("undo_a") == (1, 2)
    driver.result("undo_a", ticks=5)
    if driver.nodes():
        assert driver.run().value() == ["FlowTimeout", 1]
    else:
        assert driver.failure().type == ("RuntimeError" if what == "sibling" else "FlowTimeout")


def test_inner_sagas_are_undone_before_outer_ones() -> None:
    """A cancelled saga waits for those within it, however deep they stand."""
    inner = saga((second, undo_b), suspend("inner"))
    flow = saga((first, undo_a), parallel(suspend("beside"), timeout(MINUTE, inner)))
    driver = Driver(flow).start(1).result("first").result("second").cancel()
    assert [op.rpartition("/")[2] for op in running(driver)] == ["undo 0"]
    assert driver.nodes()[0].position == "./1/1/body/undo 0"
    driver.restart().result("undo_b")
    assert driver.nodes()[0].position == "./undo 0"
    assert driver.restart().result("undo_a").outcome == Cancelled()


def test_a_failed_step_with_a_saga_within_is_undone_from_the_inside() -> None:
    """The inner saga has given its error when the outer one begins to undo."""
    flow = saga((first, undo_a), saga((second, undo_b), third))
    driver = Driver(flow).start(1).result("first").result("second").error("third")
    assert driver.nodes()[0].position == "./1/undo 0"
    driver.result("undo_b")
    assert driver.nodes()[0].position == "./undo 0"
    assert driver.result("undo_a").failure().message == "it broke"


def test_a_saga_that_undoes_is_not_cancelled_again() -> None:
    """A sibling's error, a timeout around and a cancel of the run find it undoing, and wait."""
    flow = timeout(MINUTE, parallel(saga((first, undo_a), second), third))
    driver = Driver(flow).start(1).result("first").error("second", "first of all")
    undoing = "./body/0!1/undo 0"
    driver.error("third", "the sibling's")
    assert running(driver) == [undoing]
    driver.restart().fire().restart()
    assert running(driver) == [undoing]
    driver.cancel().restart()
    assert running(driver) == [undoing]
    assert driver.result("undo_a").outcome == Cancelled()


def test_the_error_of_a_saga_counts_among_its_siblings() -> None:
    """It failed before the cancel: the lowest index wins, though its undo took longer (B006)."""
    driver = Driver(parallel(saga((first, undo_a), second), third)).start(1)
    driver.result("first").error("second", "the saga's").error("third", "the sibling's")
    failure = driver.result("undo_a").failure()
    assert failure.message == "the saga's"
    assert [error.message for error in failure.others] == ["the sibling's"]


def test_an_error_that_would_have_been_caught_does_not_count() -> None:
    """Between the saga and who cancelled it stood a try_catch."""
    inside = try_catch(saga((first, undo_a), second), rescue)
    driver = Driver(parallel(inside, third)).start(1)
    driver.result("first").error("second", "caught").error("third", "the sibling's")
    failure = driver.result("undo_a").failure()
    assert (failure.message, failure.others) == ("the sibling's", ())


def test_the_error_of_a_step_that_was_being_stopped_counts() -> None:
    """The cancel didn't cause it."""
    driver = Driver(parallel(saga((first, undo_a), second), third)).start(1)
    driver.result("first").error("third", "the sibling's").error("second", "its own")
    assert driver.result("undo_a").failure().message == "its own"


def test_an_undo_that_fails_is_a_question_of_the_run() -> None:
    """A person says retry or skip; the outcome tells of it, and the order stays."""
    flow = saga((first, undo_a), (second, undo_b), broken)
    driver = Driver(flow).start(1).result("first", 2).result("second", 3).error("broken")
    driver.error("undo_b", "no connection")
    [question] = driver.questions()
    assert (question.id, question.tag, question.occurrence) == (".!1/@undo", "@undo", 1)
    assert "'1' failed: RuntimeError: no connection" in driver.input(question.id)
    driver.restart().answer("@undo", "retry")
    assert running(driver) == [".!2/undo 1"]
    driver.error("undo_b", "again").restart().answer("@undo", "skip", 2)
    assert running(driver) == [".!3/undo 0"]
    failure = driver.result("undo_a").failure()
    assert failure.message == "it broke"
    assert [error.message for error in failure.others] == ["no connection", "again"]


def test_an_undo_that_fails_after_a_cancel_is_asked_about_as_well() -> None:
    """The run isn't cancelled before somebody answered, whatever else is cancelled meanwhile."""
    driver = Driver(timeout(MINUTE, saga((first, undo_a), suspend("ok")))).start(1)
    driver.result("first").fire().error("undo_a").restart().cancel()
    assert [op.tag for op in driver.questions()] == ["@undo"]
    assert driver.restart().answer("@undo", "skip").outcome == Cancelled()


def test_an_undo_has_retries_and_waits_of_its_own() -> None:
    """It is any flow: a retry with a backoff, a question, a sleep; no cancel reaches into it."""
    undo = retry(2, undo_a, backoff=60) >> sleep(5) >> suspend("signed")
    driver = Driver(saga((first, undo), suspend("ok"))).start(1).result("first").cancel()
    driver.error("undo_a").cancel().fire().restart().result("undo_a").cancel().fire()
    assert [op.tag for op in driver.questions()] == ["signed"]
    assert driver.restart().answer("signed", 1).outcome == Cancelled()


def test_budgets_within_an_undo_hold_and_those_around_do_not() -> None:
    """An undo that runs out of its own ticks fails; what it spends isn't charged outward."""
    flow = timeout(1, saga((first, timeout(2, sequence(undo_a, undo_b))), suspend("ok")))
    driver = Driver(flow).start(1).result("first").cancel()
    assert driver.op("undo_a").ticks == 2  # type: ignore[union-attr]  # a node has ticks
    driver.result("undo_a", ticks=2).result("undo_b", ticks=1)
    assert [op.tag for op in driver.questions()] == ["@undo"]
    assert driver.answer("@undo", "skip").outcome == Cancelled()


def test_a_notifier_with_a_saga_is_undone_before_the_answer_goes_on() -> None:
    """Whatever cancels a saga waits for it."""
    notify = saga((first, undo_a), suspend("seen"))
    driver = Driver(ask("ok", bool, notify=notify)).start(1).result("first")
    driver.answer("ok", value=True)
    assert running(driver) == ["./notify!1/undo 0"]
    assert driver.result("undo_a").value() == (1, True)


def test_a_retried_saga_begins_anew() -> None:
    """Its op ids are those of the next attempt, which undoes only what that did."""
    driver = Driver(retry(2, saga((first, undo_a), second))).start(1)
    driver.result("first").error("second").result("undo_a")
    assert running(driver) == [".!2/body/0"]
    driver.error("first")
    assert driver.failure().message == "it broke"


def test_labels_name_steps_and_their_undos() -> None:
    """They are positions like others; a label can't be another step's undo."""
    flow: Flow[Any, Any] = saga((node(inc).named("book"), undo_a), broken)
    assert list(Program(flow).sites) == [".", "./book", "./undo book", "./1"]
    data = to_data(Program(flow, "trip"))
    assert to_data(from_data(data, default_registry())) == data
    with pytest.raises(WrongArgument, match="undo's"):
        saga(node(inc).named("undo 0"))
    wrong: Any = (inc, inc, inc)
    with pytest.raises(WrongArgument, match="tuple of 3"):
        saga(wrong)
