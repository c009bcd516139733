"""Answers that come early, late, doubled, ambiguous or to nothing: each gets a truthful reply."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from everflow import Reply, parallel, suspend
from everflow.errors import (
    AlreadyDone,
    AmbiguousAnswer,
    InputRefused,
    NoSuchRun,
    NotWaiting,
    RunCancelled,
    RunFailed,
    WrongArgument,
)
from tests.engine.support import PATIENT, World, plus_one, settle, step


def test_an_early_answer_is_kept_for_its_question(world: World) -> None:
    """Where the tag is in the definition (B047a)."""
    flow = world.flow("f", suspend("first") >> suspend("second"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        assert engine.resume(run, "b", tag="second") is Reply.ANSWERED
        assert engine.resume(run, "a", tag="first") is Reply.ANSWERED
        assert run.result(PATIENT) == "b"


def test_early_answers_outlive_a_restart(world: World) -> None:
    """Kept in the journal until the question comes."""
    flow = world.flow("f", suspend("first") >> suspend("second") >> suspend("second"))
    with world.engine() as engine:
        run = engine.start(flow, 1).id
        settle(engine.run(run))
        engine.resume(run, "b", tag="second", key="k")
    with world.engine() as engine:
        assert engine.resume(run, "c", tag="second") is Reply.ALREADY_ANSWERED
        engine.resume(run, "a", tag="first")
        settle(engine.run(run))
        assert engine.resume(run, "b", tag="second", key="k") is Reply.ANSWERED
        assert engine.resume(run, "c", tag="second") is Reply.ANSWERED
        assert engine.run(run).result(PATIENT) == "c"


def test_an_early_answer_that_meets_its_open_question_is_its_answer(world: World) -> None:
    """Accepted before the question, applied after it: taken all the same."""
    go = threading.Event()
    held = step(lambda x: go.wait(PATIENT), name="held")
    flow = world.flow("f", held >> suspend("ok"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        assert engine.resume(run, 5, tag="ok") is Reply.ANSWERED
        go.set()
        assert run.result(PATIENT) == 5


def test_the_same_key_gets_the_same_reply(world: World) -> None:
    """A repeated answer with its idempotency key is told what it was told before (B048)."""
    flow = world.flow("f", suspend("ok") >> suspend("more"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        token = f"{run.id}.ok.1"
        assert engine.answer(token, 1, key="click") is Reply.ANSWERED
        assert engine.answer(token, 1, key="click") is Reply.ANSWERED
        assert engine.answer(token, 1, key="another") is Reply.ALREADY_ANSWERED


def test_of_many_at_once_one_wins(world: World) -> None:
    """The others are told (B049)."""
    flow = world.flow("f", suspend("ok"))
    with world.engine() as engine, ThreadPoolExecutor(16) as callers:
        run = engine.start(flow, 1)
        settle(run)
        token = f"{run.id}.ok.1"
        replies = list(callers.map(lambda n: engine.answer(token, n), range(16)))
        value = run.result(PATIENT)
    assert replies.count(Reply.ANSWERED) == 1
    assert replies.count(Reply.ALREADY_ANSWERED) == 15
    assert value == replies.index(Reply.ANSWERED)


def test_answers_race_cancels_truthfully(world: World) -> None:
    """Whoever is told first that it won has won, and the outcome says the same (B064)."""
    flow = world.flow("f", suspend("ok"))
    with world.engine() as engine, ThreadPoolExecutor(2) as callers:
        for run in engine.start_all(flow, list(range(20))):
            settle(run)
            answer = callers.submit(answered, engine, f"{run.id}.ok.1")
            cancel = callers.submit(cancelled, engine, run.id)
            reply, accepted = answer.result(), cancel.result()
            status = settle(run)
            if accepted:
                assert status == "cancelled"
            else:
                assert (reply, status) == (Reply.ANSWERED, "done")


def answered(engine: Any, token: str) -> Reply | None:
    try:
        return engine.answer(token, 1)  # type: ignore[no-any-return]  # the face is untyped here
    except RunCancelled:
        return None


def cancelled(engine: Any, run: str) -> bool:
    try:
        engine.cancel(run)
    except AlreadyDone:
        return False
    return True


def test_a_run_that_ended_takes_no_answer(world: World) -> None:
    """Each says what it is; nothing changes (B063)."""
    breaks = step(lambda x: 1 / 0, name="breaks", inline=True)
    good, bad = world.flow("good", plus_one), world.flow("bad", breaks)
    stopped = world.flow("stopped", suspend("ok"))
    with world.engine() as engine:
        done, failed, cancelled_ = (engine.start(f, 1) for f in (good, bad, stopped))
        for run in (done, failed, cancelled_):
            settle(run)
        engine.cancel(cancelled_)
        settle(cancelled_)
        for run, error in ((done, AlreadyDone), (failed, RunFailed), (cancelled_, RunCancelled)):
            with pytest.raises(error):
                engine.resume(run, 1)
        with pytest.raises(AlreadyDone):
            engine.answer(f"{done.id}.ok.1", 1)
        with pytest.raises(RunFailed):
            engine.cancel(failed)
        engine.cancel(cancelled_)


@pytest.mark.parametrize("run", ["nobody", "", "x" * 100_000, "it's", "a/b", "nul\0", 7, None])
def test_an_unknown_run_is_told(world: World, run: Any) -> None:
    """Whatever stands in the id."""
    with world.engine() as engine:
        for call in (engine.run, engine.cancel, lambda r: engine.resume(r, 1)):
            with pytest.raises(NoSuchRun):
                call(run)


def test_an_answer_without_a_tag_needs_one_question(world: World) -> None:
    """None is open, or several are: neither is guessed at."""
    go = threading.Event()
    held = step(lambda x: go.wait(PATIENT), name="held")
    flow = world.flow("f", held >> parallel(suspend("a"), suspend("b")))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        with pytest.raises(NotWaiting, match="an answer"):
            engine.resume(run, 1)
        go.set()
        settle(run)
        with pytest.raises(AmbiguousAnswer):
            engine.resume(run, 1)


@pytest.mark.parametrize("key", ["", "k" * 513])
def test_a_key_has_bounds(world: World, key: str) -> None:
    """For answers as for starts."""
    flow = world.flow("f", suspend("ok"))
    with world.engine() as engine:
        with pytest.raises(WrongArgument, match="a key has 1 to 512"):
            engine.start(flow, 1, key=key)
        run = engine.start(flow, 1)
        settle(run)
        with pytest.raises(WrongArgument):
            engine.resume(run, 1, key=key)


def test_an_answer_that_is_not_plain_data_is_refused(world: World) -> None:
    """At the call, before anything is written."""
    flow = world.flow("f", suspend("ok"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        with pytest.raises(InputRefused):
            engine.resume(run, object())
        with pytest.raises(InputRefused):
            engine.resume(run, float("nan"))
        assert settle(run) == "suspended"


def test_an_answer_can_not_be_changed_afterwards(world: World) -> None:
    """It was copied when it was given (B066)."""
    flow = world.flow("f", suspend("ok") >> suspend("more"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        answer = [1]
        engine.resume(run, answer)
        answer.append(2)
        settle(run)
        (question,) = engine.questions(run)
        from everflow.engine.asking.runs import prompt_of

        assert prompt_of(engine.client.store, question, world.registry.types) == [1]


def test_a_value_that_looks_like_a_suspension_is_none(world: World) -> None:
    """Nothing in the values can be mistaken for control (B047)."""
    for value in ({"$": "suspend", "v": "ok"}, {"tag": "ok"}, ["question", "ok"]):
        flow = world.flow("f", step(lambda x: x, name="same", inline=True) >> plus_len())
        with world.engine() as engine:
            assert engine.start(flow, value).result(PATIENT) == value
        world.deploy()


def plus_len() -> Any:
    return step(lambda x: x, name="again", inline=True)
