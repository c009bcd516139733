"""Bytes that aren't what was written are named, never returned: RELIABILITY 13."""

from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from everflow.errors import StoreDamaged
from everflow.store import QuestionQuery, RunQuery, RunRow
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import Scribe, entry


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore.open(tmp_path / "store.db")
    yield store
    store.close()


@pytest.fixture
def run(store: SQLiteStore) -> RunRow:
    scribe = Scribe(store)
    row = scribe.asking("one")
    scribe.write(entries=[entry(row.no, seq, f'["{seq}"]') for seq in range(1, 6)])
    return row


def edit(store: SQLiteStore, statement: str, *values: object) -> None:
    """What a broken disk does, with SQLite's help."""
    db = apsw.Connection(store.info().place)
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    db.execute(statement, tuple(values))
    db.close()


READERS: dict[str, Callable[[SQLiteStore, RunRow], object]] = {
    "load": lambda store, run: store.load([run.no]),
    "entries": lambda store, run: store.entries(run.no, [3]),
    "export": lambda store, run: store.export(run.no),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_changed_entry_is_damage(store: SQLiteStore, run: RunRow, reader: str) -> None:
    """The error names the run and the entry."""
    edit(store, "UPDATE entry SET body = '[\"4\"]' WHERE seq = 3")
    with pytest.raises(StoreDamaged, match="Entry 3") as caught:
        READERS[reader](store, run)
    assert caught.value.run == "one"


@pytest.mark.parametrize("reader", ["load", "entries"])
def test_a_missing_entry_is_damage(store: SQLiteStore, run: RunRow, reader: str) -> None:
    """A hole in the history is never skipped."""
    edit(store, "DELETE FROM entry WHERE seq = 3")
    with pytest.raises(StoreDamaged, match="Entry 3 is missing"):
        READERS[reader](store, run)


def test_a_journal_without_its_entries_is_damage(store: SQLiteStore, run: RunRow) -> None:
    """Even the first one is missed."""
    edit(store, "DELETE FROM entry")
    with pytest.raises(StoreDamaged, match="Entry 0 is missing"):
        store.load([run.no])


def test_the_journal_shows_what_is_there(store: SQLiteStore, run: RunRow) -> None:
    """It is for people who look at the damage."""
    edit(store, "UPDATE entry SET body = '[]' WHERE seq = 3")
    assert store.journal(run.no)[3][2] == "[]"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE run SET status = 'dine'",
        "UPDATE run SET labels = '{'",
        "UPDATE run SET labels = '[]'",
        "UPDATE run SET flow = CAST(x'ff61' AS TEXT)",
    ],
)
def test_a_row_that_makes_no_sense_is_damage(
    store: SQLiteStore, run: RunRow, statement: str
) -> None:
    """A word of no meaning, a text that is none."""
    edit(store, statement)
    with pytest.raises(StoreDamaged):
        store.runs(RunQuery())


def test_a_message_that_makes_no_sense_is_damage(store: SQLiteStore, run: RunRow) -> None:
    """The inbox holds what was accepted."""
    edit(store, "INSERT INTO inbox (run, kind, message) VALUES (?, 'cancel', '{]')", run.no)
    with pytest.raises(StoreDamaged):
        store.load([run.no])


def test_a_question_of_unknown_state_is_damage(store: SQLiteStore, run: RunRow) -> None:
    """It is neither open nor closed."""
    edit(store, "UPDATE question SET state = 'ajar'")
    with pytest.raises(StoreDamaged):
        store.questions(QuestionQuery(no=run.no, open_only=False))


def test_a_broken_page_is_damage(tmp_path: Path) -> None:
    """Found when it is read; the store can be closed all the same."""
    path = tmp_path / "store.db"
    store = SQLiteStore.open(path)
    scribe = Scribe(store)
    row = scribe.run("one")
    scribe.write(entries=[entry(row.no, seq, "x" * 3000) for seq in range(1, 50)])
    store.close()
    content = bytearray(path.read_bytes())
    for page in range(30, 40):
        content[page * 4096 : page * 4096 + 200] = b"\xa5" * 200
    path.write_bytes(content)
    store = SQLiteStore.open(path)
    with pytest.raises(StoreDamaged):
        store.load([row.no])
    assert store.info().format == 1
    store.close()
