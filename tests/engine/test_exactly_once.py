"""Exactly once: a node's own writes are committed with its result, whatever happens then."""

from __future__ import annotations

from typing import Any

from everflow import need
from everflow.core.writes import Writes
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, World, plus_one, step


def pays(times: list[int]) -> Any:
    @step
    def pay(x: int, *, writes: Writes = need(Writes)) -> int:
        times.append(x)
        writes.execute("INSERT INTO ledger VALUES ($1)", x)
        return x * 10

    return pay


def test_x(world: World) -> None:
    times: list[int] = []
    flow = world.flow("f", plus_one >> pays(times) >> plus_one)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        assert run.result(PATIENT) == 21
        store = engine.client.store
        if isinstance(store, MemoryStore):
            assert [row.values for row in store.side] == [[2]]
