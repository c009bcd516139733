"""The PostgreSQL store holds the contract."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psycopg
import pytest

from everflow.store import SideRow, Store
from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.place import Place
from everflow.testing.conformance import StoreConformance


def opened(url: str, *, create: bool) -> Store:
    """The store there."""
    return cast("Store", PostgresStore.open(url, create=create))


class TestPostgresStore(StoreConformance):
    """The conformance suite over a store in a schema of its own."""

    url: str
    line: psycopg.Connection[tuple[object, ...]]

    @pytest.fixture(autouse=True)
    def at(self, fresh_url: str) -> Iterator[None]:
        """Where this test's store is, and a connection beside it; nothing of it is left."""
        self.url = fresh_url
        place = Place.read(fresh_url)
        with psycopg.connect(place.conninfo, autocommit=True) as self.line:
            yield
            self.line.execute(f"DROP SCHEMA IF EXISTS {place.schema}, notes CASCADE")

    def make_store(self, place: Path) -> Store:
        self.line.execute("CREATE SCHEMA IF NOT EXISTS notes")
        self.line.execute("CREATE TABLE IF NOT EXISTS notes.note (no serial, text text)")
        return opened(self.url, create=True)

    def reopen(self, store: Store, place: Path) -> Store:
        store.close()
        return opened(self.url, create=False)

    def another(self, store: Store, place: Path) -> Store:
        return opened(self.url, create=False)

    def side_row(self, text: str) -> SideRow:
        return SideRow(statement="INSERT INTO notes.note (text) VALUES (%s)", values=[text])

    def side_texts(self, store: Store) -> list[str]:
        rows = self.line.execute("SELECT text FROM notes.note ORDER BY no")
        return [str(text) for (text,) in rows]
