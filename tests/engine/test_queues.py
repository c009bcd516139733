"""Queues: runs wait for their turn, whoever admits them and whatever dies meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from threading import Event, Lock
from typing import Any

import pytest

from everflow import Engine, Run, RunQuery, Status, ask, const, suspend
from everflow.core.matching import Fit
from everflow.engine.faces.connect import Connection
from everflow.errors import CallerError, NoSuchQueue, WrongArgument
from everflow.store import Put, RunRow
from tests.engine.queued import CONFIG, HELD, REGISTRY
from tests.engine.support import PATIENT, World, plus_one, see_all, step

MINUTE = timedelta(minutes=1)


class Meter:
    """Counts how many nodes run at once, by lane."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.total = 0
        self.order: list[str] = []

    def node(self) -> Any:
        def measured(lane: str) -> str:
            with self.lock:
                self.order.append(lane)
                self.now[lane] += 1
                self.most[lane] = max(self.most[lane], self.now[lane])
                self.total = max(self.total, self.now.total())
            Event().wait(0.002)
            with self.lock:
                self.now[lane] -= 1
            return lane

        return step(measured)


def outside(world: World) -> Connection:
    """A client of the store that executes nothing; the store is made if need be."""
    return Connection(world.where, registry=world.registry, clock=world.clock, create=True)


def rows(world: World) -> list[RunRow]:
    with outside(world) as flows:
        return flows.runs(RunQuery(limit=1000))


def results(runs: list[Run[Any]]) -> list[Any]:
    return [run.result(PATIENT) for run in runs]


def test_no_more_run_at_once_than_the_queue_allows(world: World) -> None:
    """In all, and in each lane; all are done in the end."""
    meter = Meter()
    work = world.flow("f", meter.node())
    with world.engine() as engine:
        engine.queues.declare("mails", limit=3, per_lane=2)
        runs = [engine.start(work, name, queue="mails", lane=name) for name in "aaaaaabbbc"]
        assert results(runs) == list("aaaaaabbbc")
        view = engine.queues.view("mails")
    assert meter.total <= 3
    assert max(meter.most.values()) <= 2
    assert (view.waiting, view.placed, view.lanes) == (0, 0, [])


def test_a_run_at_rest_keeps_its_place(world: World) -> None:
    """Until it ends; then the next one goes on at once."""
    asks = world.flow("f", suspend("ok"))
    with world.engine() as engine:
        engine.queues.declare("one", limit=1)
        first, second = (engine.start(asks, n, queue="one") for n in (1, 2))
        assert first.wait(PATIENT) is Status.SUSPENDED
        assert (second.status, second.row().admitted) == (Status.QUEUED, None)
        engine.resume(first, "yes")
        assert second.wait(PATIENT) is Status.SUSPENDED


def test_the_highest_priority_goes_first(world: World) -> None:
    """Among those that wait."""
    meter = Meter()
    work = world.flow("f", meter.node())
    with outside(world) as flows:
        flows.queues.declare("q", limit=1)
        for name, priority in (("low", -1), ("none", 0), ("high", 7)):
            flows.start(work, name, queue="q", priority=priority)
    with world.engine() as engine:
        results([engine.run(row.id) for row in rows(world)])
    assert meter.order == ["high", "none", "low"]


def test_lanes_take_turns(world: World) -> None:
    """Whoever floods the queue waits for the others."""
    meter = Meter()
    work = world.flow("f", meter.node())
    with outside(world) as flows:
        flows.queues.declare("q", limit=2)
        for name in ("a", "a", "a", "a", "b"):
            flows.start(work, name, queue="q", lane=name)
    with world.engine() as engine:
        results([engine.run(row.id) for row in rows(world)])
    assert "b" in meter.order[:2]


def test_a_waiting_run_can_be_cancelled(world: World) -> None:
    """It never has a place."""
    asks = world.flow("f", suspend("ok"))
    with world.engine() as engine:
        engine.queues.declare("one", limit=1)
        first, second, third = (engine.start(asks, n, queue="one") for n in range(3))
        assert first.wait(PATIENT) is Status.SUSPENDED
        engine.cancel(second)
        assert second.wait(PATIENT) is Status.CANCELLED
        assert second.row().admitted is None
        engine.cancel(first)
        assert third.wait(PATIENT) is Status.SUSPENDED


def test_another_worker_takes_over_places_and_all(world: World) -> None:
    """A worker that is gone leaks nothing: places are counted from the runs."""
    asks = world.flow("f", suspend("ok"))
    with world.engine() as engine:
        engine.queues.declare("two", limit=2)
        runs = [engine.start(asks, n, queue="two").id for n in range(5)]
        assert engine.run(runs[1]).wait(PATIENT) is Status.SUSPENDED
    with world.engine() as engine:
        assert engine.queues.view("two").placed == 2
        for run in runs:
            engine.run(run).wait(PATIENT)
            assert engine.queues.view("two").placed <= 2
            engine.resume(run, "yes")
            assert engine.run(run).result(PATIENT) == "yes"


def test_a_paused_queue_admits_nobody(world: World) -> None:
    """Until the pause is over; whoever has a place goes on."""
    work = world.flow("f", plus_one)
    with world.engine() as engine:
        engine.queues.declare("q", limit=5)
        store = engine.client.store
        store.write([Put(kind="pause", key="queue:q", body="{}")], at=1)
        run = engine.start(work, 1, queue="q")
        assert run.wait(0.1) is Status.QUEUED
        assert engine.queues.view("q").paused
        store.write([Put(kind="pause", key="queue:q", body=None)], at=1)
        world.clock.jump(2)
        assert run.result(PATIENT) == 2


def test_a_run_is_paused_while_it_waits(world: World) -> None:
    """It takes no place from the others, and waits for its turn again once the pause is over."""
    asks = world.flow("f", suspend("ok"))
    with world.engine() as engine:
        engine.queues.declare("one", limit=1)
        first, second, third = (engine.start(asks, n, queue="one") for n in range(3))
        assert first.wait(PATIENT) is Status.SUSPENDED
        assert engine.pause(second, by="ann")
        assert (second.status, second.row().reason) == (Status.PAUSED, "paused by ann")
        engine.resume(first, "yes")
        assert third.wait(PATIENT) is Status.SUSPENDED
        engine.unpause(second)
        assert (second.status, second.row().admitted) == (Status.QUEUED, None)
        engine.pause(second)
        engine.cancel(second)
        assert second.wait(PATIENT) is Status.CANCELLED
        assert engine.queues.view("one").placed == 1


def test_a_cancel_of_a_run_that_is_paused_meanwhile_ends_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever cancels saw it waiting; a paused run is taken by nobody unless it is let go on."""
    asks = world.flow("f", suspend("ok"))
    with world.engine() as engine:
        engine.queues.declare("one", limit=1)
        first, second = (engine.start(asks, n, queue="one") for n in (1, 2))
        assert first.wait(PATIENT) is Status.SUSPENDED
        before = second.row()
        engine.pause(second)
        with monkeypatch.context() as patched:
            patched.setattr(engine.client, "row", lambda _: before)
            engine.cancel(second)
        assert second.wait(PATIENT) is Status.CANCELLED


def test_an_upgrade_of_a_waiting_run_waits_with_it(world: World) -> None:
    """The run goes on in the new shape once it has its place."""
    world.flow("f", suspend("ok") >> see_all)
    with outside(world) as flows:
        flows.queues.declare("one", limit=1)
        runs: list[Run[Any]] = [flows.start("f", n, queue="one") for n in (1, 2)]
    first, second = runs
    world.deploy()
    world.flow("f", suspend("ok") >> see_all >> const("new"))
    with world.engine() as engine:
        assert engine.run(first.id).wait(PATIENT) is Status.SUSPENDED
        (upgraded,) = engine.upgrade([second.id])
        assert upgraded.fit is Fit.MOVES
        assert engine.run(second.id).row().admitted is None
        engine.resume(first.id, "yes")
        assert engine.run(first.id).result(PATIENT) == "yes"
        assert engine.run(second.id).wait(PATIENT) is Status.SUSPENDED
        engine.resume(second.id, "yes")
        assert engine.run(second.id).result(PATIENT) == "new"


def test_a_start_with_a_key_is_one_run(world: World) -> None:
    """Keys count as for other runs: the second start has no place of its own."""
    asks = world.flow("f", ask("ok", bool))
    with world.engine() as engine:
        engine.queues.declare("q", limit=5)
        ids = {engine.start(asks, n, queue="q", key="k").id for n in range(3)}
        assert len(ids) == 1


def test_many_are_started_into_a_queue(world: World) -> None:
    """In few transactions."""
    work = world.flow("f", plus_one)
    with world.engine() as engine:
        engine.queues.declare("q", limit=2)
        runs = engine.start_all(work, list(range(250)), queue="q")
        assert results(runs) == [n + 1 for n in range(250)]


# declarations


def test_a_declaration_holds_until_it_changes(world: World) -> None:
    """What people set in between isn't undone by the next start of a process."""
    with outside(world) as flows:
        for limit, set_to, wanted in ((5, 7, 7), (5, None, 7), (6, None, 6)):
            flows.queues.declare("q", limit=limit)
            if set_to is not None:
                flows.queues.set("q", limit=set_to)
            assert flows.queues.view("q").limits.limit == wanted


def test_a_larger_limit_lets_more_in_at_once(world: World) -> None:
    """Nobody has to end first."""
    asks = world.flow("f", suspend("ok"))
    with world.engine() as engine:
        engine.queues.declare("q", limit=1)
        first, second = (engine.start(asks, n, queue="q") for n in (1, 2))
        assert first.wait(PATIENT) is Status.SUSPENDED
        engine.queues.set("q", limit=2)
        assert second.wait(PATIENT) is Status.SUSPENDED


def test_a_queue_is_removed_once_it_is_empty(world: World) -> None:
    """Not while runs are in it."""
    asks = world.flow("f", suspend("ok"))
    with world.engine() as engine:
        engine.queues.declare("q", limit=1)
        run = engine.start(asks, 1, queue="q")
        run.wait(PATIENT)
        with pytest.raises(CallerError, match="have a place"):
            engine.queues.remove("q")
        engine.cancel(run)
        run.wait(PATIENT)
        engine.queues.remove("q")
        with pytest.raises(NoSuchQueue):
            engine.queues.view("q")
        with pytest.raises(NoSuchQueue, match="declare it"):
            engine.start(asks, 1, queue="q")


def test_a_start_for_no_queue_is_refused(world: World) -> None:
    """With the names there are."""
    work = world.flow("f", plus_one)
    with outside(world) as flows:
        flows.queues.declare("mails")
        with pytest.raises(NoSuchQueue, match="there are: mails"):
            flows.start(work, 1, queue="mail")
        assert flows.runs() == []


@pytest.mark.parametrize(
    "limits",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": True},
        {"limit": 1.5},
        {"per_lane": 0},
        {"rate": (0, MINUTE)},
        {"rate": (1, timedelta(0))},
        {"rate": (1, -MINUTE)},
        {"rate": (1, timedelta(days=400))},
        {"rate": 5},
        {"rate": (1, 60)},
    ],
    ids=str,
)
def test_a_limit_that_means_nothing_is_refused(world: World, limits: dict[str, Any]) -> None:
    """Zero would let nothing through for ever: a pause is how one says that."""
    with outside(world) as flows:
        with pytest.raises(WrongArgument):
            flows.queues.declare("q", **limits)
        with pytest.raises(WrongArgument):
            flows.queues.set("q", **limits)


@pytest.mark.parametrize(
    "place",
    [
        {"lane": "x"},
        {"priority": 1},
        {"queue": ""},
        {"queue": "q" * 201},
        {"queue": 5},
        {"queue": "q", "lane": 5},
        {"queue": "q", "lane": "x" * 513},
        {"queue": "q", "priority": "high"},
        {"queue": "q", "priority": True},
        {"queue": "q", "priority": 10**9},
    ],
    ids=lambda place: str(place)[:40],
)
def test_a_place_that_means_nothing_is_refused(world: World, place: dict[str, Any]) -> None:
    """Before anything is written."""
    work = world.flow("f", plus_one)
    with outside(world) as flows:
        flows.queues.declare("q")
        with pytest.raises(WrongArgument):
            flows.start(work, 1, **place)
        assert flows.runs() == []


def test_a_damaged_record_stops_its_queue_alone(world: World) -> None:
    """Whoever looks is told; other queues go on."""
    work = world.flow("f", plus_one)
    with world.engine() as engine:
        for name in ("bad", "good"):
            engine.queues.declare(name)
        engine.client.store.write([Put(kind="queue", key="bad", body="[")], at=1)
        stuck, done = (engine.start(work, 1, queue=name) for name in ("bad", "good"))
        assert done.result(PATIENT) == 2
        assert stuck.status is Status.QUEUED
        engine.client.store.write([Put(kind="queue", key="bad", body="{}")], at=1)
        world.clock.jump(2)
        assert stuck.result(PATIENT) == 2


def test_a_killed_worker_leaks_no_place(tmp_path: Path) -> None:
    """Its runs keep theirs and are taken over; never are there more than the queue allows."""
    gate, path = tmp_path / "gate", tmp_path / "flows.db"
    with Connection(path, registry=REGISTRY, create=True) as flows:
        flows.queues.declare("q", limit=2)
        runs = [flows.start(HELD, str(gate), queue="q") for _ in range(6)]
        command = [sys.executable, "-m", "tests.engine.queued", str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
            try:
                assert worker.stdout is not None
                assert worker.stdout.readline() == b"ready\n"
                while flows.queues.view("q").placed < 2:
                    assert worker.poll() is None
            finally:
                worker.kill()
        assert (flows.queues.view("q").placed, flows.queues.view("q").waiting) == (2, 4)
        with Engine(path, registry=REGISTRY, config=CONFIG):
            gate.touch()
            while any(run.status is not Status.DONE for run in runs):
                assert flows.queues.view("q").placed <= 2
        assert flows.queues.view("q").placed == 0
