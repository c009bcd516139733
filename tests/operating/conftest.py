"""Worlds on both stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from everflow.stores.memory import MemoryStore
from tests.engine.support import World


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A store, the code of today, the time."""
    return World(MemoryStore() if request.param == "memory" else tmp_path / "flows.db")


@pytest.fixture
def memory() -> World:
    """For what is the same on every store."""
    return World(MemoryStore())
