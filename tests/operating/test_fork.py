"""Forks, labels and the audit of an engine (B068, B069)."""

from dataclasses import dataclass

import pytest

from everflow import Config, ask, loop, receive, suspend
from everflow.core.expressions import it
from everflow.engine.operating.operator import FORKED_FROM
from everflow.errors import AnswerRefused, InputRefused, NoSuchPoint, WrongArgument
from everflow.store import RunQuery, Status
from tests.engine.support import PATIENT, World, plus_one, settle


@dataclass
class Ruling:
    """An answer with a type."""

    good: bool


def test_a_fork_goes_on_from_an_earlier_point_as_another_run(world: World) -> None:
    """With another value, if wished; the first run stays as it was (B069)."""
    flow = world.flow("forked", plus_one >> plus_one >> ask("ok", bool))
    with world.engine() as engine:
        run = engine.start(flow, 1, labels={"team": "a"})
        assert settle(run) == "suspended"
        fork = engine.fork(run, 1, value=41, by="ann")
        assert settle(fork) == "suspended"
        assert fork.id != run.id
        (mine,) = engine.questions(run)
        (its,) = engine.questions(fork)
        assert (mine.run, its.run) == (run.id, fork.id)
        engine.answer(f"{fork.id}.ok.1", value=True)
        assert fork.result(PATIENT) == (42, True)
        assert run.status is Status.SUSPENDED
        assert fork.row().labels == {"team": "a", FORKED_FROM: f"{run.id}@1"}
        (line,) = engine.audit()
        assert (line.action, line.run) == ("fork", run.id)
        assert line.detail == {"entry": 1, "fork": fork.id}


def test_the_open_questions_of_a_fork_are_its_own(memory: World) -> None:
    """Answering one answers nothing of the other; each has its token."""
    flow = memory.flow("asks", ask("ok", bool) >> ask("sure", bool))
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        assert settle(run) == "suspended"
        fork = engine.fork(run, 0)
        assert settle(fork) == "suspended"
        engine.resume(fork, value=False)
        assert settle(fork) == "suspended"
        assert [question.tag for question in engine.questions(fork)] == ["sure"]
        assert [question.tag for question in engine.questions(run)] == ["ok"]


def test_an_answer_that_is_kept_is_kept_in_the_fork_too(memory: World) -> None:
    """It came before its question; the fork's question takes the copy."""
    flow = memory.flow("early", ask("first", bool) >> ask("later", bool))
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        assert settle(run) == "suspended"
        engine.resume(run, value=True, tag="later")
        assert settle(run) == "suspended"
        fork = engine.fork(run, 1)
        assert settle(fork) == "suspended"
        engine.resume(fork, value=True, tag="first")
        assert fork.result(PATIENT) == ((1, True), True)


def test_a_finished_run_is_forked_from_its_input(memory: World) -> None:
    """Entry 0 bears the input: the whole run once more, with another one."""
    flow = memory.flow("again", plus_one)
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        assert run.result(PATIENT) == 2
        assert engine.fork(run, 0, value=10).result(PATIENT) == 11
        assert engine.fork(run, 1).result(PATIENT) == 2


def test_a_fork_takes_another_signal(memory: World) -> None:
    """The signal that was taken is an entry with a value like any other."""
    flow = memory.flow("heard", receive("parcel", int) >> plus_one)
    with memory.engine() as engine:
        run = engine.start(flow, None)
        engine.signal(run, "parcel", 1)
        assert run.result(PATIENT) == 2
        assert engine.fork(run, 1, value=10).result(PATIENT) == 11


def test_a_value_that_nobody_could_have_given_is_refused(memory: World) -> None:
    """As an answer, a signal or an input would be; the error names the place (B053, B069)."""
    asks = suspend("ok", Ruling) >> receive("parcel", int) >> plus_one
    flow = memory.flow("strict", plus_one >> asks)
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        run.wait(PATIENT)
        engine.resume(run, Ruling(good=True))
        engine.signal(run, "parcel", 1)
        assert run.result(PATIENT) == 2
        with pytest.raises(InputRefused, match="doesn't fit the flow's input: expected int"):
            engine.fork(run, 0, value="one")
        with pytest.raises(AnswerRefused, match="the question of entry 2: ") as refused:
            engine.fork(run, 2, value={"good": "yes"})
        assert refused.value.position == "./1"
        with pytest.raises(AnswerRefused, match="the signal of entry 3: "):
            engine.fork(run, 3, value="much")
        assert len(engine.runs()) == 1


def test_a_plain_value_becomes_what_was_asked_for(memory: World) -> None:
    """As an answer that was typed at a prompt does."""
    flow = memory.flow("typed", suspend("ok", Ruling))
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        run.wait(PATIENT)
        engine.resume(run, Ruling(good=True))
        assert run.result(PATIENT) == Ruling(good=True)
        fork = engine.fork(run, 1, value={"good": False})
        assert fork.result(PATIENT) == Ruling(good=False)


def test_without_the_code_the_recorded_schemas_tell(memory: World) -> None:
    """A client that imports nothing refuses as much, and takes what it can't judge (B052)."""
    flow = memory.flow("apart", plus_one >> suspend("ok", bool) >> suspend("any"))
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        run.wait(PATIENT)
        engine.resume(run, value="kept", tag="any")
        engine.resume(run, value=True, tag="ok")
        assert run.result(PATIENT) == "kept"
    memory.deploy()
    with memory.connect() as apart:
        with pytest.raises(InputRefused, match="the flow's input"):
            apart.fork(run.id, 0, "one")
        with pytest.raises(AnswerRefused):
            apart.fork(run.id, 3, "no")
        assert apart.fork(run.id, 2, value="another").id


@pytest.mark.parametrize("at", [2, -1])
def test_a_point_that_is_not_there_is_refused(memory: World, at: int) -> None:
    """With those that there are; nothing is made."""
    flow = memory.flow("short", plus_one)
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        run.result(PATIENT)
        with pytest.raises(NoSuchPoint, match="there are 0 to 1"):
            engine.fork(run, at)
        assert len(engine.runs()) == 1


def test_points_that_were_pruned_are_refused_and_later_ones_are_not(world: World) -> None:
    """What a snapshot still refers to goes along."""
    flow = world.flow("pruned", loop(plus_one, until=it >= 20) >> ask("ok", bool))
    with world.engine(base_floor=64) as engine:
        assert isinstance(engine.config, Config)
        run = engine.start(flow, 1)
        assert settle(run) == "suspended"
        base = run.row().base
        assert base > 0
        assert engine.prune(run) > 0
        with pytest.raises(NoSuchPoint, match="the older ones were pruned"):
            engine.fork(run, base - 1)
        fork = engine.fork(run, base)
        assert settle(fork) == "suspended"
        engine.resume(fork, value=True)
        assert fork.result(PATIENT) == (20, True)


def test_labels_are_changed_later(world: World) -> None:
    """Set, changed and taken away; found by them; in the audit (B068)."""
    flow = world.flow("labelled", ask("ok", bool))
    with world.engine() as engine:
        run = engine.start(flow, 1, labels={"a": "1", "b": "2"})
        assert settle(run) == "suspended"
        assert engine.label(run, {"a": "9", "b": None, "c": "3"}) == {"a": "9", "c": "3"}
        assert [row.id for row in engine.runs(RunQuery(labels=(("c", "3"),)))] == [run.id]
        engine.resume(run, value=True)
        run.result(PATIENT)
        assert run.row().labels == {"a": "9", "c": "3"}
        assert [line.action for line in engine.audit()] == ["label"]


@pytest.mark.parametrize("labels", [{"": "x"}, {"x" * 201: "x"}, {"x": 5}])
def test_labels_are_texts(memory: World, labels: dict[str, str | None]) -> None:
    """And have names."""
    flow = memory.flow("untold", plus_one)
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        with pytest.raises(WrongArgument):
            engine.label(run, labels)


def test_runs_of_a_selection_are_cancelled_and_answered(memory: World) -> None:
    """One selection for all; what became of each."""
    flow = memory.flow("all", ask("ok", bool))
    with memory.engine() as engine:
        runs = engine.start_all(flow, [1, 2, 3])
        assert {settle(run) for run in runs} == {"suspended"}
        engine.label(runs[0], {"keep": "yes"})
        some = RunQuery(flow="all", labels=(("keep", "yes"),))
        assert [outcome.run for outcome in engine.resume_all(some, value=True)] == [runs[0].id]
        assert runs[0].result(PATIENT) == (1, True)
        assert [o.done for o in engine.cancel_all(RunQuery(flow="all"), by="ann")] == [True] * 2
        assert {run.wait(PATIENT) for run in runs[1:]} == {Status.CANCELLED}
        assert [line.action for line in engine.audit()] == ["label", "cancel", "cancel"]
