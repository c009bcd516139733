"""A run that another worker parked until code, and who waits for it where that code is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from everflow.errors import RunBlocked
from everflow.store import RunRow
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, World, plus_one, see_all

LOOKS = 3  # one to find it, one that sees it parked, one after that


class Late(MemoryStore):
    """Gives no run to whoever claims until somebody looked at one several times."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = LOOKS

    def find(self, run: str) -> RunRow | None:
        """A look at a run."""
        found = super().find(run)
        self.looks += 1
        return found

    def claim(self, worker: int, **asked: Any) -> list[RunRow]:
        """A claim, of nothing before these looks."""
        return super().claim(worker, **asked) if self.looks >= LOOKS else []


@pytest.fixture
def parked() -> tuple[World, str]:
    """A run that a worker without its code parked; that is there again, and nobody looked."""
    store = Late()
    world = World(store)
    world.flow("f", plus_one)
    with world.connect() as outside:
        run = outside.start("f", 1).id
    world.deploy()
    with world.engine() as other, pytest.raises(RunBlocked, match="until code"):
        other.run(run).result(PATIENT)
    world.flow("f", plus_one)
    store.looks = 0
    return world, run


def test_who_has_the_code_is_not_told_that_it_is_missing(parked: tuple[World, str]) -> None:
    """The engine of this process takes it up first; who waits there waits for that."""
    world, run = parked
    with world.engine() as engine:
        assert engine.run(run).result(PATIENT) == 2


def test_who_awaits_it_is_not_told_so_either(parked: tuple[World, str]) -> None:
    """The same in the async face."""
    world, run = parked

    async def awaits() -> Any:
        async with world.engine() as engine:
            return await (await engine.run(run)).result(PATIENT)

    assert asyncio.run(awaits()) == 2


def test_what_this_process_parks_is_told_at_once(parked: tuple[World, str]) -> None:
    """It has said what it has to say, and nothing more is waited for."""
    world, run = parked
    world.deploy()
    world.flow("g", see_all)  # some other code, so that it is tried
    with world.engine() as engine:
        with pytest.raises(RunBlocked, match="until code"):
            engine.run(run).result(PATIENT)
        assert not engine.changes.may_try(engine.run(run).row(), 0)
