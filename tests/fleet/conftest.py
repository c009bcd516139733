"""Worlds of several workers, over each store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from everflow.stores.memory import MemoryStore
from tests.engine.support import World


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "postgres":
        spares = request.getfixturevalue("spares")
        url = spares.take()
        yield World(url)
        spares.give_back(url)
    else:
        yield World(MemoryStore() if request.param == "memory" else tmp_path / "flows.db")


@pytest.fixture
def memory() -> World:
    return World(MemoryStore())
