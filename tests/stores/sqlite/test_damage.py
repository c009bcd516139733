"""Bytes that aren't what was written are named, never returned: RELIABILITY 13."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from everflow.errors import StoreDamaged, StoreError
from everflow.store import QuestionQuery, RunQuery, RunRow
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import Scribe, entry
from tests.stores.sqlite.children import Child
from tests.stores.sqlite.inside import connections


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


def written_to(path: Path) -> None:
    """A store whose process was killed, so that its log is still there."""
    child = Child(
        path,
        """
        store = SQLiteStore.open(path)
        scribe = Scribe(store)
        row = scribe.run("one")
        store.backup(str(path) + ".older")
        for seq in range(1, 20):
            scribe.write(entries=[entry(row.no, seq)])
        say("done"); sys.stdin.readline()
        """,
    )
    assert child.line() == "done"
    child.kill()


def test_a_lost_log_is_noticed(tmp_path: Path) -> None:
    """The workers' boards know that more was written."""
    path = tmp_path / "store.db"
    written_to(path)
    path.with_name("store.db-wal").unlink()
    with pytest.raises(StoreDamaged, match="had written batch 19"):
        SQLiteStore.open(path)


def test_an_older_copy_in_its_place_is_noticed(tmp_path: Path) -> None:
    """Unless the operator says that it was meant."""
    path = tmp_path / "store.db"
    written_to(path)
    path.with_name("store.db-wal").unlink()
    path.with_name("store.db.older").replace(path)
    with pytest.raises(StoreDamaged, match="an older copy") as caught:
        SQLiteStore.open(path)
    assert "delete the folder" in caught.value.hint
    shutil.rmtree(path.with_name("store.db-workers"))
    store = SQLiteStore.open(path)
    assert store.find("one") is not None
    store.close()


def test_a_load_of_too_much_is_made_in_parts(store: SQLiteStore) -> None:
    """SQLite gives about 1 GB at once; what is more than that alone is told."""
    scribe = Scribe(store)
    rows = [scribe.run(f"r{i}") for i in range(5)]
    scribe.write(entries=[entry(row.no, 1, "x" * 5000) for row in rows])
    for db in connections(store):
        db.limit(apsw.SQLITE_LIMIT_LENGTH, 12_000)
    loaded = store.load([row.no for row in rows])
    assert [len(run.entries) for run in loaded] == [2] * 5
    for db in connections(store):
        db.limit(apsw.SQLITE_LIMIT_LENGTH, 4_000)
    with pytest.raises(StoreError, match="at once"):
        store.load([rows[0].no])
