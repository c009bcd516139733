"""A damaged log is refused, a torn one is taken: RELIABILITY 13 and 9."""

from pathlib import Path

import apsw
import pytest

from everflow.errors import StoreDamaged
from everflow.store import RunQuery
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import begin
from tests.stores.sqlite.children import Child

PAGE = 4096
FRAME = 24 + PAGE
RUNS = 12
OFFSETS = (1, 9, 13, 17, 24, 24 + PAGE // 2, FRAME - 1)


class Killed:
    """A store whose process was killed: its file and its log, put back for each trial."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path.with_name(f"{path.name}-wal")
        child = Child(
            path,
            f"""
            store = SQLiteStore.open(path)
            for i in range({RUNS}):
                begin(store, f"r{{i}}")
            say("done"); sys.stdin.readline()
            """,
        )
        assert child.line() == "done"
        child.kill()
        self.bytes = path.read_bytes(), self.log.read_bytes()
        self.frames = (len(self.bytes[1]) - 32) // FRAME
        self.commits = [
            index
            for index in range(self.frames)
            if self.bytes[1][32 + index * FRAME + 4 : 32 + index * FRAME + 8] != bytes(4)
        ]

    def with_log(self, log: bytes) -> int:
        """How many runs are found with that log."""
        self.path.write_bytes(self.bytes[0])
        self.log.write_bytes(log)
        store = SQLiteStore.open(self.path)
        found = store.runs(RunQuery(limit=1000))
        store.close()
        return len(found)

    def flipped(self, at: int) -> bytes:
        """The log with one bit flipped."""
        log = bytearray(self.bytes[1])
        log[at] ^= 0x10
        return bytes(log)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    return Killed(tmp_path_factory.mktemp("killed") / "store.db")


def test_a_whole_log_is_taken(killed: Killed) -> None:
    """Everything that was acknowledged is there."""
    assert killed.with_log(killed.bytes[1]) == RUNS
    assert len(killed.commits) >= RUNS


def test_a_flipped_bit_before_the_last_transaction_is_damage(killed: Killed) -> None:
    """A page number, salts, a checksum, the content: it is refused, and nothing is changed."""
    last = killed.commits[-2]
    for index in range(last + 1):
        offset = OFFSETS[index % len(OFFSETS)]
        with pytest.raises(StoreDamaged, match="log"):
            killed.with_log(killed.flipped(32 + index * FRAME + offset))
    assert killed.path.read_bytes() == killed.bytes[0]


def test_a_flipped_bit_in_the_header_is_damage(killed: Killed) -> None:
    """SQLite would take the whole log for empty."""
    for at in range(28):
        with pytest.raises(StoreDamaged):
            killed.with_log(killed.flipped(at))


def test_a_torn_last_transaction_is_what_a_power_loss_leaves(killed: Killed) -> None:
    """It wasn't acknowledged; everything before it was."""
    first = killed.commits[-2] + 1
    for index in range(first, killed.frames):
        start = 32 + index * FRAME
        for torn in (
            killed.bytes[1][:start],
            killed.bytes[1][: start + 10],
            killed.bytes[1][: start + 1000],
            killed.bytes[1][:start] + bytes(FRAME),
            killed.flipped(start + 24 + 100),
        ):
            assert killed.with_log(torn) == RUNS - 1


def test_frames_of_an_older_generation_are_no_damage(tmp_path: Path) -> None:
    """A log is written again from its start; what was in it before stays behind."""
    child = Child(
        tmp_path / "store.db",
        """
        store = SQLiteStore.open(path)
        for i in range(50):
            begin(store, f"r{i}")
        store._pen._db.wal_checkpoint()
        begin(store, "last")
        say("done"); sys.stdin.readline()
        """,
    )
    assert child.line() == "done"
    child.kill()
    store = SQLiteStore.open(tmp_path / "store.db")
    assert len(store.runs(RunQuery(limit=1000))) == 51
    store.close()


def test_a_log_that_was_reset_is_no_damage(tmp_path: Path) -> None:
    """Another tool did it, and what the log still holds is in the store already."""
    path = tmp_path / "store.db"
    store = SQLiteStore.open(path)
    for index in range(20):
        begin(store, f"r{index}")
    db = apsw.Connection(str(path))
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
    another = SQLiteStore.open(path)
    assert len(another.runs(RunQuery(limit=1000))) == 20
    another.close()
    db.close()
    store.close()


def test_an_opened_store_that_is_written_to_is_no_damage(tmp_path: Path) -> None:
    """Looking at the log and writing to it take turns."""
    path = tmp_path / "store.db"
    child = Child(
        path,
        """
        store = SQLiteStore.open(path)
        say("ready")
        for i in range(300):
            begin(store, f"r{i}")
        say("done")
        """,
    )
    assert child.line() == "ready"
    for _ in range(30):
        SQLiteStore.open(path).close()
    assert child.line() == "done"
    assert child.end() == 0
