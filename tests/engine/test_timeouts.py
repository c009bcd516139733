"""Timeouts and cancels that reach nodes while they run."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from everflow import parallel, retry, sleep, timeout, try_catch
from everflow.errors import RunCancelled, RunFailed
from tests.engine.support import DAY, PATIENT, World, plus_one, seen_by, settle, step, until

A_DAY = timedelta(days=1)
code_of_error = step(lambda caught: caught.error.code, name="code_of_error", inline=True)


class Held:
    """A node on a thread that doesn't end before it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self.node = step(self._hold, name="held")

    def _hold(self, x: int) -> int:
        self.begun.set()
        self.go.wait(PATIENT)
        return x


def test_an_async_node_is_cancelled_at_its_timeout(world: World) -> None:
    """It sees the cancellation, and the run goes on once it has ended (B032)."""
    begun = threading.Event()
    ended: list[str] = []

    @step
    async def waits(x: int) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")
        return x

    flow = world.flow("f", try_catch(timeout(A_DAY, waits), code_of_error))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        begun.wait(PATIENT)
        world.clock.jump(2 * DAY)
        assert run.result(PATIENT) == "flow_timeout"
        assert ended == ["cleaned up"]
        assert engine.late == 0


def test_a_thread_is_abandoned_its_slot_shown_and_its_result_dropped(world: World) -> None:
    """The run goes on at once; what the thread gives later is counted as late (B032)."""
    held = Held()
    flow = world.flow("f", try_catch(timeout(A_DAY, held.node), code_of_error))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        held.begun.wait(PATIENT)
        world.clock.jump(2 * DAY)
        assert run.result(PATIENT) == "flow_timeout"
        assert engine.abandoned == [(run.id, "held")]
        held.go.set()
        until(lambda: not engine.abandoned)
        until(lambda: engine.late == 1)
        assert run.result() == "flow_timeout"


def test_abandoned_threads_take_no_place_from_others(memory: World) -> None:
    """More nodes than there are threads may hang for ever: the engine still works."""
    other = memory.flow("other", step(lambda x: x, name="other"))
    hang = Held()
    hung = memory.flow("hung", timeout(A_DAY, hang.node))
    with memory.engine(threads=2, max_unrecorded=2) as engine:
        for _ in range(5):
            hang.begun.clear()
            run = engine.start(hung, 1)
            assert hang.begun.wait(PATIENT)
            memory.clock.jump(2 * DAY)
            with pytest.raises(RunFailed, match="FlowTimeout"):
                run.result(PATIENT)
        assert len(engine.abandoned) == 5
        assert engine.start(other, 3).result(PATIENT) == 3
        hang.go.set()


def test_a_node_that_ends_in_time_keeps_its_result(world: World) -> None:
    """What arrives first at the scheduler decides (B032)."""
    flow = world.flow("f", timeout(A_DAY, step(lambda x: x + 1, name="quick")) >> sleep(A_DAY))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle_waiting(run)
        world.clock.jump(3 * DAY)
        assert run.result(PATIENT) == 2


def settle_waiting(run: Any) -> None:
    until(lambda: run.status == "waiting")


def test_a_cancel_stops_async_nodes_and_waits_for_them(world: World) -> None:
    """The run is cancelled once they have ended; until then it is cancelling (B064)."""
    begun, let_go = threading.Event(), threading.Event()
    ended: list[int] = []

    @step
    async def slow_to_end(x: int) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(let_go.wait, PATIENT)
            ended.append(x)
        return x

    flow = world.flow("f", slow_to_end)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        begun.wait(PATIENT)
        engine.cancel(run)
        until(lambda: run.status == "cancelling")
        assert not ended
        let_go.set()
        assert settle(run) == "cancelled"
        assert ended == [1]


def test_a_cancel_abandons_threads(world: World) -> None:
    """A thread can't hold up a cancel."""
    held = Held()
    flow = world.flow("f", held.node >> plus_one)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        held.begun.wait(PATIENT)
        engine.cancel(run)
        assert settle(run) == "cancelled"
        held.go.set()
        until(lambda: engine.late == 1)
        with pytest.raises(RunCancelled):
            run.result(PATIENT)


def test_a_failing_child_stops_its_siblings(world: World) -> None:
    """The join waits until they are closed, then raises the error (B006)."""
    begun = threading.Event()
    ended: list[str] = []

    @step
    async def sibling(x: int) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("closed")
        return x

    @step
    def breaks(x: int) -> int:
        begun.wait(PATIENT)
        raise ValueError("no")

    flow = world.flow("f", parallel(sibling, breaks))
    with world.engine() as engine:
        with pytest.raises(RunFailed, match="ValueError: no"):
            engine.start(flow, 1).result(PATIENT)
        assert ended == ["closed"]


def test_an_async_node_may_end_in_spite_of_its_cancellation(world: World) -> None:
    """Its value is void, and its extent is closed all the same."""
    begun = threading.Event()

    @step
    async def stubborn(x: int) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 99
        return x

    flow = world.flow("f", try_catch(timeout(A_DAY, stubborn), code_of_error))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        begun.wait(PATIENT)
        world.clock.jump(2 * DAY)
        assert run.result(PATIENT) == "flow_timeout"


def test_a_timeout_around_a_retry_ends_its_backoff(world: World) -> None:
    """A durable wait is no shelter from the budget around it (B025, B031)."""

    @step
    def fails(x: int) -> int:
        world.seen.append(x)
        raise ValueError("again")

    flow = world.flow("f", timeout(A_DAY, retry(5, fails, backoff=timedelta(days=3))))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle_waiting(run)
        world.clock.jump(1.5 * DAY)
        with pytest.raises(RunFailed, match="FlowTimeout"):
            run.result(PATIENT)
    assert world.seen == [1]


def test_a_queued_node_is_cancelled_before_it_begins(memory: World) -> None:
    """What waits for a thread is closed without ever being run."""
    held = Held()
    second = step(seen_by(memory), name="second")
    flow = memory.flow("f", held.node)
    other = memory.flow("other", second)
    with memory.engine(threads=1) as engine:
        engine.start(flow, 1)
        held.begun.wait(PATIENT)
        run = engine.start(other, 2)
        until(lambda: len(engine.runs()) == 2)
        engine.cancel(run)
        assert settle(run) == "cancelled"
        held.go.set()
        assert engine.join(PATIENT)
    assert memory.seen == []
