"""An outage of the server as one engine and its callers see it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from everflow import ask
from everflow.errors import StoreUnavailable
from everflow.store import Store
from everflow.stores.postgres import PostgresStore
from tests.engine.support import DAY, PATIENT, World, plus_one, settle, until
from tests.stores.postgres.servers import Server, Servers


@pytest.fixture
def server(own_servers: Servers) -> Server:
    return own_servers.new()


@pytest.fixture
def world(server: Server, tmp_path: Path) -> Iterator[World]:
    store: Any = PostgresStore.open(server.url("away"))
    yield World(cast("Store", store))
    store.close()


def test_an_outage_is_nobodys_time(world: World, server: Server) -> None:
    """A deadline of three days isn't over since the server was away for four (B080)."""
    flow = world.flow("f", ask("ok", bool, within=timedelta(days=3), default=False))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        server.kill9()
        scheduler: Any = engine._scheduler  # noqa: SLF001 - nothing outside shows it
        until(lambda: scheduler.trouble is not None)
        world.clock.jump(4 * DAY)
        server.start()
        until(lambda: scheduler.trouble is None)
        assert engine.join(PATIENT)
        assert run.status == "suspended"
        world.clock.jump(3.1 * DAY)
        assert run.result(PATIENT) == (1, False)


def test_callers_are_told_and_who_waits_is_served(world: World, server: Server) -> None:
    """A start is refused at once, and its key gives one run afterwards; a wait outlasts it all."""
    asks = world.flow("asks", ask("ok", int))
    adds = world.flow("adds", plus_one)
    with world.engine() as engine, ThreadPoolExecutor() as pool:
        run = engine.start(asks, 1)
        settle(run)
        waiting = pool.submit(run.result, PATIENT)
        server.stop("immediate")
        with pytest.raises(StoreUnavailable):
            engine.start(adds, 1, key="k")
        with pytest.raises(StoreUnavailable):
            engine.resume(run, 2)
        server.start()
        until(lambda: _takes(lambda: engine.start(adds, 1, key="k")))
        assert engine.start(adds, 1, key="k").result(PATIENT) == 2
        engine.resume(run, 2)
        assert waiting.result(PATIENT) == (1, 2)
        assert len(engine.runs()) == 2


def _takes(call: Any) -> bool:
    """Whether the server takes a call by now."""
    try:
        call()
    except StoreUnavailable:
        return False
    return True
