"""A failing disk loses nothing that was acknowledged, and heals by itself: RELIABILITY 8."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from everflow.errors import StoreError, StoreFull, StoreUnavailable
from everflow.store import Batch, RunQuery, SideRow
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import DEFINITION, cancel, new_run
from tests.stores.sqlite.faulty import MODES, Disk
from tests.stores.sqlite.inside import connections

pytestmark = pytest.mark.usefixtures("unmeasured")

OPERATIONS = 40
BATCHES = 8


@pytest.fixture
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    disk = Disk(f"disk-{abs(hash(request.node.name))}")
    yield disk
    disk.unregister()


class Ledger:
    """A worker that keeps account of what was acknowledged, and sends again what wasn't."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.worker = store.enlist(host="here", pid=1, at=0)
        (self.run,) = store.start([new_run("one", owner=self.worker.id)], [DEFINITION])
        self.number = 0
        self.size = 1000

    def write(self) -> None:
        """The next batch, until it is taken."""
        body = "x" * self.size
        self.size = 1000 + (self.size * 7) % 20_000  # some commits are longer than others
        entries = [(self.run.no, self.number + 1, body, zlib.crc32(body.encode()))]
        batch = Batch(worker=self.worker.id, epoch=1, number=self.number + 1, at=0, entries=entries)
        self.store.append(batch)
        self.number += 1

    def check(self, store: SQLiteStore) -> None:
        """Everything acknowledged is there, once."""
        (loaded,) = store.load([self.run.no])
        assert [seq for _, seq, _, _ in loaded.entries] == list(range(self.number + 1))


@pytest.mark.parametrize("mode", MODES)
def test_any_one_failure_is_survived(mode: str, disk: Disk, tmp_path: Path) -> None:
    """The n-th operation fails, for each n; the same batch again goes through."""
    for nth in range(1, OPERATIONS):
        path = tmp_path / f"{nth}.db"
        store = SQLiteStore.open(path, vfs=disk.name)
        connections(store)[0].execute("PRAGMA wal_autocheckpoint = 10")
        ledger = Ledger(store)
        disk.fail(mode, nth)
        for _ in range(BATCHES):
            for _ in range(3):  # a commit fails, then perhaps the cleaning after it
                try:
                    ledger.write()
                    break
                except StoreUnavailable:
                    continue
        failed = disk.failed
        disk.heal()
        assert ledger.number == BATCHES
        ledger.check(store)
        store.close()
        store = SQLiteStore.open(path)
        ledger.check(store)
        store.close()
        if not failed:
            break
    assert nth > 10


@pytest.mark.parametrize("mode", MODES)
def test_a_disk_that_fails_for_long_is_survived(mode: str, disk: Disk, tmp_path: Path) -> None:
    """Every write says so, reads go on, and all goes on once the disk works again."""
    for nth in range(1, OPERATIONS, 5):
        path = tmp_path / f"{nth}.db"
        store = SQLiteStore.open(path, vfs=disk.name)
        ledger = Ledger(store)
        disk.fail(mode, nth, for_ever=True)
        for _ in range(BATCHES):
            try:
                ledger.write()
            except StoreUnavailable:
                assert store.find("one") is not None
        if disk.failed:
            with pytest.raises(StoreUnavailable):
                store.accept([cancel(ledger.run)])
        store.beat(ledger.worker.id)
        disk.heal()
        ledger.write()
        ledger.check(store)
        store.close()
        store = SQLiteStore.open(path)
        ledger.check(store)
        store.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_failure_followed_by_a_death_is_survived(mode: str, disk: Disk, tmp_path: Path) -> None:
    """What a failing disk left in the log isn't taken for damage by the next process."""
    for nth in range(1, OPERATIONS, 5):
        path = tmp_path / f"{nth}.db"
        store = SQLiteStore.open(path, vfs=disk.name)
        ledger = Ledger(store)
        disk.fail(mode, nth, for_ever=True)
        for _ in range(12):
            try:
                ledger.write()
            except StoreUnavailable:
                ledger.size //= 2
        image = {
            end: path.with_name(f"{path.name}{end}").read_bytes()
            for end in ("", "-wal")
            if path.with_name(f"{path.name}{end}").exists()
        }
        disk.heal()
        store.close()
        copy = tmp_path / f"copy-{nth}.db"
        for end, content in image.items():
            copy.with_name(f"{copy.name}{end}").write_bytes(content)
        after = SQLiteStore.open(copy)
        (loaded,) = after.load([ledger.run.no])
        assert len(loaded.entries) - 1 in {ledger.number, ledger.number + 1}
        after.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_store_is_made_whole_or_not_at_all(mode: str, disk: Disk, tmp_path: Path) -> None:
    """Whatever fails while it is made, the next attempt makes it."""
    path = tmp_path / "store.db"
    refused = 0
    for nth in range(1, 60):
        disk.fail(mode, nth)
        try:
            SQLiteStore.open(path, vfs=disk.name).close()
        except StoreError:
            refused += 1
        disk.heal()
        store = SQLiteStore.open(path, vfs=disk.name)
        assert store.runs(RunQuery()) == []
        store.close()
        path.unlink()
        if not disk.failed:
            break
    assert not list(tmp_path.glob(".*"))
    assert refused > 0


def test_a_full_disk_is_called_full(disk: Disk, tmp_path: Path) -> None:
    """So that people know what to do, and it heals when there is room again."""
    store = SQLiteStore.open(tmp_path / "store.db", vfs=disk.name)
    ledger = Ledger(store)
    disk.fail("full", for_ever=True)
    for _ in range(3):
        with pytest.raises(StoreFull):
            ledger.write()
    disk.heal()
    ledger.write()
    ledger.check(store)
    store.close()


def test_cleaning_up_does_not_wait_for_a_reader(disk: Disk, tmp_path: Path) -> None:
    """The log is emptied by a later turn then."""
    store = SQLiteStore.open(tmp_path / "store.db", vfs=disk.name)
    ledger = Ledger(store)
    reader = apsw.Connection(str(tmp_path / "store.db"), vfs=disk.name)
    reader.execute("BEGIN; SELECT count(*) FROM run").get  # noqa: B018 - it begins to read
    disk.fail("eio")
    with pytest.raises(StoreUnavailable):
        ledger.write()
    ledger.write()
    log = tmp_path / "store.db-wal"
    before = log.stat().st_size
    reader.close()
    ledger.write()
    assert log.stat().st_size < before
    ledger.check(store)
    store.close()


def test_a_side_row_and_a_failing_disk_leave_no_transaction_open(
    disk: Disk, tmp_path: Path
) -> None:
    """The line is hung up when not even a rollback goes through."""
    store = SQLiteStore.open(tmp_path / "store.db", vfs=disk.name)
    ledger = Ledger(store)
    batch = Batch(worker=ledger.worker.id, epoch=1, number=1, at=0)
    side = SideRow(statement="CREATE TABLE note (text)", values=[])
    for mode in MODES:
        disk.fail(mode, for_ever=True)
        with pytest.raises(StoreUnavailable):
            store.append(batch, [side])
        disk.heal()
        if mode == "liar":
            break
    store.append(Batch(worker=ledger.worker.id, epoch=1, number=1, at=0))
    assert store.workers()[0].number == 1
    store.close()
