"""The PostgreSQL store holds the contract."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from everflow.store import SideRow, Store
from everflow.stores.postgres import PostgresStore
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance import StoreConformance
from tests.stores.postgres.spares import Spares


class TestPostgresStore(StoreConformance):
    """The conformance suite over a store in a schema of its own."""

    spares: Spares
    urls: dict[Path, str]
    stores: list[Store]

    @pytest.fixture(autouse=True)
    def at(self, spares: Spares) -> Iterator[None]:
        """Where this test's stores are; they are given back as it ends."""
        yield from self.used(spares)

    def used(self, spares: Spares) -> Iterator[None]:
        self.spares, self.urls, self.stores = spares, {}, []
        yield
        for store in self.stores:
            store.close()
        for url in self.urls.values():
            spares.give_back(url)

    def opened(self, url: str, *, create: bool) -> Store:
        """The store there; closed after the test, if it wasn't before."""
        self.stores.append(cast("Store", PostgresStore.open(url, create=create)))
        return self.stores[-1]

    def make_store(self, place: Path) -> Store:
        self.urls[place] = self.spares.take()
        return self.opened(self.urls[place], create=True)

    def reopen(self, store: Store, place: Path) -> Store:
        store.close()
        return self.opened(self.urls[place], create=False)

    def another(self, store: Store, place: Path) -> Store:
        return self.opened(self.urls[place], create=False)

    def open_backup(self, store: Store, backup: str) -> Store:
        return SQLiteStore.open(backup, create=False)

    def side_row(self, text: str) -> SideRow:
        return SideRow(statement="INSERT INTO notes.note (text) VALUES (%s)", values=[text])

    def side_texts(self, store: Store) -> list[str]:
        return self.spares.notes()


@pytest.mark.usefixtures("unmeasured")
class TestOldestPostgres(TestPostgresStore):
    """The same over the oldest supported major, whose own order of texts isn't by code points."""

    @pytest.fixture(autouse=True)
    def at(self, oldest_spares: Spares) -> Iterator[None]:
        """Where this test's stores are; they are given back as it ends."""
        yield from self.used(oldest_spares)
