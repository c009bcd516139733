"""Keeping runs from within a program: the faces' adopt, export, import, backup and prune."""

from __future__ import annotations

import asyncio
import inspect
import io
from pathlib import Path
from typing import Any

import pytest

from everflow import (
    AsyncEngine,
    Connection,
    Engine,
    Run,
    connect,
    keep,
    node,
    parallel,
    sequence,
    suspend,
)
from everflow.engine.asking.client import Client
from everflow.errors import AmbiguousAnswer, ImportRefused, NoSuchRun
from everflow.store import RunRow
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, World

LONG = "x" * 300
LIFE = {
    # the others have their schedules, too, as attributes
    Engine: {
        "abandoned",
        "client",
        "close",
        "config",
        "drain",
        "draining",
        "fault",
        "join",
        "keep_leases",
        "late",
        "lease_changed",
        "open",
        "schedules",
        "worker",
    },
    AsyncEngine: set(),
    Connection: {"close"},
}


@node
def longer(value: Any) -> str:
    """A value too long to stand in its ref."""
    return f"{str(value)[:20]} {LONG}"


@node
def told(pair: tuple[str, Any]) -> str:
    """What was kept from the beginning, and the last answer."""
    first, last = pair
    return f"{first[:5]}: {last}"


def public(face: type) -> set[str]:
    """A face's methods and properties."""
    bases = [base for base in face.__mro__ if base is not object]
    return {name for base in bases for name in vars(base) if not name.startswith("_")}


def test_the_faces_have_the_same_methods() -> None:
    """What one face can do, the others can: only an engine's own life is its own."""
    shared = [public(face) - own for face, own in LIFE.items()]
    assert shared[0] == shared[1] == shared[2]


@pytest.mark.parametrize("face", LIFE)
def test_every_method_of_a_face_says_what_it_does(face: type) -> None:
    """A docstring each, and the sync and async ones take the same arguments."""
    assert [name for name in public(face) if not inspect.getdoc(getattr(face, name))] == []
    called = {name for name in public(face) if callable(getattr(face, name))}
    for name in called - LIFE[face]:
        mine = inspect.signature(getattr(face, name)).parameters
        assert list(mine) == list(inspect.signature(getattr(Engine, name)).parameters), name


def aged(world: World, engine: Engine) -> tuple[Run[Any], RunRow]:
    """A run that asks, with bases behind it and a value kept from before them."""
    steps = sequence(*(longer for _ in range(8)))
    body = longer >> keep(steps >> suspend("go") >> steps >> suspend("on")) >> told
    run = engine.start(world.flow("aged", body), "begin")
    run.wait(PATIENT)
    engine.resume(run, "yes")
    run.wait(PATIENT)
    row = run.row()
    assert row.base > 3, "the test needs a base"
    return run, row


def test_a_pruned_run_goes_on(world: World) -> None:
    """What it still refers to stays: it is loaded, answered and done as if nothing had gone."""
    with world.engine(base_floor=100, warm_runs=1) as engine:
        run, row = aged(world, engine)
        store = engine.client.store
        before = len(store.journal(row.no))
        count = engine.prune(run, dry=True)
        assert len(store.journal(row.no)) == before
        assert 0 < count < row.base
        assert engine.prune(run) == count
        assert len(store.journal(row.no)) == before - count
        assert engine.prune(run) == engine.prune(run.id, dry=True) == 0
    with world.engine(base_floor=100, warm_runs=1) as engine:
        (question,) = engine.questions(run.id)
        assert question.tag == "on"
        engine.resume(run.id, "well")
        assert engine.run(run.id).result(PATIENT) == "begin: well"
        engine.prune(run.id)
        assert engine.run(run.id).result(PATIENT) == "begin: well"


def test_the_value_of_a_done_run_survives_its_pruning(world: World) -> None:
    """An outcome that refers to an entry before the base keeps it."""
    steps = sequence(*(longer for _ in range(8)))
    flow = world.flow("kept", longer >> keep(steps))
    with world.engine(base_floor=100) as engine:
        run = engine.start(flow, "begin")
        value = run.result(PATIENT)
        assert engine.prune(run) > 0
        assert run.result() == value


def test_a_run_without_a_base_keeps_all(world: World) -> None:
    """There is nothing that it couldn't come to need."""
    with world.engine() as engine:
        run = engine.start(world.flow("short", longer), 1)
        run.result(PATIENT)
        assert engine.prune(run) == 0


def test_pruned_runs_travel_and_go_on(world: World) -> None:
    """Exported, imported paused, adopted, answered and done elsewhere, with their refs whole."""
    file = io.BytesIO()
    with world.engine(base_floor=100) as engine:
        run, _ = aged(world, engine)
        assert engine.prune(run) > 0
        assert engine.export([run], file) == 1
    file.seek(0)
    other = World(MemoryStore())
    other.registry = world.registry
    with other.engine() as engine:
        assert engine.import_runs(file).new == [run.id]
        there = engine.run(run.id)
        assert there.status == "paused"
        assert engine.adopt(there) is True
        assert engine.adopt(run.id) is False
        assert there.wait(PATIENT) == "suspended"
        engine.resume(there, "far")
        assert there.result(PATIENT) == "begin: far"


def test_an_import_may_adopt_at_once(world: World) -> None:
    """Then the engine takes the runs by itself."""
    file = io.BytesIO()
    flow = world.flow("asks", suspend("go"))
    with connect(world.where if not world.durable else str(world.where), create=True) as flows:
        run = flows.start_all(flow, [1, 2])[0]
        flows.export([run.id], file)
    file.seek(0)
    other = World(MemoryStore())
    other.registry = world.registry
    with other.engine() as engine:
        engine.import_runs(file, adopt=True)
        assert engine.run(run.id).wait(PATIENT) == "suspended"
        with pytest.raises(ImportRefused):
            engine.import_runs(io.BytesIO(b"no export"))


def test_the_async_face_keeps_runs_too(durable: World, tmp_path: Path) -> None:
    """Awaited, with handles and with ids."""
    flow = durable.flow("asks", suspend("go"))

    async def main() -> None:
        async with durable.engine() as engine:
            run = await engine.start(flow, 1)
            await run.wait(PATIENT)
            file = io.BytesIO()
            assert await engine.export([run, run.id], file) == 2
            assert await engine.adopt(run) is False
            assert await engine.prune(run) == await engine.prune(run.id, dry=True) == 0
            await engine.backup(tmp_path / "copy.db")
            file = io.BytesIO()
            await engine.export([run], file)
            file.seek(0)
            assert (await engine.import_runs(file)).same == [run.id]
            with pytest.raises(NoSuchRun):
                await engine.adopt("nobody")

    asyncio.run(main())
    with connect(tmp_path / "copy.db") as flows:
        assert [row.flow for row in flows.runs()] == ["asks"]


def test_all_questions_are_listed_however_many_there_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come by pages; an ambiguous answer is told the whole number."""
    monkeypatch.setattr("everflow.engine.operating.keeping.PAGE", 3)
    flow = world.flow("many", keep(suspend("a")) >> suspend("b"))
    with world.engine() as engine:
        runs = engine.start_all(flow, list(range(7)))
        for run in runs:
            run.wait(PATIENT)
        assert {q.run for q in engine.questions()} == {run.id for run in runs}
        assert len(engine.questions()) == 7
        assert len(engine.questions(runs[0])) == 1


def test_an_ambiguous_answer_is_told_how_many_match(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above a page's length, too."""
    monkeypatch.setattr("everflow.engine.operating.keeping.PAGE", 2)
    flow = world.flow("wide", parallel(*(suspend(f"t{n}") for n in range(5))))
    with world.engine() as engine:
        run = engine.start(flow)
        run.wait(PATIENT)
        with pytest.raises(AmbiguousAnswer, match="5 questions"):
            engine.resume(run, 1)


def test_a_client_knows_no_run_that_is_not_there(memory: World) -> None:
    """Adopting, exporting and pruning say so."""
    with memory.engine() as engine:
        client: Client = engine.client
        for call in (client.adopt, client.prune, lambda run: client.export([run], io.BytesIO())):
            with pytest.raises(NoSuchRun):
                call("nobody")
