"""Worlds on each store, of which one may have it refuse for good what bears a certain word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.refusing import Picky, Poisoned, in_a_file, in_memory, on_a_server
from tests.engine.support import World


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def poisoned(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Poisoned]:
    if request.param == "memory":
        yield in_memory()
    elif request.param == "sqlite":
        yield in_a_file(tmp_path / "flows.db")
    else:
        server = request.getfixturevalue("postgres")
        made, store = on_a_server(server, request.getfixturevalue("fresh_url"))
        yield made
        store.close()


@pytest.fixture
def picky() -> tuple[World, Picky]:
    store = Picky()
    return World(store), store
