"""Where a run stands in its flow, as a mark for each position."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everflow.core.algebra import ask, call, suspend
from everflow.core.combine.choice import branch, choose, loop
from everflow.core.combine.control import fixed, retry, timeout, try_catch
from everflow.core.combine.each import each
from everflow.core.combine.parallel import parallel
from everflow.core.combine.racing import race
from everflow.core.combine.remote import remote_node
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import identity, keep, sequence
from everflow.core.combine.waiting import sleep
from everflow.core.drawing import Mark, Standing, dot, mermaid, outline, stand
from everflow.core.drawing.standing import LIVE
from everflow.core.entries import Kind, decode_body
from everflow.core.faults import ErrorData
from everflow.core.flow import Flow
from everflow.core.ops import NodeOp, position_of
from everflow.core.program import Program
from everflow.core.refs import Literal
from everflow.core.state import Failed, State
from everflow.testing.driver import Driver
from everflow.testing.generated import flows, live


def one(value: object) -> object:
    return value


def two(value: object) -> object:
    return value


def three(value: object) -> object:
    return value


def marks(run: Driver) -> dict[str, str]:
    """Position to mark, without the root's dot and slash."""
    stands = stand(run.program, run.machine.state)
    return {position.removeprefix("./"): found.mark.value for position, found in stands.items()}


def words(run: Driver, position: str) -> str:
    return stand(run.program, run.machine.state)[position].sentence


def test_without_a_state_nothing_is_marked() -> None:
    """A flow that isn't run stands nowhere."""
    assert stand(Program(sequence(one, two)), None) == {}


def test_steps_before_the_one_that_runs_are_done() -> None:
    """And those after it have no mark."""
    run = Driver(sequence(one, two, three)).start().result("one")
    assert marks(run) == {".": "entered", "0": "done", "1": "running"}


def test_a_call_says_what_it_waits_for() -> None:
    """And that it is being cancelled."""
    run = Driver(sequence(one, call("other"), call("apart", detached=True))).start().result("one")
    assert marks(run)["1"] == "waiting"
    assert words(run, "./1") == "waiting, for its run of 'other'"
    assert marks(run.cancel())["1"] == "stopping"
    shown = outline(run.program)
    assert "call 'other'" in shown
    assert "call 'apart' · detached" in shown


def test_a_call_of_a_peer_says_whom_it_waits_for() -> None:
    """And what it asked for."""
    run = Driver(remote_node("east", "spell")).start()
    assert words(run, ".") == "waiting, for 'east' to run 'spell'"


def test_what_is_done_is_done_within() -> None:
    """Down to where it follows: of a branch the predicate alone, since the other way is unknown."""
    inner = sequence(keep(one), branch(two, one, identity), choose(two, {"x": one}))
    run = Driver(sequence(inner.named("inner"), three)).start(1)
    run.result("one").result("two", False).result("two", "x").result("one")
    assert marks(run) == {
        ".": "entered", "inner": "done", "inner/0": "done", "inner/0/body": "done",
        "inner/1": "done", "inner/1/if": "done", "inner/2": "done", "inner/2/on": "done",
        "1": "running",
    }  # fmt: skip


def test_children_of_a_parallel_stand_each_for_itself() -> None:
    """One has given its value, one has raised, one is being stopped (B006)."""
    run = Driver(parallel(one, two, sequence(three, one))).start().result("one").error("two")
    assert marks(run) == {
        ".": "entered", "0": "done", "1": "failed", "2": "entered", "2/0": "stopping",
    }  # fmt: skip


def test_a_parallel_that_settled_says_nothing_of_its_children() -> None:
    """Once it is over: which of them raised isn't known any more."""
    flow = parallel(one, two, two, join="settled")
    run = Driver(sequence(flow, three)).start().result("one").error("./0/1")
    assert (marks(run)["0/0"], marks(run)["0/1"], marks(run)["0/2"]) == (
        "done",
        "failed",
        "running",
    )
    assert marks(run.result("two")) == {".": "entered", "0": "done", "1": "running"}


def test_the_chosen_way_is_marked() -> None:
    """Its predicate is done, the other way isn't marked."""
    run = Driver(branch(one, two, three)).start().result("one", value=True)
    assert marks(run) == {".": "entered", "if": "done", "then": "running"}
    run = Driver(choose(one, {"x": two}, default=three)).start().result("one", "y")
    assert marks(run) == {".": "entered", "on": "done", "default": "running"}
    assert marks(Driver(choose(one, {"x": two})).start())["on"] == "running"


def test_a_round_begins_with_a_clean_body() -> None:
    """Marks are for the present round, and its number is said."""
    run = Driver(loop(sequence(one, two), until=three)).start().result("one").result("two")
    assert marks(run)["until"] == "running"
    assert marks(run)["body/1"] == "done"
    run.result("three", value=False)
    assert marks(run) == {".": "entered", "body": "entered", "body/0": "running"}
    assert words(run, ".") == "round 2"


def test_attempts_and_their_waits_are_told() -> None:
    """A backoff is a wait of the retry itself (B025)."""
    run = Driver(retry(3, one, backoff=fixed(3600))).start().error("one")
    assert marks(run) == {".": "waiting"}
    assert words(run, ".") == "waiting, until 2023-11-14 23:13:20 UTC, attempt 1 of 3"
    run.fire()
    assert marks(run) == {".": "entered", "body": "running"}
    assert words(run, ".") == "attempt 2 of 3"


def test_a_question_is_asked_and_its_notice_goes_on() -> None:
    """What was shown is done; the deadline is told but isn't a wait of its own (B053)."""
    flow = ask("ok", bool, show=one, notify=two, within=timedelta(days=1))
    run = Driver(flow).start()
    assert marks(run) == {".": "entered", "show": "running"}
    run.result("one")
    assert marks(run) == {".": "asked", "show": "done", "notify": "running"}
    assert words(run, ".") == "asked, until 2023-11-15 22:13:20 UTC"


def test_a_tag_that_is_asked_again_is_counted() -> None:
    """The same tag is a new question (B042)."""
    run = Driver(sequence(suspend("go"), suspend("go"))).start().answer("go", 1)
    assert words(run, "./1") == "asked, question 2 of that tag"


def test_a_node_that_waits_for_an_answer_is_asked() -> None:
    """Its tag is told, since the flow doesn't have it."""
    run = Driver(sequence(one, two)).start().wanted("one", "colour")
    assert marks(run) == {".": "entered", "0": "asked"}
    assert words(run, "./0") == "asked, for 'colour'"


def test_budgets_are_told() -> None:
    """The time that a timeout ends at, and the ticks that are left."""
    run = Driver(timeout(timedelta(minutes=1), timeout(9, one))).start()
    assert marks(run) == {".": "entered", "body": "entered", "body/body": "running"}
    assert words(run, ".") == "until 2023-11-14 22:14:20 UTC"
    assert words(run, "./body/body") == "running, 9 ticks left"
    assert marks(Driver(sleep(60)).start()) == {".": "waiting"}


def test_a_caught_error_is_marked() -> None:
    """What was tried has failed, and the rescue is on."""
    run = Driver(try_catch(sequence(one, two), three)).start()
    assert marks(run) == {".": "entered", "body": "entered", "body/0": "running"}
    run.error("one")
    assert marks(run) == {".": "entered", "body": "failed", "catch": "running"}


def test_a_failed_run_shows_the_way_of_its_error() -> None:
    """From the node that raised to the root, and what was done before it."""
    run = Driver(sequence(one, parallel(two, three))).start().result("one").error("three")
    run.stopped("two")
    assert marks(run) == {".": "failed", "0": "done", "1": "failed", "1/1": "failed"}


def test_an_error_without_a_position_marks_the_root() -> None:
    """Nothing is guessed."""
    state = State(outcome=Failed(ErrorData(type="Odd", message="")))
    assert stand(Program(sequence(one, two)), state) == {".": Standing(Mark.FAILED)}


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (lambda run: run.result("one"), {".": "done", "0": "done", "1": "done"}),
        (lambda run: run.cancel(), {".": "entered", "1": "stopping", "0": "done"}),
        (lambda run: run.cancel().stopped("one"), {".": "cancelled"}),
    ],
)
def test_the_end_of_a_run_is_marked(end: Callable[[Driver], Any], found: dict[str, str]) -> None:
    """Done within as far as it follows; a cancelled run has forgotten where it was."""
    run = Driver(sequence(two, one)).start().result("two")
    end(run)
    assert marks(run) == found


def test_several_ops_at_one_position_are_counted() -> None:
    """The strongest mark holds, and all are told."""
    ops = [
        NodeOp(f"./{i}", "./0", ".", "0", Literal("1"), 0, "one", stopping=i > 2) for i in range(5)
    ]
    state = State(ops={op.id: op for op in ops})
    found = stand(Program(sequence(one, two)), state)["./0"]
    assert found.sentence == "running, 3 running, 2 stopping"


def test_what_the_program_does_not_have_is_passed_over() -> None:
    """A state of another shape is drawn as far as it fits."""
    other = Driver(sequence(retry(2, one).named("old"), two)).start()
    wide = Driver(sequence(parallel(one, two).named("x"), three)).start().result("one")
    program = Program(sequence(one, two))
    assert stand(program, other.machine.state) == {}
    assert stand(program, wide.machine.state) == {}


@settings(max_examples=60)
@given(flow=flows(), data=st.data())
def test_marks_are_true_of_every_flow_in_every_world(
    flow: Flow[Any, Any], data: st.DataObject
) -> None:
    """What is outstanding is marked so, and what is marked done has its result in the journal."""
    run = Driver(flow, shadow=False).start(1)
    for _ in live(data, run, 15):
        state = run.machine.state
        found = stand(run.program, state)
        asked = {op.position for op in run.questions()}
        running = {op.position for op in run.nodes()}
        assert {p for p, how in found.items() if how.mark is Mark.RUNNING} == running
        assert {p for p, how in found.items() if how.mark is Mark.ASKED} == asked - running
        assert all(found[p].mark in LIVE for op in run.commands() for p in _around(op.position))
        entries = map(decode_body, run.bodies)
        results = {position_of(entry.op) for entry in entries if entry.kind == Kind.RESULT}
        done = {p for p, how in found.items() if how.mark is Mark.DONE}
        assert {p for p in done if run.program.sites[p].flow.kind in {"node", "it"}} <= results
        assert not done & {p for op in run.commands() for p in _around(op.position)}
        assert all(render(run.program, state) for render in (outline, mermaid, dot))


def _around(position: str) -> list[str]:
    """A position and all that it is in."""
    parts = position.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def test_how_far_an_each_is() -> None:
    """Counting, then so many of so many."""
    run = Driver(sequence(each(one, limit=2, join="settled"), two)).start([1, 2, 3])
    assert words(run, "./0") == "running, counting its items"
    run.perform("./0/@items").error("./0~0/body").result("./0~1/body")
    assert words(run, "./0") == "2 of 3 items, 1 failed"
    assert marks(run) == {".": "entered", "0": "entered", "0/body": "running"}


def test_who_won_a_race() -> None:
    """While the losers are being closed."""
    run = Driver(race(a=one, b=two)).start().result("two")
    assert marks(run) == {".": "entered", "a": "stopping", "b": "done"}
    run = Driver(race(a=one, b=two)).start().error("two")
    assert marks(run) == {".": "entered", "a": "stopping", "b": "failed"}


def test_a_question_was_told_of_once_its_notify_has_ended() -> None:
    """While that goes on it runs; then it is done, and the question is still open."""
    run = Driver(ask("ok", bool, notify=one)).start("x")
    assert marks(run) == {".": "asked", "notify": "running"}
    run.result("one")
    assert marks(run) == {".": "asked", "notify": "done"}


def test_the_steps_of_a_saga_are_done_before_the_one_that_runs() -> None:
    """And all of them once the saga is, but no undo."""
    run = Driver(sequence(saga((one, two), three), suspend("go"))).start(1)
    run.result("one", 1)
    assert marks(run)["0/0"] == "done"
    run.result("three", 2)
    found = marks(run)
    assert (found["0/0"], found["0/1"]) == ("done", "done")
    assert "0/undo 0" not in found
