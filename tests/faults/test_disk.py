"""RELIABILITY 8: whatever the disk does, runs pause and go on by themselves; none ever fails."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from everflow import Config, Engine, RunQuery, Status, ask, flow, node
from everflow.errors import StoreFull, StoreUnavailable
from everflow.stores.sqlite import SQLiteStore
from tests.engine.support import PATIENT, JumpClock
from tests.faults.outside import until
from tests.stores.sqlite.faulty import MODES, Disk
from tests.stores.sqlite.inside import connections

MOST = 200  # operations of the disk that a world has, at most
STEPS = [1 if mode == "eio" else 3 for mode in MODES]  # from one failure to the next
CONFIG = Config(poll_s=0.005)


@node
def add(x: int) -> int:
    return x + 1


@node(inline=True)
def double(x: int) -> int:
    return x * 2


@node
async def less(x: int) -> int:
    return x - 3


@node(inline=True)
def both(pair: tuple[int, int]) -> int:
    return pair[0] + pair[1]


work = flow("disk-work", add >> double >> ask("go", int) >> both >> less)
patient = flow("disk-patient", ask("go", int, within=timedelta(seconds=60), default=0) >> both)


@pytest.fixture
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    disk = Disk(f"engine-disk-{abs(hash(request.node.name))}")
    yield disk
    disk.unregister()


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], Path]:
    """A new store each time, by copying one."""
    template = tmp_path / "template.db"
    SQLiteStore.open(template).close()
    places = iter(tmp_path / f"{number}.db" for number in range(10_000))

    def make() -> Path:
        return Path(shutil.copyfile(template, next(places)))

    return make


@contextmanager
def engine_on(disk: Disk, path: Path, clock: JumpClock | None = None) -> Iterator[Engine]:
    """An engine on that disk; checkpoints come often, amid everything else."""
    store = SQLiteStore.open(path, vfs=disk.name)
    connections(store)[0].execute("PRAGMA wal_autocheckpoint = 16")
    try:
        with Engine(store, config=CONFIG, clock=clock) as engine:
            yield engine
    finally:
        disk.heal()
        store.close()


def start_and_answer(engine: Engine, number: int) -> int:
    """A part of the work: starts one run, answers what is asked; how often it was refused."""
    refused = 0
    try:
        engine.start(work, number, key=str(number))
    except StoreUnavailable:
        refused += 1
    for question in engine.questions():
        try:
            engine.resume(question.run, 10)
        except StoreUnavailable:
            refused += 1
    return refused


def all_done(engine: Engine, count: int) -> None:
    """So many runs come to their end by themselves, with the right values."""
    end = time.monotonic() + PATIENT
    while True:
        counts = engine.client.store.count(RunQuery())
        assert set(counts) <= {Status.QUEUED, Status.RUNNING, Status.SUSPENDED, Status.DONE}
        if counts == {Status.DONE: count}:
            break
        assert time.monotonic() < end, counts
        for question in engine.questions():
            engine.resume(question.run, 10)
        engine.join(0.005)
    for row in engine.runs():
        assert row.key is not None
        assert engine.run(row.id).result(1) == (int(row.key) + 1) * 2 + 10 - 3


def failures(disk: Disk, fresh: Callable[[], Path], mode: str, step: int) -> None:
    for nth in range(1, MOST, step):
        with engine_on(disk, fresh()) as engine:
            disk.fail(mode, nth)
            while start_and_answer(engine, 0):
                pass
            all_done(engine, 1)
            if not disk.failed:
                break
    assert nth > 10
    print(f"{mode}: {nth} operations")  # noqa: T201 - the figure is reported


@pytest.mark.parametrize(("mode", "step"), list(zip(MODES, STEPS, strict=True)))
def test_any_one_failure_of_the_disk_stops_nothing(
    mode: str, step: int, disk: Disk, fresh: Callable[[], Path]
) -> None:
    """The n-th operation fails, for each n where it says so, else for each third."""
    failures(disk, fresh, mode, step)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_any_one_failure_of_any_kind(mode: str, disk: Disk, fresh: Callable[[], Path]) -> None:
    """The n-th operation fails in each way, for each n."""
    failures(disk, fresh, mode, 1)


def through_an_outage(disk: Disk, path: Path, mode: str, nth: int) -> bool:
    """The disk fails from its n-th operation on until it is mended; False when it came that far."""
    with engine_on(disk, path) as engine:
        disk.fail(mode, nth, for_ever=True)
        for _ in range(2):
            start_and_answer(engine, 0)
            until(lambda: disk.failed or engine.join(0.005))
        if not disk.failed:
            return False
        with pytest.raises(
            StoreFull if mode == "full" else StoreUnavailable, match=r"The store|No room"
        ):
            engine.start(work, 1, key="1")
        assert all(row.status is not Status.FAILED for row in engine.runs())
        disk.heal()
        engine.start(work, 0, key="0")
        engine.start(work, 1, key="1")
        all_done(engine, 2)
    return True


def outages(disk: Disk, fresh: Callable[[], Path], mode: str, step: int) -> None:
    for nth in range(1, MOST, step):
        if not through_an_outage(disk, fresh(), mode, nth):
            break
    assert nth > 10


@pytest.mark.parametrize("mode", MODES)
def test_an_outage_of_the_disk_pauses_everything(
    mode: str, disk: Disk, fresh: Callable[[], Path]
) -> None:
    """From each tenth n on: starts are refused clearly, and all goes on after healing."""
    outages(disk, fresh, mode, 10)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES)
def test_an_outage_from_any_operation_on(mode: str, disk: Disk, fresh: Callable[[], Path]) -> None:
    """From every n on."""
    outages(disk, fresh, mode, 1)


@pytest.mark.parametrize("mode", ["eio", "full"])
def test_unfinished_timers_are_given_the_outage(
    mode: str, disk: Disk, fresh: Callable[[], Path]
) -> None:
    """A question that may be answered for a minute may be so after an hour without a disk."""
    clock = JumpClock()
    with engine_on(disk, fresh(), clock) as engine:
        run = engine.start(patient, 5)
        assert run.wait(10) is Status.SUSPENDED
        engine.join(10)
        clock.jump(20)
        disk.fail(mode, for_ever=True)
        with pytest.raises(StoreUnavailable):
            engine.start(work, 1)
        until(lambda: _in_trouble(engine))
        for _ in range(6):
            clock.jump(600)
            engine.join(0.02)
        assert run.status is Status.SUSPENDED
        disk.heal()
        until(lambda: not _in_trouble(engine))
        engine.join(10)
        clock.jump(30)
        engine.join(10)
        assert run.status is Status.SUSPENDED
        clock.jump(15)
        assert run.result(10) == 5


def _in_trouble(engine: Engine) -> bool:
    scheduler = engine._scheduler  # noqa: SLF001 - it says whether the outage is noticed yet
    assert scheduler is not None
    return scheduler.trouble is not None
