"""Answers by tag alone: one question each, one kept, and a key that is told the same for ever."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from everflow import Reply, parallel, suspend
from everflow.errors import AlreadyDone, AmbiguousAnswer, NotWaiting
from tests.engine.support import PATIENT, World, settle, step


def held(go: threading.Event) -> Any:
    """A node that goes on when it is told to."""
    return step(lambda x: x if go.wait(PATIENT) else None, name="held")


def test_a_repeated_early_answer_answers_once(world: World) -> None:
    """It doesn't leak into the next question of its tag (B047a, B048)."""
    go = threading.Event()
    flow = world.flow("f", held(go) >> suspend("a") >> suspend("a"))
    with world.engine() as engine:
        run = engine.start(flow, 0)
        for _ in range(2):
            assert engine.resume(run, 1, tag="a", key="k1") is Reply.ANSWERED
        assert engine.resume(run, 2, tag="a", key="k2") is Reply.ALREADY_ANSWERED
        go.set()
        assert settle(run) == "suspended"
        assert engine.resume(run, 1, tag="a", key="k1") is Reply.ANSWERED
        assert [q.occurrence for q in engine.questions(run)] == [2]
        assert engine.answer(f"{run.id}.a.1", 9) is Reply.ALREADY_ANSWERED
        assert engine.answer(f"{run.id}.a.1", 1, key="k1") is Reply.ANSWERED
        assert engine.resume(run, 2, tag="a") is Reply.ANSWERED
        assert run.result(PATIENT) == 2


def test_a_repeated_answer_by_tag_answers_once(world: World) -> None:
    """Nor does one that met its question open, and it is told the same after the end (B048)."""
    flow = world.flow("f", suspend("a") >> suspend("a"))
    with world.engine() as engine:
        run = engine.start(flow, 0)
        settle(run)
        assert engine.resume(run, 1, tag="a", key="k1") is Reply.ANSWERED
        settle(run)
        assert engine.resume(run, 1, tag="a", key="k1") is Reply.ANSWERED
        assert engine.resume(run, 2, tag="a", key="k2") is Reply.ANSWERED
        assert run.result(PATIENT) == 2
        assert engine.resume(run, 2, tag="a", key="k2") is Reply.ANSWERED
        with pytest.raises(AlreadyDone):
            engine.resume(run, 3, tag="a", key="k3")


def test_an_early_answer_survives_and_keeps_its_key(world: World) -> None:
    """Journaled, restarted, taken: its key is known all the time (B048)."""
    flow = world.flow("f", suspend("first") >> suspend("a") >> suspend("a"))
    with world.engine() as engine:
        run = engine.start(flow, 0).id
        settle(engine.run(run))
        assert engine.resume(run, 1, tag="a", key="k1") is Reply.ANSWERED
        settle(engine.run(run))
    with world.engine() as engine:
        assert engine.resume(run, 1, tag="a", key="k1") is Reply.ANSWERED
        engine.resume(run, 0, tag="first")
        assert settle(engine.run(run)) == "suspended"
        assert engine.resume(run, 1, tag="a", key="k1") is Reply.ANSWERED
        assert engine.answer(f"{run}.a.1", 5) is Reply.ALREADY_ANSWERED
        engine.resume(run, 2, tag="a")
        assert engine.run(run).result(PATIENT) == 2


def test_an_early_answer_is_for_one_of_several(world: World) -> None:
    """The first that opens takes it; while two are open, none is guessed at."""
    go = threading.Event()
    three = parallel(suspend("a"), suspend("a"), suspend("a"))
    flow = world.flow("f", held(go) >> three)
    with world.engine() as engine:
        run = engine.start(flow, 0)
        assert engine.resume(run, "one", tag="a", key="k") is Reply.ANSWERED
        go.set()
        settle(run)
        assert [q.occurrence for q in engine.questions(run)] == [2, 3]
        with pytest.raises(AmbiguousAnswer, match="2 questions"):
            engine.resume(run, "two", tag="a")
        assert engine.resume(run, "one", tag="a", key="k") is Reply.ANSWERED
        engine.answer(f"{run.id}.a.2", "two")
        assert engine.resume(run, "three", tag="a") is Reply.ANSWERED
        assert run.result(PATIENT) == ("one", "two", "three")


def test_a_tag_that_the_flow_lacks_is_told(world: World) -> None:
    """It isn't kept, with a key or without (B047a)."""
    flow = world.flow("f", suspend("a"))
    with world.engine() as engine:
        run = engine.start(flow, 0)
        settle(run)
        for key in (None, "k"):
            with pytest.raises(NotWaiting, match="doesn't wait for 'b'"):
                engine.resume(run, 1, tag="b", key=key)


def test_answers_by_token_and_by_tag_race(world: World) -> None:
    """Each accepted one answers a question, and none a second one (B049)."""
    flow = world.flow("f", step(lambda x: x, name="same") >> suspend("a") >> suspend("a"))
    with world.engine() as engine:
        for start in range(20):
            run = engine.start(flow, start)
            assert engine.resume(run, "first", tag="a", key="k") is Reply.ANSWERED
            settle(run)
            assert engine.answer(f"{run.id}.a.1", "late") is Reply.ALREADY_ANSWERED
            assert engine.answer(f"{run.id}.a.2", "second") is Reply.ANSWERED
            assert run.result(PATIENT) == "second"
