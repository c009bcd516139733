"""Worlds of several workers, over each store."""

from __future__ import annotations

from pathlib import Path

import pytest

from everflow.stores.memory import MemoryStore
from tests.engine.support import World


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(MemoryStore() if request.param == "memory" else tmp_path / "flows.db")


@pytest.fixture
def memory() -> World:
    return World(MemoryStore())
