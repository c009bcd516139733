"""Threads, forks and other objects: who may use an open store, and what they see."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from everflow.errors import StoreError
from everflow.store import Verdict
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import Scribe, answer, begin, cancel, entry
from tests.stores.sqlite.children import Child


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore.open(tmp_path / "store.db")
    yield store
    store.close()


def test_a_forked_child_is_told_to_open_it_again(tmp_path: Path) -> None:
    """Writing and reading through the parent connection would corrupt both (12b)."""
    child = Child(
        tmp_path / "store.db",
        """
        import os
        store = SQLiteStore.open(path)
        begin(store, "parent")
        pid = os.fork()
        if pid == 0:
            for verb in (lambda: begin(store, "ghost"), lambda: store.find("parent"),
                         store.version, store.workers):
                try:
                    verb()
                    say("went through")
                except StoreError as error:
                    say("before a fork" in str(error))
            again = SQLiteStore.open(path)
            begin(again, "child")
            os._exit(0)
        os.waitpid(pid, 0)
        say(*sorted(row.id for row in store.runs(RunQuery())))
        store.close()
        """,
    )
    assert [child.line() for _ in range(4)] == ["True"] * 4
    assert child.line() == "child parent"
    assert child.end() == 0


def test_a_forked_child_keeps_no_dead_worker_alive(store: SQLiteStore, tmp_path: Path) -> None:
    """Nor the store in the hands of the dead."""
    child = Child(
        tmp_path / "store.db",
        """
        import os, signal
        other = SQLiteStore.open(path)
        scribe = Scribe(other)
        board = other.flights(scribe.id, 4)
        pid = os.fork()
        if pid == 0:
            other.close()
            say("forked")
            sys.stdin.readline()
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    assert child.line() == "forked"
    child.process.wait()
    (worker,) = store.workers()
    assert worker.lost
    child.tell("end")
    child.end()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Every verb, and closing again is nothing."""
    store = SQLiteStore.open(tmp_path / "store.db")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        begin(store, "one")
    with pytest.raises(StoreError, match="closed"):
        store.find("one")
    with pytest.raises(StoreError, match="closed"):
        store.version()


def test_sixteen_answers_at_once_have_one_winner(store: SQLiteStore, tmp_path: Path) -> None:
    """From threads of two objects; everybody is told the truth (4, B049)."""
    other = SQLiteStore.open(tmp_path / "store.db")
    scribe = Scribe(store)
    for round_ in range(10):
        run = scribe.asking(f"r{round_}")
        with ThreadPoolExecutor(16) as pool:
            verdicts = list(
                pool.map(
                    lambda index, run=run: (store, other)[index % 2].accept(
                        [answer(run, key=f"k{index}")]
                    )[0],
                    range(16),
                )
            )
        assert sorted(verdicts) == [Verdict.ACCEPTED, *[Verdict.ANSWERED] * 15]
        assert len(store.load([run.no])[0].arrivals) == 1
    other.close()


def test_cancel_and_answer_at_once_are_told_the_truth(store: SQLiteStore) -> None:
    """Both may be accepted, answer first; an answer after the cancel is refused (10)."""
    scribe = Scribe(store)
    for round_ in range(20):
        run = scribe.asking(f"r{round_}")
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(store.accept, [answer(run)])
            second = pool.submit(store.accept, [cancel(run)])
        assert second.result() == [Verdict.ACCEPTED]
        kinds = [type(a.message).__name__ for a in store.load([run.no])[0].arrivals]
        if first.result() == [Verdict.ACCEPTED]:
            assert kinds == ["Answer", "Cancel"]
        else:
            assert first.result() == [Verdict.CANCELLED]
            assert kinds == ["Cancel"]


def test_threads_read_while_another_writes(store: SQLiteStore) -> None:
    """A reader sees whole batches alone."""
    scribe = Scribe(store)
    rows = [scribe.run(f"r{i}") for i in range(5)]
    done = threading.Event()
    torn: list[set[int]] = []

    def read() -> None:
        while not done.is_set():
            lengths = {len(run.entries) for run in store.load([row.no for row in rows])}
            if len(lengths) > 1:
                torn.append(lengths)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for seq in range(1, 60):
        scribe.write(entries=[entry(row.no, seq) for row in rows])
    done.set()
    for reader in readers:
        reader.join()
    assert torn == []


def test_the_version_changes_with_others_writes_alone(store: SQLiteStore, tmp_path: Path) -> None:
    """An idle engine looks for work when somebody else wrote."""
    other = SQLiteStore.open(tmp_path / "store.db")
    before = store.version()
    assert store.version() == before
    begin(store, "own")
    assert store.version() == before
    begin(other, "another's")
    after = store.version()
    assert after != before
    assert store.version() == after
    other.close()


def test_the_version_does_not_wait_for_a_commit(store: SQLiteStore) -> None:
    """It is asked for by the scheduler, which must not stand still."""
    before = store.version()
    with store._pen.turn():  # noqa: SLF001 - another thread in the middle of a commit
        asked = ThreadPoolExecutor(1).submit(store.version)
        assert asked.result(timeout=20) == before


def test_a_killed_process_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """What was said to be written is there (1)."""
    for round_ in range(5):
        path = tmp_path / f"{round_}.db"
        child = Child(
            path,
            """
            store = SQLiteStore.open(path)
            for i in range(10_000):
                begin(store, f"r{i}")
                say(i)
            """,
        )
        last = 0
        for _ in range(20 * (round_ + 1)):
            last = int(child.line())
        child.process.kill()
        assert child.process.stdout is not None
        for line in child.process.stdout:
            last = int(line)
        child.end()
        store = SQLiteStore.open(path)
        assert store.find(f"r{last}") is not None
        assert store.find(f"r{last + 2}") is None
        store.close()


def test_a_child_inherits_no_right_to_the_file(store: SQLiteStore) -> None:
    """Descriptors beside the store close at exec, so that a subprocess holds no lock."""
    Scribe(store)
    for link in Path("/proc/self/fd").iterdir():
        if link.exists() and "store.db" in str(link.readlink()):
            assert not os.get_inheritable(int(link.name))
