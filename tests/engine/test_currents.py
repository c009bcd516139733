"""Starts by name where the flow's code isn't: what a worker wrote down is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from everflow import Run, const, flow, node, schedule, suspend
from everflow.core.registry import Registry
from everflow.engine.faces.connect import Connection
from everflow.errors import InputRefused, NoSuchFlow, UnresolvedName
from everflow.store import Put, Status
from tests.engine.support import PATIENT, World, until


@dataclass
class ParcelSent:
    """An input of today's flow."""

    to: str
    grams: int


def weighed(parcel: ParcelSent) -> int:
    return parcel.grams


def elsewhere(world: World) -> Connection:
    """A process that has none of the code."""
    return Connection(world.where, registry=Registry(), clock=world.clock, create=True)


def test_a_flow_is_started_by_name_without_its_code(world: World) -> None:
    """What the last worker had for the name: before a deploy the old one, then the new."""
    world.flow("parcel", node(weighed) >> const("old"))
    with world.engine():
        pass
    with elsewhere(world) as flows:
        first = flows.start("parcel", {"to": "ann", "grams": 3}).id
    world.deploy()
    world.flow("parcel", node(weighed) >> suspend("go"))
    with world.engine() as engine, elsewhere(world) as flows:
        assert engine.run(first).result(PATIENT) == "old"
        parcels = [{"to": "bob", "grams": n} for n in (4, 5)]
        runs: list[Run[Any]] = flows.start_all("parcel", parcels)
        second, third = runs
        until(lambda: {q.tag for q in engine.questions()} == {"go"})
        flows.resume(second.id, 1)
        assert engine.run(second.id).result(PATIENT) == 1
        assert third.row().definition != engine.run(first).row().definition
        assert flows.start_all("parcel", []) == []


def test_an_input_is_checked_by_what_was_written_down(world: World) -> None:
    """As far as data tells: the sentence says where it doesn't fit."""
    world.flow("parcel", node(weighed))
    with world.engine(), elsewhere(world) as flows, pytest.raises(InputRefused, match="grams"):
        flows.start("parcel", {"to": "ann", "grams": "many"})


def test_a_name_that_nobody_ever_ran_is_refused(world: World) -> None:
    """With what to do about it."""
    with elsewhere(world) as flows, pytest.raises(NoSuchFlow, match="no worker ever had"):
        flows.start("parcel", 1)


def test_an_engine_leaves_what_it_lacks_to_others(world: World) -> None:
    """It starts by name as any process does, and another worker executes."""
    world.flow("parcel", node(weighed))
    with world.engine():
        pass
    mine = World(world.where)
    mine.clock = world.clock
    with mine.engine() as starter:
        run: Run[Any] = starter.start("parcel", {"to": "ann", "grams": 3})
        with world.engine() as engine:
            until(lambda: engine.run(run.id).row().status is Status.DONE)


def test_a_schedule_fires_what_runs_by_now(world: World) -> None:
    """Though the worker that fires doesn't import the flow, and it changed since."""
    world.flow("parcel", const("old"))
    with world.engine() as flows:
        flows.schedules.add(schedule("daily", "0 9 * * *", "parcel"))
    world.deploy()
    world.flow("parcel", const("new"))
    with world.engine():
        pass
    with elsewhere(world) as flows:
        run = flows.schedules.trigger("daily")
    with world.engine() as engine:
        assert engine.run(run.id).result(PATIENT) == "new"


def test_it_is_written_once(world: World) -> None:
    """A worker that knows nothing new writes nothing; what no process could find is left out."""
    world.flow("parcel", node(weighed))
    flow("inner", node(weighed) >> (lambda x: x), registry=world.registry)
    for _ in range(2):
        with world.engine() as engine:
            records = engine.client.store.records("current")
    assert [(record.key, record.version) for record in records] == [("parcel", 1)]


def test_a_record_that_is_damaged_is_told(world: World) -> None:
    """Rather than another definition taken."""
    with elsewhere(world) as flows:
        flows.store.write([Put(kind="current", key="parcel", body="[]")], at=1)
        with pytest.raises(UnresolvedName, match="parcel"):
            flows.start("parcel", 1)
