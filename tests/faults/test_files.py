"""RELIABILITY 13: what isn't a whole store of ours is refused at the start, untouched."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from everflow import Engine, EverflowError, RunQuery, Status, ask, connect, flow, node
from everflow.errors import (
    ConfigurationError,
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreReadOnly,
    StoreTooNew,
)
from everflow.stores.sqlite import files


@node(inline=True)
def both(pair: tuple[int, int]) -> int:
    return pair[0] + pair[1]


asking = flow("files-asking", ask("go", int) >> both)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with some runs, closed."""
    place = tmp_path / "store.db"
    with Engine(place) as engine:
        for number in range(20):
            engine.start(asking, number)
        engine.join(10)
    return place


def _emptied(place: Path) -> None:
    os.truncate(place, 0)


def _cut(place: Path) -> None:
    os.truncate(place, place.stat().st_size // 2)


def _bad_header(place: Path) -> None:
    content = bytearray(place.read_bytes())
    content[0:16] = bytes(16)
    place.write_bytes(content)


def _text(place: Path) -> None:
    place.write_text("Dear diary, " * 100)


def _other_database(place: Path) -> None:
    place.unlink()
    with sqlite3.connect(place) as db:
        db.execute("CREATE TABLE diary (day TEXT)")
    db.close()


def _newer(place: Path) -> None:
    db = sqlite3.connect(place)
    db.execute("PRAGMA user_version = 1000")
    db.commit()
    db.close()


REFUSED: list[tuple[Callable[[Path], None], type[EverflowError], str]] = [
    (_emptied, StoreDamaged, "is empty"),
    (_cut, StoreDamaged, "is cut|is damaged"),
    (_bad_header, StoreDamaged, "header"),
    (_text, StoreForeign, "isn't even an SQLite file"),
    (_other_database, StoreForeign, "another application"),
    (_newer, StoreTooNew, "has format 1000"),
]


@pytest.mark.parametrize(
    ("damage", "error", "words"), REFUSED, ids=[each[0].__name__[1:] for each in REFUSED]
)
def test_a_file_that_is_no_whole_store_is_refused(
    damage: Callable[[Path], None], error: type[EverflowError], words: str, place: Path
) -> None:
    """By engine and by client, with the file's name in the message, and without writing to it."""
    damage(place)
    before = place.read_bytes()
    for refused in (lambda: Engine(place).open(), lambda: connect(place)):
        with pytest.raises(error, match=words) as told:
            refused()
        assert str(place) in str(told.value)
    assert place.read_bytes() == before


def test_a_damaged_page_harms_the_runs_on_it_alone(place: Path) -> None:
    """Flipped bytes anywhere: what is read is right, what is damaged says so; nothing is wrong."""
    good = place.read_bytes()
    with connect(place) as client:
        nos = [row.no for row in client.runs(RunQuery(limit=100))]
        history = {loaded.row.no: loaded.entries for loaded in client.store.load(nos)}
    random = Random(1)
    told = 0
    for _ in range(150):
        content = bytearray(good)
        at = random.randrange(100, len(content))
        content[at] ^= 1 << random.randrange(8)
        place.write_bytes(content)
        for end in ("-wal", "-shm"):
            place.with_name(place.name + end).unlink(missing_ok=True)
        try:
            with connect(place) as client:
                for loaded in client.store.load(nos):
                    assert loaded.entries == history[loaded.row.no]
        except StoreError:  # damage, or a number that is no longer ours
            told += 1
    assert told > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a read-only mount")
def test_a_read_only_file_system_is_refused(place: Path) -> None:
    """With the word for it and what to do."""
    folder = place.parent
    bind = ["mount", "--bind", str(folder), str(folder)]
    if subprocess.run(bind, capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        for refused in (lambda: Engine(place).open(), lambda: connect(place)):
            with pytest.raises(StoreReadOnly, match="can't be written"):
                refused()
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    with Engine(place) as engine:
        assert len(engine.questions()) == 20


def test_a_network_file_system_is_refused(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is opened there."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 35 0:31 / {place.parent} rw - nfs4 server:/ rw\n")
    monkeypatch.setattr(files, "_MOUNTS", mounts)
    for refused in (lambda: Engine(place).open(), lambda: connect(place)):
        with pytest.raises(ConfigurationError, match="network file system"):
            refused()


def test_a_place_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder, and a folder that isn't there."""
    for wrong in (tmp_path, tmp_path / "none" / "store.db"):
        with pytest.raises(EverflowError, match="store"):
            Engine(wrong).open()


def test_what_was_refused_goes_on_when_it_is_put_back(place: Path) -> None:
    """A restored file is the store that it was."""
    good = place.read_bytes()
    _cut(place)
    with pytest.raises(StoreDamaged):
        Engine(place).open()
    place.write_bytes(good)
    with Engine(place) as engine:
        (first, *_) = engine.questions()
        engine.answer(f"{first.run}.go.1", 1)
        assert engine.run(first.run).wait(10) is Status.DONE
