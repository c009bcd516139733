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


class TestPostgresStore(StoreConformance):
    """The conformance suite over a store in a schema of its own."""

    url: str
    line: psycopg.Connection[tuple[object, ...]]
    stores: list[Store]

    @pytest.fixture(autouse=True)
    def at(self, fresh_url: str) -> Iterator[None]:
        """Where this test's stores are, and a connection beside them; nothing of them is left."""
        self.url = fresh_url
        place = Place.read(fresh_url)
        ours = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)"
        self.stores = []
        with psycopg.connect(place.conninfo, autocommit=True) as self.line:
            yield
            for store in self.stores:
                store.close()
            for (name,) in self.line.execute(ours, [f"{place.schema}_"]).fetchall():
                self.line.execute(f"DROP SCHEMA {name} CASCADE".encode())

    def at_place(self, place: Path) -> str:
        """The schema that stands for a folder."""
        return f"{self.url}_{place.name}"

    def opened(self, url: str, *, create: bool) -> Store:
        """The store there; closed after the test, if it wasn't before."""
        self.stores.append(cast("Store", PostgresStore.open(url, create=create)))
        return self.stores[-1]

    def make_store(self, place: Path) -> Store:
        notes = f"{Place.read(self.url).schema}_notes"
        self.line.execute(f"CREATE SCHEMA IF NOT EXISTS {notes}".encode())
        self.line.execute(
            f"CREATE TABLE IF NOT EXISTS {notes}.note (no serial, text text)".encode()
        )
        return self.opened(self.at_place(place), create=True)

    def reopen(self, store: Store, place: Path) -> Store:
        store.close()
        return self.opened(self.at_place(place), create=False)

    def another(self, store: Store, place: Path) -> Store:
        return self.opened(self.at_place(place), create=False)

    def side_row(self, text: str) -> SideRow:
        statement = f"INSERT INTO {Place.read(self.url).schema}_notes.note (text) VALUES (%s)"
        return SideRow(statement=statement, values=[text])

    def side_texts(self, store: Store) -> list[str]:
        notes = f"SELECT text FROM {Place.read(self.url).schema}_notes.note ORDER BY no"
        return [str(text) for (text,) in self.line.execute(notes.encode())]
