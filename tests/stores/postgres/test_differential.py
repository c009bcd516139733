"""The same operations on PostgreSQL and on the reference give the same answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import psycopg
import pytest

from everflow.store import Store
from everflow.stores.memory import MemoryStore
from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.place import Place
from everflow.testing.differential import Side, compare
from tests.stores.postgres.servers import Server


def agree(seed: int, length: int, server: Server, schema: Callable[[], str]) -> None:
    """Raise unless PostgreSQL answers as the reference does, over restarts too."""
    urls = []

    def sides() -> tuple[Side, Side]:
        url = server.url(schema())
        urls.append(url)

        def opened(*, create: bool) -> Store:
            return cast("Store", PostgresStore.open(url, create=create))

        def restart(store: Store) -> Store:
            store.close()
            return opened(create=False)

        return Side(MemoryStore()), Side(opened(create=True), restart)

    try:
        compare(seed, length, sides)
    finally:
        for place in map(Place.read, urls):
            with psycopg.connect(place.conninfo, autocommit=True) as line:
                line.execute(f"DROP SCHEMA IF EXISTS {place.schema} CASCADE".encode())


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("seed", range(3))
def test_postgresql_agrees_with_the_reference(
    seed: int, postgres: Server, fresh_schema: Callable[[], str]
) -> None:
    """The reference is the contract's own reading of itself."""
    agree(seed, 300, postgres, fresh_schema)


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("seed", [3])
def test_the_oldest_major_agrees_too(
    seed: int, oldest_postgres: Server, fresh_schema: Callable[[], str]
) -> None:
    """Where the order of texts is another one by default."""
    agree(seed, 300, oldest_postgres, fresh_schema)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1100))
def test_postgresql_agrees_for_long(
    seed: int, postgres: Server, fresh_schema: Callable[[], str]
) -> None:
    """More seeds, longer sequences."""
    agree(seed, 600, postgres, fresh_schema)
