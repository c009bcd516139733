"""Calls from where they would hang, and engines where they don't belong."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from typing import Any

import pytest

from everflow import Engine, flow
from everflow import step as awaited
from everflow.errors import (
    ConfigurationError,
    EngineClosed,
    NoSuchFlow,
    NotAFlow,
    NotOnThisThread,
    RunFailed,
)
from tests.engine.support import PATIENT, World, plus_one, settle, step, until


@pytest.mark.parametrize("place", ["inline", "thread"])
def test_the_sync_face_is_refused_inside_a_node(memory: World, place: str) -> None:
    """It would wait for itself: the error says what to do instead."""
    inner = memory.flow("inner", plus_one)

    def calls(x: int) -> int:
        return int(engine.start(inner, x).result(PATIENT))

    flow = memory.flow("f", step(calls, inline=place == "inline"))
    with memory.engine() as engine, pytest.raises(RunFailed, match="from inside a node"):
        engine.start(flow, 1).result(PATIENT)


def test_the_sync_face_is_refused_on_a_loop(memory: World) -> None:
    """It would hold up everything else there."""
    flow = memory.flow("f", plus_one)

    async def main() -> None:
        with pytest.raises(NotOnThisThread, match=r"await engine.start"):
            engine.start(flow, 1)
        with pytest.raises(NotOnThisThread):
            run.wait(PATIENT)

    with memory.engine() as engine:
        run = engine.start(flow, 1)
        run.result(PATIENT)
        asyncio.run(main())


def test_an_engine_that_is_not_open_is_told(memory: World) -> None:
    """Before it is entered and after it is left."""
    flow = memory.flow("f", plus_one)
    engine = memory.engine()
    with pytest.raises(EngineClosed, match="isn't running"):
        engine.start(flow, 1)
    with engine:
        run = engine.start(flow, 1)
        assert run.result(PATIENT) == 2
        with pytest.raises(EngineClosed, match="runs already"):
            engine.open()
    engine.close()
    with pytest.raises(EngineClosed):
        engine.start(flow, 1)
    assert run.result() == 2 or not memory.durable


def test_a_forked_process_has_no_part_in_the_engine(world: World) -> None:
    """Its calls are refused, and its end leaves the engine as it was."""
    flow = world.flow("f", plus_one)
    with world.engine() as engine:
        engine.start(flow, 1).result(PATIENT)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:  # pragma: no cover - another process
            try:
                engine.start(flow, 2)
            except EngineClosed as error:
                os.write(writing, str(error).encode())
            engine.close()
            os._exit(0)
        os.close(writing)
        os.waitpid(pid, 0)
        with os.fdopen(reading) as told:
            assert "was forked after the engine started" in told.read()
        assert engine.start(flow, 5).result(PATIENT) == 6


def test_the_watchdog_names_an_inline_node_that_holds_the_scheduler(
    memory: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The one thing that can hold up all runs is named in the log."""
    caplog.set_level(logging.WARNING)
    go = threading.Event()
    flow = memory.flow("f", step(lambda x: go.wait(PATIENT), name="holds_it", inline=True))
    with memory.engine(watchdog_s=0.005) as engine:
        run = engine.start(flow, 1)
        until(lambda: "holds_it holds the scheduler" in caplog.text)
        go.set()
        assert run.result(PATIENT) is True


HELD = threading.Event()


async def talks(x: int) -> int:
    """Hold the scheduler before its first await, or after it."""
    if x:
        HELD.wait(PATIENT)
    x = await awaited(plus_one, x)
    HELD.wait(PATIENT)
    return x


def test_the_watchdog_names_a_body_by_its_last_await_and_its_line(
    memory: World, caplog: pytest.LogCaptureFixture
) -> None:
    """So that whoever reads the log finds the place in the code."""
    caplog.set_level(logging.WARNING)
    HELD.clear()
    body = flow("talks", registry=memory.registry)(talks)
    with memory.engine(watchdog_s=0.005) as engine:
        run = engine.start(body, 1)
        until(lambda: "talks holds the scheduler since it began (test_misuse" in caplog.text)
        HELD.set()
        assert run.result(PATIENT) == 2
        HELD.clear()
        run = engine.start(body, 0)
        until(lambda: "scheduler since its await 1, plus_one (test_misuse.py, line" in caplog.text)
        HELD.set()
        assert run.result(PATIENT) == 1
    assert f"in run {run.id}: other runs wait" in caplog.text


@pytest.mark.parametrize("thing", [lambda x: x, 3, None, plus_one.leaf.fn])
def test_what_is_no_flow_is_refused(memory: World, thing: Any) -> None:
    """With the sentence that helps."""
    with memory.engine() as engine, pytest.raises(NotAFlow, match="isn't a flow"):
        engine.start(thing, 1)


def test_a_flow_needs_a_name(memory: World) -> None:
    """An unnamed composition can't be found again."""
    with memory.engine() as engine, pytest.raises(NoSuchFlow, match="needs a name"):
        engine.start(plus_one >> plus_one, 1)


def test_a_store_of_an_unknown_kind_is_refused() -> None:
    """A URL is no path."""
    with pytest.raises(ConfigurationError, match="'mysql'"):
        Engine("mysql://somewhere").open()


def test_a_fault_of_the_engine_stops_it_and_says_so(
    memory: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers are told rather than left waiting; closing still works."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    flow = memory.flow("f", plus_one)
    with memory.engine() as engine:
        engine.start(flow, 1).result(PATIENT)
        worker: Any = engine._worker  # noqa: SLF001 - nothing outside shows it

        def breaks() -> None:
            raise ZeroDivisionError("planted")

        worker.post(breaks)
        until(lambda: worker.fault is not None)
        with pytest.raises(EngineClosed, match="planted"):
            engine.start(flow, 1)
    assert "a fault of its own" in caplog.text


def test_a_memory_engine_takes_local_functions(memory: World) -> None:
    """For tests: names matter only where another process has to find them (B083)."""
    flow = memory.flow("f", plus_one >> (lambda x: x * 2))
    with memory.engine() as engine:
        assert engine.start(flow, 1).result(PATIENT) == 4


def test_a_durable_engine_refuses_what_it_could_not_find_again(durable: World) -> None:
    """At the start, with the way out; nothing is stored (B083)."""
    from everflow.errors import UnnamedLeaf

    def local(x: int) -> int:
        return x

    lambdas = durable.flow("lambda", plus_one >> (lambda x: x))
    locals_ = durable.flow("local", plus_one >> local)
    with durable.engine() as engine:
        with pytest.raises(UnnamedLeaf, match=r"(?s)is a lambda.*name="):
            engine.start(lambdas, 1)
        with pytest.raises(UnnamedLeaf, match="local to another function"):
            engine.start(locals_, 1)
        assert engine.runs() == []


def test_waiting_gives_up_after_its_time_and_the_run_goes_on(world: World) -> None:
    """The time is the caller's, not the run's."""
    from everflow import suspend
    from everflow.errors import StillRunning

    flow = world.flow("f", suspend("go"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        with pytest.raises(StillRunning, match="is suspended"):
            run.result(0.01)
        engine.resume(run, 2)
        assert run.result(PATIENT) == 2
