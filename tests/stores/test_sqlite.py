"""The SQLite store holds the contract."""

from pathlib import Path

import apsw

from everflow.store import SideRow, Store
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance import StoreConformance


class TestSQLiteStore(StoreConformance):
    """The conformance suite over a store in a file."""

    def make_store(self, place: Path) -> Store:
        store = SQLiteStore.open(place / "store.db")
        db = apsw.Connection(str(place / "store.db"))
        db.execute("CREATE TABLE IF NOT EXISTS note (text TEXT)")
        db.close()
        return store

    def reopen(self, store: Store, place: Path) -> Store:
        store.close()
        return SQLiteStore.open(place / "store.db", create=False)

    def another(self, store: Store, place: Path) -> Store:
        return SQLiteStore.open(place / "store.db", create=False)

    def open_backup(self, store: Store, backup: str) -> Store:
        return SQLiteStore.open(backup, create=False)

    def side_row(self, text: str) -> SideRow:
        return SideRow(statement="INSERT INTO note VALUES (?)", values=[text])

    def side_texts(self, store: Store) -> list[str]:
        db = apsw.Connection(store.info().place)
        try:
            return [str(text) for (text,) in db.execute("SELECT text FROM note ORDER BY rowid")]
        finally:
            db.close()


def test_it_is_a_store(tmp_path: Path) -> None:
    """The protocol is complete."""
    store = SQLiteStore.open(tmp_path / "store.db")
    assert isinstance(store, Store)
    store.close()
