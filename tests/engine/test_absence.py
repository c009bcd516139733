"""Who waits for a run waits out the store's absence."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from everflow import suspend
from everflow.errors import StoreUnavailable
from tests.engine.shaky import Shaky
from tests.engine.support import DAY, PATIENT, World, step, until


@pytest.fixture
def shaky() -> tuple[World, Shaky]:
    store = Shaky()
    return World(store), store


def test_who_waits_for_a_run_bears_an_outage(shaky: tuple[World, Shaky]) -> None:
    """A wait goes on when the store is there again; it only looks."""
    world, store = shaky
    go = threading.Event()
    flow = world.flow("f", step(lambda x: go.wait(PATIENT) and x, name="held"))
    with world.engine() as engine, ThreadPoolExecutor() as pool:
        run = engine.start(flow, 1)
        waiting = [pool.submit(each.result, PATIENT) for each in (run, world.connect().run(run.id))]
        store.down = StoreUnavailable
        until(lambda: store.refused >= 5)
        store.down = None
        go.set()
        assert [each.result(PATIENT) for each in waiting] == [1, 1]


def test_a_wait_on_a_loop_bears_an_outage(shaky: tuple[World, Shaky]) -> None:
    """The same in the async face."""
    world, store = shaky
    flow = world.flow("f", suspend("go"))

    async def waits() -> Any:
        async with world.engine() as engine:
            run = await engine.start(flow, 1)
            assert await run.wait(PATIENT) == "suspended"
            waiting = asyncio.create_task(run.result(PATIENT))
            store.down = StoreUnavailable
            await asyncio.to_thread(until, lambda: store.refused >= 5)
            store.down = None
            await engine.resume(run.id, 2)
            return await waiting

    assert asyncio.run(waits()) == 2


@pytest.mark.parametrize(("timeout", "after"), [(0.0, 0.0), (DAY, 61.0), (None, 61.0)])
def test_a_wait_ends_with_its_time_or_after_a_minute(
    shaky: tuple[World, Shaky], timeout: float | None, after: float
) -> None:
    """What the store says is told then."""
    world, store = shaky
    flow = world.flow("f", suspend("go"))
    with world.engine() as engine:
        id_ = engine.start(flow, 1).id
    run = world.connect().run(id_)
    store.down = StoreUnavailable
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(run.wait, timeout)
        until(lambda: store.refused > 0)
        world.clock.jump(after)
        with pytest.raises(StoreUnavailable):
            waiting.result(PATIENT)
