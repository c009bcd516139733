"""Writers take turns: threads, objects and processes."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from everflow.errors import StoreError, StoreUnavailable
from everflow.store import RunQuery
from everflow.stores.locks import try_lock, unlock
from everflow.stores.sqlite import SQLiteStore
from everflow.stores.sqlite.turnstile import Turnstile
from everflow.testing.conformance.base import begin
from tests.stores.sqlite.children import Child
from tests.stores.sqlite.inside import turn


def turnstile(folder: Path, patience: float = 20.0) -> Turnstile:
    return Turnstile(folder, patience=patience, place="here")


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Turnstile]:
    made = turnstile(tmp_path)
    yield made
    made.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Turnstile]:
    made = turnstile(tmp_path)
    yield made
    made.close()


def until_taken(path: Path) -> None:
    """Wait until somebody holds the lock of that file."""
    fd = os.open(path, os.O_RDWR)
    pause = threading.Event()
    while try_lock(fd, fcntl.LOCK_SH):
        unlock(fd)
        pause.wait(0.0005)
    os.close(fd)


def test_who_comes_again_goes_behind_who_waits(
    one: Turnstile, other: Turnstile, tmp_path: Path
) -> None:
    """A busy writer doesn't starve another one."""
    order: list[str] = []

    def wait() -> None:
        other.enter()
        order.append("who waited")
        other.leave()

    one.enter()
    waiting = threading.Thread(target=wait)
    waiting.start()
    until_taken(tmp_path / "next")
    one.leave()
    one.enter()
    order.append("who came again")
    one.leave()
    waiting.join()
    assert order == ["who waited", "who came again"]


def test_threads_of_one_store_take_turns_too(one: Turnstile) -> None:
    """Python's own lock would let the busy one in again."""
    inside = threading.Event()
    order: list[str] = []

    def wait() -> None:
        inside.set()
        one.enter()
        order.append("who waited")
        one.leave()

    one.enter()
    waiting = threading.Thread(target=wait)
    waiting.start()
    inside.wait()
    while not one._queue.locked():  # noqa: SLF001 - nothing else shows that it waits
        threading.Event().wait(0.0005)
    one.leave()
    one.enter()
    order.append("who came again")
    one.leave()
    waiting.join()
    assert order == ["who waited", "who came again"]


def test_patience_has_an_end(one: Turnstile, tmp_path: Path) -> None:
    """Whoever is stopped inside costs others their patience, not their life."""
    hasty = turnstile(tmp_path, patience=0.01)
    one.enter()
    with pytest.raises(StoreUnavailable, match=r"0\.01 s"):
        hasty.enter()
    one.leave()
    hasty.enter()
    hasty.leave()
    hasty.close()


def test_a_thread_loses_patience_with_its_own_store(tmp_path: Path) -> None:
    """Inside the hall, and in the queue before it."""
    hasty = turnstile(tmp_path, patience=0.01)
    hasty.enter()
    with pytest.raises(StoreUnavailable):
        hasty.enter()
    hasty.leave()
    with hasty._queue, pytest.raises(StoreUnavailable):  # noqa: SLF001 - a thread that queues
        hasty.enter()
    hasty.close()


def test_closing_sends_away_who_waits(one: Turnstile, tmp_path: Path) -> None:
    """They are told that the store is closed."""
    closed = turnstile(tmp_path)
    one.enter()
    told: list[BaseException] = []

    def wait() -> None:
        try:
            closed.enter()
        except (StoreError, OSError) as error:
            told.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    until_taken(tmp_path / "next")
    closed.close()
    waiting.join()
    one.leave()
    assert len(told) == 1


def test_a_killed_writer_frees_the_way(tmp_path: Path) -> None:
    """The kernel lets go of the locks of the dead."""
    child = Child(
        tmp_path / "store.db",
        """
        store = SQLiteStore.open(path)
        store._pen.turnstile.enter()
        say("inside"); sys.stdin.readline()
        """,
    )
    assert child.line() == "inside"
    hasty = SQLiteStore.open(tmp_path / "other.db")
    hasty.close()
    child.kill()
    store = SQLiteStore.open(tmp_path / "store.db", busy=5.0)
    begin(store, "one")
    store.close()


def test_a_busy_process_leaves_room_for_a_row(tmp_path: Path) -> None:
    """While another process commits all the time, each write of ours waits for few of its own."""
    child = Child(
        tmp_path / "store.db",
        """
        store = SQLiteStore.open(path)
        scribe = Scribe(store)
        row = begin(store, "theirs", owner=scribe.id)
        say("ready")
        while store.find("stop") is None:
            scribe.write(entries=[entry(row.no, scribe.number + 1, "x" * 200)])
        say(scribe.number)
        """,
    )
    assert child.line() == "ready"
    store = SQLiteStore.open(tmp_path / "store.db")
    for index in range(30):
        begin(store, f"ours{index}")
    begin(store, "stop")
    assert int(child.line()) > 5
    assert child.end() == 0
    store.close()


def test_a_fork_waits_for_a_call_only_so_long(tmp_path: Path) -> None:
    """Who is inside isn't waited for beyond an instant; then calls go on as if nothing had been."""
    with closing(SQLiteStore.open(tmp_path / "store.db")) as store:
        with turn(store):
            assert not store.hold(time.monotonic())
            assert store.runs(RunQuery()) == []
        assert store.hold(time.monotonic())
        assert not store.hold(time.monotonic())
        store.go_on()
        begin(store, "a")
        assert len(store.runs(RunQuery())) == 1
