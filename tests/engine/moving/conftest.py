"""What moves, and where to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from everflow.store import Store
from everflow.stores.aside import AsideStore
from everflow.stores.memory import MemoryStore
from everflow.stores.sqlite import SQLiteStore
from tests.engine.moved import furnish


@pytest.fixture
def source() -> Store:
    """A store with something of everything."""
    store = MemoryStore()
    furnish(store)
    return AsideStore(store, 10)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Store]:
    """An empty store of another kind."""
    store = SQLiteStore.open(tmp_path / "target.db")
    yield AsideStore(store, 1000)
    store.close()
