"""Moves while workers are at the runs, on both sides; and processes that are killed meanwhile."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from everflow import Engine, Registry, RunQuery, ask, call, connect, each, flow, it, schedule, sleep
from everflow.clock import SystemClock
from everflow.engine.moving import Choice, move
from everflow.errors import MoveRefused, RunHandedOff
from everflow.store import Status
from everflow.stores.sealed import MemoryKeys
from everflow.stores.sqlite import SQLiteStore
from tests.engine.moved import as_they_go_on, furnish, moved, told
from tests.engine.support import PATIENT, World, plus_one, run_python, step, until

KILLED = """
import os, signal, sys
from pathlib import Path
from everflow.stores.sqlite import SQLiteStore
from tests.engine.moved import Cut, Cuttable, counter, moved
folder, side, nth = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
stores = {name: SQLiteStore.open(folder / name) for name in ("source", "target")}
stores[side] = Cuttable(stores[side], counter(nth), after=True)
try:
    moved(stores["source"], stores["target"])
except Cut:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def worlds(tmp_path: Path) -> tuple[World, World]:
    """Two places with the same code."""
    one, other = World(tmp_path / "one.db"), World(tmp_path / "other.db")
    other.registry = one.registry
    return one, other


def across(source: World, target: World) -> dict[str, int]:
    """Move everything, as another process does; how many runs by status."""
    with source.connect() as here, target.connect() as there:
        return move(here.store, there.store, Choice(), clock=SystemClock()).runs


def test_live_runs_go_on_where_they_are_moved(worlds: tuple[World, World]) -> None:
    """B080: whatever they were at: in a node, asking, asleep, waiting for a child; none is lost."""
    source, target = worlds
    begun, go_on = Event(), Event()

    @step
    def hold(x: int) -> int:
        begun.set()
        go_on.wait(PATIENT)
        return x

    child = source.flow("child", ask("ok", bool) >> it[1])
    flows = {
        "holds": source.flow("holds", plus_one >> hold >> plus_one),
        "calls": source.flow("calls", each(call(child))),
        "sleeps": source.flow("sleeps", plus_one >> sleep(timedelta(hours=1)) >> plus_one),
        "asks": source.flow("asks", plus_one >> ask("sure", bool) >> it[1]),
    }
    with source.engine() as here, target.engine() as there:
        runs = {name: here.start(flow, _input(name)) for name, flow in flows.items()}
        assert begun.wait(PATIENT)
        until(lambda: len(here.questions()) == 3)
        until(lambda: runs["sleeps"].status == "waiting")
        assert sum(across(source, target).values()) == 6
        go_on.set()
        assert all(row.status is Status.HANDED_OFF for row in here.runs(RunQuery()))
        with pytest.raises(RunHandedOff):
            here.answer(f"{runs['asks'].id}.sure.1", True)
        for question in there.questions():
            there.answer(f"{question.run}.{question.tag}.{question.occurrence}", True)
        target.clock.jump(3700)
        results = {name: there.run(run.id).result(PATIENT) for name, run in runs.items()}
        assert results == {"holds": 3, "calls": [True, True], "sleeps": 3, "asks": True}
        later = here.start(flows["holds"], 1)
        assert later.result(PATIENT) == 3
        assert across(source, target) == {"done": 1}


def _input(name: str) -> Any:
    return [1, 2] if name == "calls" else 1


def test_a_schedule_fires_where_it_is(worlds: tuple[World, World]) -> None:
    """On one side, each instant once."""
    source, target = worlds
    source.flow("beat", plus_one)
    done = RunQuery(flow="beat", status=(Status.DONE,))
    with source.engine() as here, target.engine() as there:
        here.schedules.add(schedule("hourly", timedelta(hours=1), "beat", 1))
        source.clock.jump(3601)
        until(lambda: len(here.runs(done)) == 1)
        assert across(source, target) == {"done": 1}
        assert here.schedules.all() == []
        source.clock.jump(3601)
        target.clock.jump(7202)
        until(lambda: len(there.runs(done)) == 2)
        assert len(here.runs(RunQuery(flow="beat"))) == 1


@pytest.mark.parametrize(("side", "nth"), [("source", 3), ("target", 5)])
def test_a_process_is_killed_as_it_moves(tmp_path: Path, side: str, nth: int) -> None:
    """Kill -9 after a write that nobody heard of: the same command goes on from the files."""
    source = SQLiteStore.open(tmp_path / "source")
    furnish(source)
    before = as_they_go_on(told(source))
    source.close()
    done = run_python(KILLED, str(tmp_path), side, str(nth), check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    source, target = (SQLiteStore.open(tmp_path / name) for name in ("source", "target"))
    moved(source, target)
    assert told(target) == before
    assert {row.status for row in source.runs(RunQuery(limit=99))} == {Status.HANDED_OFF}
    source.close()
    target.close()


def test_a_sealed_store_moves_without_its_keys(tmp_path: Path) -> None:
    """What is sealed stays so, and is read there with the same keys; keys of others are refused."""
    registry = Registry()
    asks = flow("asks", plus_one >> ask("sure", bool) >> it[1], registry=registry)
    keys = MemoryKeys()
    with Engine(tmp_path / "one.db", registry=registry, encryption=keys) as engine:
        run = engine.start(asks, 7)
        assert run.wait(PATIENT) == "suspended"
    with connect(tmp_path / "one.db") as here, connect(tmp_path / "two.db", create=True) as there:
        with pytest.raises(MoveRefused, match="no key"):
            moved(here.store, there.store, keys=MemoryKeys())
        assert moved(here.store, there.store, keys=keys).runs == {"suspended": 1}
        first = there.store.journal(there.run(run.id).row().no, limit=1)
        assert '"sealed"' in first[0][2]
    with Engine(tmp_path / "two.db", registry=registry, encryption=keys) as engine:
        engine.answer(f"{run.id}.sure.1", True)
        assert engine.run(run.id).result(PATIENT) is True
