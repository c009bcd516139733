"""Backups, imports and formats of the file."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from everflow.errors import StoreDamaged, StoreError, StoreUnavailable
from everflow.store import SideRow
from everflow.stores.queries import read_text
from everflow.stores.sqlite import SQLiteStore, backup, schema
from everflow.testing.conformance.base import Scribe, begin, entry
from tests.stores.sqlite.children import Child


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore.open(tmp_path / "store.db")
    yield store
    store.close()


def test_a_backup_is_of_one_moment(store: SQLiteStore, tmp_path: Path) -> None:
    """What is written meanwhile isn't in it, and doesn't make it start again."""
    scribe = Scribe(store)
    row = scribe.run("one")
    scribe.write(entries=[entry(row.no, seq, "x" * 20_000) for seq in range(1, 400)])
    steps: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        steps.append((done, total))
        scribe.write(entries=[entry(row.no, 400 + len(steps))])

    store.backup(str(tmp_path / "copy.db"), progress)
    assert len(steps) > 1
    assert steps[-1][0] == steps[-1][1] > 1000
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    copy = SQLiteStore.open(tmp_path / "copy.db")
    assert len(copy.load([row.no])[0].entries) == 400
    assert copy.info().id == store.info().id
    copy.close()


def test_a_backup_succeeds_beside_a_busy_process(store: SQLiteStore, tmp_path: Path) -> None:
    """Its commits don't hold it up."""
    child = Child(
        tmp_path / "store.db",
        """
        store = SQLiteStore.open(path)
        scribe = Scribe(store)
        row = begin(store, "theirs", owner=scribe.id)
        say("ready")
        while store.find("stop") is None:
            scribe.write(entries=[entry(row.no, scribe.number + 1)])
        say(scribe.number)
        """,
    )
    assert child.line() == "ready"
    store.backup(str(tmp_path / "copy.db"))
    begin(store, "stop")
    written = int(child.line())
    assert child.end() == 0
    copy = SQLiteStore.open(tmp_path / "copy.db")
    run = copy.find("theirs")
    assert run is not None
    assert len(copy.load([run.no])[0].entries) <= written + 1
    copy.close()


def test_a_backup_leaves_nothing_when_it_fails(
    store: SQLiteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No half copy under any name."""

    def fail(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(backup, "sync_file", fail)
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(StoreUnavailable):
        store.backup(str(tmp_path / "copy.db"))
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_damaged_store_gives_no_backup(tmp_path: Path) -> None:
    """A copy that isn't whole would be trusted on the worst day."""
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
        store.backup(str(tmp_path / "copy.db"))
    assert not (tmp_path / "copy.db").exists()
    store.close()


def test_a_store_of_an_older_format_is_brought_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step, each once; what was in it stays."""
    path = tmp_path / "store.db"
    store = SQLiteStore.open(path)
    begin(store, "one")
    store.close()
    steps = []

    def read_step(dialect: str, file: str) -> str:
        steps.append(file)
        return (
            read_text(dialect, file) if file == "schema_1.sql" else f"CREATE TABLE t_{file[7]} (x)"
        )

    monkeypatch.setattr(schema, "read_text", read_step)
    monkeypatch.setattr(schema, "FORMAT", 3)
    store = SQLiteStore.open(path)
    assert store.info().format == 3
    assert store.find("one") is not None
    store.close()
    assert steps == ["schema_2.sql", "schema_3.sql"]


def test_an_older_format_is_not_brought_up_under_others(
    store: SQLiteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their release doesn't know what it would find."""
    monkeypatch.setattr(schema, "FORMAT", 2)
    with pytest.raises(StoreError, match="while others have it open"):
        SQLiteStore.open(tmp_path / "store.db")
    assert begin(store, "one").no == 1


def test_a_step_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store stays at its format, and this release can still open it."""
    path = tmp_path / "store.db"
    SQLiteStore.open(path).close()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "FORMAT", 2)
        patch.setattr(schema, "read_text", lambda *_: "CREATE TABLE more (x); CREATE TABLE run (x)")
        with pytest.raises(StoreError):
            SQLiteStore.open(path)
    store = SQLiteStore.open(path)
    assert store.info().format == 1
    store.close()
    db = apsw.Connection(str(path))
    assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'more'").get == 0
    db.close()


def test_a_side_row_that_fails_takes_its_batch_with_it(store: SQLiteStore) -> None:
    """All or nothing; the same batch without it goes through."""
    scribe = Scribe(store)
    row = scribe.run("one")
    batch = scribe.batch(entries=[entry(row.no, 1)])
    with pytest.raises(StoreError):
        store.append(batch, [SideRow(statement="INSERT INTO nowhere VALUES (1)", values=[])])
    assert len(store.load([row.no])[0].entries) == 1
    store.append(batch)
    assert len(store.load([row.no])[0].entries) == 2


def test_an_entry_that_is_there_is_never_written_over(store: SQLiteStore) -> None:
    """History is append-only, whoever errs."""
    scribe = Scribe(store)
    row = scribe.run("one")
    scribe.write(entries=[entry(row.no, 1)])
    with pytest.raises(StoreError, match="inconsistent"):
        scribe.write(entries=[entry(row.no, 1, '["other"]')])
    assert store.load([row.no])[0].entries[1][2] == "[]"
