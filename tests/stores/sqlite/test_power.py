"""RELIABILITY 9: a power loss loses nothing acknowledged, and is never taken for damage."""

import zlib
from pathlib import Path
from random import Random

import pytest

from everflow.store import Batch
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import DEFINITION, new_run
from tests.stores.sqlite.inside import connections
from tests.stores.sqlite.power import Deed, Recorder, image

pytestmark = pytest.mark.usefixtures("unmeasured")

COMMITS = 60
RUN = "one"


def recorded(folder: Path, synchronous: str) -> tuple[dict[str, bytes], list[Deed], int]:
    """The files after a start, what was done from then on, and the run's number."""
    path = folder / "store.db"
    recorder = Recorder(f"recorder-{folder.name}")
    store = SQLiteStore.open(path, vfs=recorder.name)
    random = Random(1)
    worker = store.enlist(host="here", pid=1, at=0).id
    (run,) = store.start([new_run(RUN, owner=worker)], [DEFINITION])
    start = {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in {".db", ".db-wal"}}
    recorder.deeds.clear()
    for db in connections(store):
        db.execute("PRAGMA wal_autocheckpoint = 25")  # often, and amid everything else
        db.execute(f"PRAGMA synchronous = {synchronous}")
    for number in range(1, COMMITS + 1):
        body = "x" * random.choice((10, 1000, 9000))
        entries = [(run.no, number, body, zlib.crc32(body.encode()))]
        store.append(Batch(worker=worker, epoch=1, number=number, at=0, entries=entries))
        recorder.acknowledge(number)
    deeds = list(recorder.deeds)
    store.close()
    recorder.unregister()
    return start, deeds, run.no


def survives(folder: Path, images: int, seed: int, synchronous: str = "full") -> None:
    """So many images, and whatever was told is in each."""
    (folder / "made").mkdir()
    start, deeds, no = recorded(folder / "made", synchronous)
    random = Random(seed)
    for index in range(images):
        files, told = image(start, deeds, random.randrange(len(deeds)), random)
        place = folder / str(index)
        place.mkdir()
        for name, content in files.items():
            (place / name).write_bytes(content)
        store = SQLiteStore.open(place / "store.db", create=False)
        (loaded,) = store.load([no])
        found = len(loaded.entries) - 1
        assert told <= found <= told + 1, f"image {index} of seed {seed}"
        store.close()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_was_told_is_there_after_a_power_loss(seed: int, tmp_path: Path) -> None:
    """Any moment, any part of what wasn't synced, torn at any sector."""
    survives(tmp_path, 60, seed)


def test_the_model_finds_a_store_that_does_not_sync(tmp_path: Path) -> None:
    """SQLite's usual setting for a log loses what was told."""
    with pytest.raises(AssertionError, match="image"):
        survives(tmp_path, 60, 1, synchronous="normal")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 108))
def test_many_more_power_losses(seed: int, tmp_path: Path) -> None:
    """4,000 images."""
    survives(tmp_path, 500, seed)
