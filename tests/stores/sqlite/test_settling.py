"""An application's own statements in SQLite's one writer: what they may do, and what not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from everflow.errors import StatementFailed, StoreError
from everflow.store import RunRow, SideRow
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import Scribe, new_run
from everflow.testing.conformance.settling import settled

LEDGER = "CREATE TABLE IF NOT EXISTS ledger (id TEXT PRIMARY KEY, sum INTEGER)"


def said(sql: str, *values: object) -> SideRow:
    return SideRow(statement=sql, values=list(values))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore.open(tmp_path / "a.db")
    store.settle(None, [said(LEDGER)])
    yield store
    store.close()


def ledger(store: SQLiteStore) -> list[tuple[object, ...]]:
    db = apsw.Connection(store.info().place)
    try:
        return list(db.execute("SELECT id, sum FROM ledger ORDER BY id"))
    finally:
        db.close()


def test_values_are_given_in_order_or_by_number(store: SQLiteStore) -> None:
    """``?`` is SQLite's own way, ``$1`` the one that PostgreSQL has, too."""
    store.settle(
        None,
        [
            said("INSERT INTO ledger VALUES (?, ?)", "a", 1),
            said("INSERT INTO ledger VALUES ($2, $1), ($3, $1)", 2, "b", "c"),
        ],
    )
    assert ledger(store) == [("a", 1), ("b", 2), ("c", 2)]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("UPDATE run SET owner = 0", "run is a table of the store's own"),
        ("INSERT INTO ledger SELECT message, 1 FROM inbox", "inbox is a table of the store's own"),
        ("DROP TABLE entry", "entry is a table"),
        ("ALTER TABLE Run RENAME TO mine", "table of the store's own"),
        ("DROP INDEX run_key", "run is a table"),
        ("CREATE TABLE worker (a)", "worker"),
        ("INSERT INTO birth VALUES (1, 2, 3, 4, 5)", "birth is temporary"),
        ("COMMIT", "it would begin or end a transaction"),
        ("INSERT INTO ledger VALUES ('x', 1); COMMIT", "it would begin or end a transaction"),
        ("SAVEPOINT here", "savepoint"),
        ("PRAGMA user_version = 9", "setting"),
        ("ATTACH 'other.db' AS other", "attach"),
        ("CREATE TEMP TABLE mine (a)", "temporary"),
        ("INSERT INTO ledger VALUES ('taken', 2)", "UNIQUE"),
        ("INSERT INTO nowhere VALUES (1)", "no such table"),
        ("INSERT INTO ledger VALUES (?, ?)", "Incorrect number of bindings"),
        ("SELECT json('no')", "malformed JSON"),
    ],
)
def test_what_fails_or_may_not_be_is_told(store: SQLiteStore, sql: str, why: str) -> None:
    """By its place and with the reason; nothing of the whole is written."""
    store.settle(None, [said("INSERT INTO ledger VALUES ('taken', 1)")])
    scribe = Scribe(store)
    row = scribe.run("a")
    statements = [said("INSERT INTO ledger VALUES ('first', 1)"), said(sql)]
    with pytest.raises(StatementFailed, match=why) as failed:
        store.settle(
            settled(row),
            statements,
            worker=scribe.id,
            epoch=scribe.row.epoch,
            starts=[new_run("b")],
        )
    assert failed.value.place == 1
    assert ledger(store) == [("taken", 1)]
    assert store.find("b") is None
    assert store.load([row.no])[0].arrivals == []


@pytest.mark.parametrize("value", [object(), 1 << 70, ["a"]])
def test_a_value_that_sqlite_has_no_form_for_is_told(store: SQLiteStore, value: object) -> None:
    """As the statement's error, not as trouble of the store's."""
    with pytest.raises(StatementFailed):
        store.settle(None, [said("INSERT INTO ledger VALUES ('a', ?)", value)])


def test_a_trigger_of_the_applications_may_no_more_than_it(store: SQLiteStore) -> None:
    """It could be made; what it does is looked at when it is fired."""
    store.settle(
        None, [said("CREATE TRIGGER t AFTER INSERT ON ledger BEGIN DELETE FROM record; END")]
    )
    with pytest.raises(StatementFailed, match="record is a table of the store's own"):
        store.settle(None, [said("INSERT INTO ledger VALUES ('a', 1)")])


def test_the_store_writes_its_own_tables_again_after_that(store: SQLiteStore) -> None:
    """The guard stands only while others' statements are executed, refused ones too."""
    scribe = Scribe(store)
    row: RunRow = scribe.run("a")
    with pytest.raises(StatementFailed):
        store.settle(None, [said("DELETE FROM run")])
    store.settle(None, [said("INSERT INTO ledger VALUES ('a', 1)")])
    assert scribe.write(entries=[(row.no, 1, "[]", 223132457)]) == []
    assert ledger(store) == [("a", 1)]


def test_nobody_has_a_transaction_open_beside_the_writer(store: SQLiteStore) -> None:
    """That is PostgreSQL's."""
    with pytest.raises(StoreError, match="one writer"):
        store.settle(None, within=object())
