"""Stores and a process on one, for the tests of triggers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from everflow import Registry, flow, node
from everflow.store import Store
from everflow.stores.memory import MemoryStore
from everflow.stores.sqlite import SQLiteStore
from tests.triggers.support import Site


@node(name="content_of", inline=True)
def content_of(activity: dict[str, Any]) -> str:
    """What was published."""
    return str(activity["object"]["content"])


@pytest.fixture
def registry() -> Registry:
    """A registry with one flow, ``review``, that gives what was published."""
    home = Registry()
    flow("review", content_of, registry=home)
    return home


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of either kind."""
    made: Store = (
        MemoryStore() if request.param == "memory" else SQLiteStore.open(tmp_path / "everflow.db")
    )
    yield made
    made.close()


@pytest.fixture
def site(store: Store, registry: Registry) -> Iterator[Site]:
    """A process on the store."""
    with Site(store, registry) as made:
        yield made
