"""Signals to runs of an engine: accepted while the run goes on, kept, taken once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from everflow import receive, suspend
from everflow.errors import AlreadyDone, AnswerRefused, RunCancelled, WrongArgument
from tests.engine.support import PATIENT, World, plus_one, settle, until


def test_a_signal_survives_whoever_took_it(world: World) -> None:
    """Accepted without a worker, kept for a later receive, and repeated without harm."""
    flow = world.flow("f", suspend("go") >> receive("a", int) >> plus_one)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        for _ in range(3):
            engine.signal(run, "a", 41, key="once")
    with world.connect() as away:
        away.signal(run.id, "a", 1, key="another")
    with world.engine() as engine:
        engine.resume(run.id, None)
        assert engine.run(run.id).result(PATIENT) == 42


def test_the_oldest_comes_first(world: World) -> None:
    """In the order of their acceptance."""
    flow = world.flow("f", receive("a").keep() >> receive("a").keep())
    with world.engine() as engine:
        run = engine.start(flow, 0)
        for number in (1, 2):
            engine.signal(run, "a", number, by="the test")
        assert run.result(PATIENT) == ((0, 1), 2)


def test_what_does_not_fit_is_refused(world: World) -> None:
    """By the flow's schema for that name; names that are none too."""
    flow = world.flow("f", receive("a", int))
    with world.engine() as engine:
        run = engine.start(flow)
        with pytest.raises(AnswerRefused):
            engine.signal(run, "a", "text")
        with pytest.raises(WrongArgument):
            engine.signal(run, "a/b", 1)
        engine.signal(run, "unheard of", "text")
        engine.signal(run, "a", 1)
        assert run.result(PATIENT) == 1
        with pytest.raises(AlreadyDone):
            engine.signal(run, "a", 1)


def test_a_cancelled_run_takes_none(world: World) -> None:
    """It is told so at once (B064)."""
    flow = world.flow("f", receive("a"))
    with world.engine() as engine:
        run = engine.start(flow)
        until(lambda: run.status == "waiting")
        engine.cancel(run)
        with pytest.raises(RunCancelled):
            engine.signal(run, "a", 1)
        assert settle(run) == "cancelled"


def test_a_deadline_does_not_overrule_a_signal(world: World) -> None:
    """Accepted before the time was up, though the worker comes after it (B053)."""
    flow = world.flow("f", receive("a", int, within=timedelta(hours=1), default=0))
    with world.engine() as engine:
        run = engine.start(flow)
        until(lambda: run.status == "waiting")
    with world.connect() as away:
        away.signal(run.id, "a", 5)
    world.clock.jump(7200)
    with world.engine() as engine:
        assert engine.run(run.id).result(PATIENT) == 5
    with world.engine() as engine:
        late = engine.start(flow)
        until(lambda: late.status == "waiting")
        world.clock.jump(7200)
        assert late.result(PATIENT) == 0
