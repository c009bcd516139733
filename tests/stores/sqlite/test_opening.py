"""What is opened, what is made, and what is refused before anything is changed."""

import errno
import os
import time
from pathlib import Path

import apsw
import pytest

from everflow.errors import (
    ConfigurationError,
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreReadOnly,
    StoreTooNew,
    StoreUnavailable,
)
from everflow.store import RunQuery
from everflow.stores.sqlite import SQLiteStore, opening
from everflow.stores.sqlite.files import refuse_network
from everflow.stores.sqlite.presence import Presence
from everflow.testing.conformance.base import begin, new_run
from tests.stores.sqlite.children import Child
from tests.stores.sqlite.inside import connections, hang_up


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def made(path: Path, runs: int = 3) -> Path:
    """A closed store with so many runs."""
    store = SQLiteStore.open(path)
    for index in range(runs):
        begin(store, f"r{index}")
    store.close()
    return path


def pragma(path: Path, text: str) -> None:
    db = apsw.Connection(str(path))
    db.execute(f"PRAGMA {text}")
    db.close()


def patch(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def refused(path: Path, error: type[StoreError], word: str) -> None:
    """Opening raises that, with the word in its message, and leaves the file as it was."""
    before = path.read_bytes()
    with pytest.raises(error, match=word):
        SQLiteStore.open(path)
    assert path.read_bytes() == before


def test_a_store_is_made_whole(path: Path) -> None:
    """No moment shows a part of it, and nothing is left of its making."""
    store = SQLiteStore.open(path)
    assert store.info().place == str(path)
    assert {file.name for file in path.parent.iterdir()} == {
        "store.db",
        "store.db-wal",
        "store.db-shm",
        "store.db-workers",
    }
    store.close()


def test_what_a_dead_maker_left_is_cleared_away(path: Path) -> None:
    """It was never a store."""
    left = path.with_name(".store.db.abcdef.new")
    left.write_bytes(b"half of it")
    SQLiteStore.open(path).close()
    assert not left.exists()


def test_settings_are_in_force(path: Path) -> None:
    """Above all: what is acknowledged is on the disk."""
    store = SQLiteStore.open(path)
    for db in connections(store):
        found = {
            name: db.execute(f"PRAGMA {name}").get
            for name in ("journal_mode", "synchronous", "trusted_schema", "mmap_size")
        }
        assert found == {
            "journal_mode": "wal",
            "synchronous": 2,
            "trusted_schema": 0,
            "mmap_size": 0,
        }
    store.close()


def test_a_setting_that_does_not_hold_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite ignores what it doesn't know in silence."""
    made(path)
    monkeypatch.setitem(opening._SETTINGS, "synchronous", 77)  # noqa: SLF001 - no other way in
    with pytest.raises(ConfigurationError, match="synchronous"):
        SQLiteStore.open(path)


def test_two_processes_that_make_it_end_with_one_store(path: Path) -> None:
    """Neither loses what it wrote."""
    lines = """
        say("ready"); sys.stdin.readline()
        store = SQLiteStore.open(path)
        begin(store, sys.argv[0] + str(time.monotonic_ns()))
        say(store.info().id)
    """
    children = [Child(path, lines) for _ in range(3)]
    assert [child.line() for child in children] == ["ready"] * 3
    for child in children:
        child.tell("go")
    assert len({child.line() for child in children}) == 1
    assert [child.end() for child in children] == [0] * 3
    store = SQLiteStore.open(path)
    assert len(store.runs(RunQuery())) == 3
    store.close()


def test_a_store_that_is_not_there_may_be_required(path: Path) -> None:
    """Nothing is made then."""
    with pytest.raises(ConfigurationError, match="no store"):
        SQLiteStore.open(path, create=False)
    assert not list(path.parent.iterdir())


def test_a_place_without_its_folder_is_no_place(path: Path) -> None:
    """A typing error in a path makes no folders."""
    with pytest.raises(ConfigurationError, match="no place"):
        SQLiteStore.open(path / "deeper" / "store.db")


def test_an_emptied_store_is_not_a_fresh_one(path: Path) -> None:
    """0 bytes are damage."""
    made(path).write_bytes(b"")
    refused(path, StoreDamaged, "empty")


def test_a_text_file_is_foreign(path: Path) -> None:
    """It stays as it is, and no folder is put beside it."""
    path.write_text("Dear diary, " * 100)
    refused(path, StoreForeign, "isn't even")
    assert list(path.parent.iterdir()) == [path]


def test_a_store_of_another_application_is_foreign(path: Path) -> None:
    """So is any SQLite file without our mark."""
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE book (title TEXT)")
    db.close()
    refused(path, StoreForeign, "another application")


def test_our_mark_without_a_format_is_foreign(path: Path) -> None:
    """Format 0 is nobody's."""
    pragma(made(path), "user_version = 0")
    refused(path, StoreForeign, "isn't a store")


def test_a_newer_format_is_refused(path: Path) -> None:
    """It says what to do."""
    pragma(made(path), "user_version = 99")
    refused(path, StoreTooNew, "format 99")


@pytest.mark.parametrize("at", [0, 5, 16, 18])
def test_a_damaged_header_is_damage(path: Path, at: int) -> None:
    """The magic, the page size, the versions."""
    patch(made(path), at, b"\xee")
    refused(path, StoreDamaged, "damaged")


@pytest.mark.parametrize("size", [50, 100, 4000, 4096, 3 * 4096])
def test_a_cut_store_is_damage(path: Path, size: int) -> None:
    """Whatever is missing, from a page to nearly all."""
    made(path)
    with path.open("r+b") as file:
        file.truncate(size)
    refused(path, StoreDamaged, r"cut|damaged")


def test_pages_that_are_in_the_log_are_not_missing(path: Path) -> None:
    """A process that was killed leaves a file shorter than the store."""
    child = Child(
        path,
        """
        store = SQLiteStore.open(path)
        for i in range(300):
            begin(store, f"r{i}")
        say("done"); sys.stdin.readline()
        """,
    )
    assert child.line() == "done"
    child.kill()
    store = SQLiteStore.open(path)
    assert len(store.runs(RunQuery(limit=1000))) == 300
    store.close()


def test_a_log_without_its_store_is_damage(path: Path) -> None:
    """A new store beside it would get the pages of the old one."""
    path.with_name("store.db-wal").write_bytes(b"x" * 5000)
    with pytest.raises(StoreDamaged, match="but the store isn't"):
        SQLiteStore.open(path)
    assert not path.exists()


def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 3.51.3 a log that is reset while it is written can corrupt the store."""
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(ConfigurationError, match=r"3\.51\.2"):
        SQLiteStore.open(path)


def test_a_file_that_can_not_be_written_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store is never opened for reading alone."""
    made(path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreReadOnly):
        SQLiteStore.open(path)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.EROFS, StoreReadOnly),
        (errno.EACCES, StoreReadOnly),
        (errno.ENOSPC, StoreUnavailable),
        (errno.EIO, StoreUnavailable),
    ],
)
def test_trouble_with_the_folder_is_told(
    path: Path, code: int, error: type[StoreError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the words of the store, not of the system."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(error):
        SQLiteStore.open(path)


MOUNTS = """\
22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:40 / /mnt/share rw - nfs4 server:/share rw
31 22 0:41 / /mnt/my\\040disk rw - fuse.sshfs me@there:/ rw
32 30 254:1 / /mnt/share/local rw - xfs /dev/vdb rw
33 22 0:42 / /mnt/twice rw - ext4 /dev/vdc rw
34 22 0:43 / /mnt/twice rw - cifs //server/share rw
"""


@pytest.mark.parametrize("place", ["/mnt/share/a/b.db", "/mnt/my disk/b.db", "/mnt/twice/b.db"])
def test_network_file_systems_are_refused(place: str) -> None:
    """Their locks don't hold what the log needs."""
    with pytest.raises(ConfigurationError, match="network"):
        refuse_network(Path(place), MOUNTS)


@pytest.mark.parametrize("place", ["/home/b.db", "/mnt/share/local/b.db", "/mnt/shared/b.db"])
def test_local_file_systems_are_taken(place: str) -> None:
    """The innermost mount counts."""
    refuse_network(Path(place), MOUNTS)


def test_a_link_leads_to_the_same_store(path: Path) -> None:
    """The folder beside it is that of the file itself."""
    made(path)
    link = path.with_name("link.db")
    link.symlink_to(path)
    store = SQLiteStore.open(link)
    assert store.info().place == str(path)
    store.close()
    assert not link.with_name("link.db-workers").exists()


def test_waiting_for_another_opener_has_an_end(path: Path) -> None:
    """One that hangs while it opens the store doesn't hold up others for ever."""
    folder = path.with_name("store.db-workers")
    folder.mkdir()
    alone = Presence(folder / "open", 1.0)
    alone.enter()
    with pytest.raises(StoreUnavailable):
        SQLiteStore.open(path, busy=0.01)
    alone.leave()
    SQLiteStore.open(path).close()


def test_a_replaced_store_is_noticed_at_the_next_opening(path: Path) -> None:
    """A line that is opened anew finds the store that it knows, or says so."""
    store = SQLiteStore.open(path)
    hang_up(store)
    other = made(path.with_name("other.db"))
    for end in ("-wal", "-shm"):
        path.with_name(f"store.db{end}").unlink(missing_ok=True)
    other.rename(path)
    with pytest.raises(StoreForeign, match="replaced"):
        begin(store, "one")
    store.close()


def opened_in(path: Path) -> float:
    """Seconds of this process that it takes to open what is there, at the least."""
    taken = []
    for _ in range(5):
        began = time.process_time()
        SQLiteStore.open(path).close()
        taken.append(time.process_time() - began)
    return min(taken)


def test_opening_takes_no_time_with_many_runs(path: Path) -> None:
    """At most 0.2 s with 100,000 suspended runs, says the bench; this guards the order."""
    SQLiteStore.open(path.with_name("empty.db")).close()
    store = SQLiteStore.open(path)
    for start in range(0, 5_000, 1_000):
        store.start([new_run(f"r{i}") for i in range(start, start + 1000)])
    store.close()
    assert opened_in(path) < 5 * opened_in(path.with_name("empty.db"))
