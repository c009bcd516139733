"""RELIABILITY 9: whatever a power loss leaves, what was acknowledged is there and goes on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from everflow import Config, Engine, RunQuery, Status, ask, flow, node
from everflow.core.registry import default_registry
from everflow.engine.asking.runs import outcome_of
from everflow.stores.sqlite import SQLiteStore
from tests.faults.here import Here
from tests.stores.sqlite.inside import connections
from tests.stores.sqlite.power import Recorder, image

RUNS = 6
LATER = 1_000_000  # the answer that is given after the power loss
CONFIG = Config(poll_s=0.001)
MEMORY = Path("/dev/shm")  # where there is one, an image is made and read there


@node
def stretch(text: str) -> str:
    return text * 300


@node(inline=True)
def measure(text: str) -> int:
    return len(text)


@node(inline=True)
def join(pair: tuple[int, int]) -> int:
    return pair[0] + pair[1]


@node
def close(x: int) -> int:
    return x + 1


work = flow("power-work", stretch >> measure >> ask("go", int) >> join >> close)


class Told(NamedTuple):
    """What a caller was told: this run is started, or its question has this answer."""

    run: str
    answer: int | None = None


class Recording:
    """The files at the start, all that was done to them, and what callers were told."""

    def __init__(self, folder: Path) -> None:
        path = folder / "store.db"
        recorder = Recorder(f"engine-power-{folder.parent.name}")
        store = SQLiteStore.open(path, vfs=recorder.name)
        connections(store)[0].execute("PRAGMA wal_autocheckpoint = 20")
        self.start = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
        self.start = {n: b for n, b in self.start.items() if n in {"store.db", "store.db-wal"}}
        recorder.deeds.clear()
        self.told: list[Told] = []
        self._recorder = recorder
        with Engine(store, config=CONFIG) as engine:
            self._record(engine)
        store.close()
        self.deeds = list(recorder.deeds)
        recorder.unregister()

    def _record(self, engine: Engine) -> None:
        for number in range(RUNS):
            run = engine.start(work, "x" * (number + 1), key=str(number))
            self._acknowledge(Told(run.id))
            run.wait(10)
            if number % 3:
                engine.resume(run, number)
                self._acknowledge(Told(run.id, number))
        engine.join(10)

    def _acknowledge(self, told: Told) -> None:
        self.told.append(told)
        self._recorder.acknowledge(len(self.told))


def goes_on(place: Path, told: list[Told]) -> None:
    """An engine opens what is left; every run ends, and as was told."""
    store = SQLiteStore.open(place / "store.db", create=False)
    here = Here(store, CONFIG)
    here.finish(LATER)
    rows = store.runs(RunQuery())
    assert {row.status for row in rows} <= {Status.DONE}
    results = {row.id: outcome_of(store, row, default_registry().types) for row in rows}
    keys = {row.id: int(row.key or "") for row in rows}
    for run, answer in told:
        length = (keys[run] + 1) * 300
        if answer is not None:
            assert results[run] == length + answer + 1
        else:
            assert results[run] - length - 1 in {keys[run], LATER}
    store.close()


def survives(folder: Path, images: int, seed: int) -> None:
    """So many images of one recording."""
    (folder / "made").mkdir()
    recording = Recording(folder / "made")
    random = Random(seed)
    place = folder / "image"
    for index in range(images):
        moment = random.randrange(len(recording.deeds))
        files, told = image(recording.start, recording.deeds, moment, random)
        place.mkdir()
        for name, content in files.items():
            (place / name).write_bytes(content)
        try:
            goes_on(place, recording.told[:told])
        except Exception as error:
            raise AssertionError(f"image {index} of seed {seed}") from error
        shutil.rmtree(place)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: nothing is read back that the model didn't leave."""
    place = Path(tempfile.mkdtemp(dir=MEMORY)) if MEMORY.is_dir() else tmp_path
    yield place
    shutil.rmtree(place)


@pytest.mark.parametrize("seed", range(8))
def test_an_engine_goes_on_after_any_power_loss(seed: int, folder: Path) -> None:
    """Any moment, any part of what wasn't synced: starts and answers are there, all runs end."""
    survives(folder, 75, seed)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(100, 110))
def test_an_engine_goes_on_after_ten_thousand_power_losses(seed: int, folder: Path) -> None:
    """A thousand images each of ten recordings."""
    survives(folder, 1000, seed)
