"""RELIABILITY 8: a file system that is really full, or a file that may not grow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from everflow import Config, Engine, Run, RunQuery, Status, ask, flow, node
from everflow.errors import StoreFull, StoreUnavailable
from tests.faults.outside import ROOT, Process, until

CONFIG = Config(poll_s=0.01)
SIZE = 4 * 1024 * 1024
HEALED = 2.0  # seconds


@node
def swell(x: int) -> str:
    return "x" * 20_000


@node(inline=True)
def measure(pair: tuple[str, int]) -> int:
    return len(pair[0]) + pair[1]


swelling = flow("room-swelling", swell >> ask("go", int) >> measure)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB; needs the right to mount."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if made.returncode != 0:
        pytest.skip("this user may not mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # a board may still be mapped


def fill(folder: Path) -> Path:
    """Leave no byte on the file system."""
    ballast = folder / "ballast"
    fd = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    block = 1 << 16
    while block:
        try:
            os.write(fd, bytes(block))
        except OSError:
            block //= 2
    os.close(fd)
    return ballast


def start_many(engine: Engine) -> None:
    for number in range(500):
        engine.start(swelling, number)


def test_a_full_file_system_pauses_runs_until_there_is_room(small: Path) -> None:
    """Starts say that the disk is full and what to do; runs heal by themselves within 2 s."""
    with Engine(small / "store.db", config=CONFIG) as engine:
        asked = engine.start(swelling, 0)
        assert asked.wait(10) is Status.SUSPENDED
        ballast = fill(small)
        with pytest.raises(StoreFull, match=r"No room is left .*\n.*free some disk space"):
            start_many(engine)
        with pytest.raises(StoreUnavailable):
            start_many(engine)
        started = engine.runs(RunQuery(limit=1000))
        assert {row.status for row in started} <= {Status.RUNNING, Status.SUSPENDED, Status.QUEUED}
        ballast.unlink()
        runs = [engine.run(row.id) for row in started]
        until(lambda: _all(runs, Status.SUSPENDED), HEALED)
        for run in runs:
            engine.resume(run, 5)
        assert [run.result(10) for run in runs] == [20_005] * len(runs)


def _all(runs: list[Run[int]], status: Status) -> bool:
    return all(run.status is status for run in runs)


def test_an_engine_that_opens_on_a_full_file_system_says_so(small: Path) -> None:
    """It is refused with a clear word, leaves no half of a store, and opens once there is room."""
    place = small / "store.db"
    ballast = fill(small)
    with pytest.raises(StoreFull, match="free some disk space"):
        Engine(place).open()
    ballast.unlink()
    with Engine(place, config=CONFIG) as engine:
        assert engine.start(swelling, 0).wait(10) is Status.SUSPENDED
    ballast = fill(small)
    with pytest.raises(StoreUnavailable):
        Engine(place).open()
    ballast.unlink()
    with Engine(place, config=CONFIG) as engine:
        (row,) = engine.runs()
        engine.resume(row.id, 1)
        assert engine.run(row.id).result(10) == 20_001


def everflow(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "everflow.cli", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_says_that_the_disk_is_full(small: Path) -> None:
    """What happened, what to do, and the exit code for trouble of the store's: 4."""
    place = small / "store.db"
    with Engine(place, config=CONFIG):
        pass
    ballast = fill(small)
    start = ("start", "tests.faults.limited:swelling", 1, "--store", place)
    told = everflow(*start)
    assert told.returncode == 4
    assert "No room is left" in told.stderr
    assert "free some disk space" in told.stderr
    ballast.unlink()
    assert everflow(*start).returncode == 0


def test_a_file_that_may_not_grow_pauses_runs_too(tmp_path: Path) -> None:
    """A limit of the process's (RLIMIT_FSIZE), raised again while it runs."""
    process = Process("limited", tmp_path / "store.db")
    assert process.line() == "refused StoreUnavailable"
    assert process.line() == "healed"
    process.stop()
