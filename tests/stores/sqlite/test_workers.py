"""Boards and locks: what a worker shows of itself without SQL."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from everflow.errors import StoreFull, StoreUnavailable
from everflow.store import Status
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import Scribe, begin
from tests.stores.sqlite.children import Child

WORK = """
    store = SQLiteStore.open(path)
    scribe = Scribe(store)
    row = begin(store, "one", owner=scribe.id, status=Status.RUNNING)
    board = store.flights(scribe.id, 8)
    board[3] = row.no
    store.beat(scribe.id)
    say(scribe.id)
    sys.stdin.readline()
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore.open(tmp_path / "store.db")
    yield store
    store.close()


def test_a_killed_worker_is_lost_at_once(store: SQLiteStore, tmp_path: Path) -> None:
    """A kernel lock tells, no lease has to run out; its board shows what it was at."""
    child = Child(tmp_path / "store.db", WORK)
    worker = int(child.line())
    (row,) = store.workers()
    assert (row.id, row.beat, row.lost, row.gone) == (worker, 1, False, False)
    child.kill()
    (row,) = store.workers()
    assert row.lost
    run = store.find("one")
    assert run is not None
    assert store.in_flight(worker) == [run.no]
    mine = Scribe(store)
    assert store.claim(mine.id, now=0, limit=9) == []
    assert store.depose(worker, 1)
    (claimed,) = store.claim(mine.id, now=0, limit=9)
    assert (claimed.no, claimed.owner, claimed.status) == (run.no, worker, Status.RUNNING)


def test_a_stopped_worker_is_not_lost(store: SQLiteStore, tmp_path: Path) -> None:
    """It lives and doesn't beat: that is for the lease to judge. Woken, it is fenced."""
    child = Child(
        tmp_path / "store.db",
        WORK
        + """
    try:
        scribe.write()
    except Fenced:
        say("fenced")
    """,
    )
    worker = int(child.line())
    os.kill(child.process.pid, signal.SIGSTOP)
    (row,) = store.workers()
    assert not row.lost
    assert store.depose(worker, 1)
    os.kill(child.process.pid, signal.SIGCONT)
    child.tell("go on")
    assert child.line() == "fenced"
    assert child.end() == 0


def test_a_board_grows_with_its_slots(store: SQLiteStore) -> None:
    """More slots than a page holds."""
    worker = Scribe(store).id
    small = store.flights(worker, 2)
    small[1] = 7
    large = store.flights(worker, 5000)
    assert len(large) == 5000
    assert large[1] == 7
    large[4999] = 9
    assert store.in_flight(worker) == [7, 9]


def test_beating_needs_no_room(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page was taken when the worker enlisted; enlisting on a full disk is refused."""
    worker = Scribe(store)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    for _ in range(3):
        store.beat(worker.id)
    assert [row.beat for row in store.workers()] == [3]
    with pytest.raises(StoreFull):
        Scribe(store)
    monkeypatch.undo()
    assert [row.id for row in store.workers()] == [worker.id]
    Scribe(store)


def test_closing_a_store_ends_its_workers(store: SQLiteStore, tmp_path: Path) -> None:
    """In the same process too: another object sees them lost."""
    other = SQLiteStore.open(tmp_path / "store.db")
    worker = Scribe(other)
    assert [row.lost for row in store.workers()] == [False]
    other.close()
    assert [row.lost for row in store.workers()] == [True]
    assert store.depose(worker.id, 1)


def test_a_board_of_other_content_shows_nothing(store: SQLiteStore, tmp_path: Path) -> None:
    """It is only a hint, so damage to it is no trouble."""
    worker = Scribe(store).id
    store.flights(worker, 2)[0] = 5
    store.retire(worker)
    board = tmp_path / "store.db-workers" / str(worker)
    board.write_bytes(b"short")
    assert store.in_flight(worker) == []
    assert store.workers()[0].beat == 0
    board.write_bytes(b"\xff" * 4096)
    assert store.in_flight(worker) == []


def test_old_workers_are_forgotten(store: SQLiteStore, tmp_path: Path) -> None:
    """Those that are gone, some time after; their numbers are never used again."""
    scribe = Scribe(store)
    scribe.run("mine")
    scribe.write(at=99 + 10**18)
    store.retire(scribe.id)
    seen = {Scribe(store).id for _ in range(3)}
    for worker in seen:
        store.retire(worker)
    for _ in range(70):
        youngest = Scribe(store)
        store.retire(youngest.id)
    listed = [row.id for row in store.workers()]
    assert min(listed) > max(seen)
    assert len(listed) <= 65
    files = {p.name for p in (tmp_path / "store.db-workers").iterdir() if p.name.isdecimal()}
    assert files == {str(worker) for worker in listed}
    assert store.info().highest == 99 + 10**18
    (row,) = store.claim(Scribe(store).id, now=0, limit=1)
    assert row.owner == 0


def test_a_deposed_worker_with_work_is_remembered(store: SQLiteStore) -> None:
    """Until its runs are claimed; and at rest they name it as their owner for ever."""
    dead = Scribe(store)
    active, resting = dead.run("active"), dead.run("resting", Status.SUSPENDED)
    store.depose(dead.id, 1)
    for _ in range(70):
        store.retire(Scribe(store).id)
    assert dead.id in {row.id for row in store.workers()}
    assert [row.no for row in store.claim(Scribe(store).id, now=0, limit=9)] == [active.no]
    Scribe(store)
    assert dead.id not in {row.id for row in store.workers()}
    assert store.rows([resting.no])[0].owner == dead.id


def test_a_number_that_a_living_worker_has_is_passed_over(
    store: SQLiteStore, tmp_path: Path
) -> None:
    """An older backup in the place of the store gives out numbers again."""
    Scribe(store)
    store.backup(str(tmp_path / "older.db"))
    living = Scribe(store)
    store._boards._folder.rename(tmp_path / "older.db-workers")  # noqa: SLF001 - a restored copy
    older = SQLiteStore.open(tmp_path / "older.db")
    assert Scribe(older).id > living.id
    older.close()


def test_a_worker_of_a_copy_is_lost(store: SQLiteStore, tmp_path: Path) -> None:
    """Nobody lives in a copy, and its runs are there for the taking."""
    Scribe(store).run("one")
    store.backup(str(tmp_path / "copy.db"))
    copy = SQLiteStore.open(tmp_path / "copy.db")
    (worker,) = copy.workers()
    assert worker.lost
    copy.depose(worker.id, worker.epoch)
    assert [row.id for row in copy.claim(Scribe(copy).id, now=0, limit=9)] == ["one"]
    copy.close()


def test_an_enlisting_that_fails_leaves_nothing(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row, and no lock that makes it look alive."""

    def fail(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(store._boards, "sweep", fail)  # noqa: SLF001 - the last step of it
    with pytest.raises(StoreUnavailable):
        Scribe(store)
    monkeypatch.undo()
    assert store.workers() == []
    begin(store, "one")
