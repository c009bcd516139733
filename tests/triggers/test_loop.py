"""Triggers beside an engine: the thread that fires, in one process or in several."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from everflow import Config, Engine, Registry, ask, connect, flow, it, node
from everflow.errors import StoreUnavailable
from everflow.store import RunQuery
from everflow.stores.memory import MemoryStore
from everflow.triggers import Activities, TriggerBook, Triggers, trigger
from tests.engine.support import PATIENT, QUICK, until
from tests.triggers.support import INES, note

CONFIG = Config(poll_s=QUICK)


@pytest.fixture(params=["memory", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Where an engine's store is."""
    return ":memory:" if request.param == "memory" else tmp_path / "e.db"


def engine_on(place: Any, registry: Registry) -> Engine:
    return Engine(place, registry=registry, config=CONFIG)


def test_an_engine_fires_what_is_appended_beside_it(place: Any, registry: Registry) -> None:
    """B120, B125: by itself, and what it says is found by what it started."""
    with (
        engine_on(place, registry) as engine,
        Triggers(engine, [trigger("t", "review", type="Create")]) as triggers,
    ):
        assert triggers.append(note(), actor=INES).no == 1
        until(lambda: bool(engine.runs()))
        [row] = engine.runs()
        assert engine.run(row.id).result(PATIENT) == "note 1"
        assert [line.trigger for line in triggers.audit(run=row.id)] == ["t"]
        assert [one.outcome for one in triggers.test(note(2), actor=INES)] == ["fired"]
        assert not triggers.settle()


def test_the_async_face_has_the_same(registry: Registry) -> None:
    """The loop isn't held up while it begins and ends."""

    async def lead() -> Any:
        engine = engine_on(":memory:", registry)
        async with engine as face, Triggers(engine, [trigger("t", "review")]) as triggers:
            await asyncio.to_thread(triggers.append, note(), actor=INES)
            await asyncio.to_thread(until, lambda: bool(triggers.audit()))
            run = await face.run(triggers.audit()[0].run)
            return await run.result(PATIENT)

    assert asyncio.run(lead()) == "note 1"


def test_what_another_process_appends_and_changes_is_seen(
    tmp_path: Path, registry: Registry
) -> None:
    """A connection that executes nothing writes; a worker fires, also what waited for its code."""
    with connect(tmp_path / "e.db", create=True) as web:
        TriggerBook(web.client).add(trigger("t", "review"))
        Activities(web.client).append(note(1), actor=INES)
        with engine_on(tmp_path / "e.db", registry) as engine, Triggers(engine):
            until(lambda: len(engine.runs()) == 1)
            Activities(web.client).append(note(2), actor=INES)
            until(lambda: len(engine.runs()) == 2)
            TriggerBook(web.client).add(trigger("whole", "review", since=0))
            until(lambda: len(engine.runs()) == 4)


def test_two_engines_fire_once(tmp_path: Path, registry: Registry) -> None:
    """B122: on one store, each with its triggers, while activities come to both."""
    declared = [trigger(f"t{n}", "review") for n in range(3)]
    with (
        engine_on(tmp_path / "e.db", registry) as one,
        engine_on(tmp_path / "e.db", registry) as two,
        Triggers(one, declared) as first,
        Triggers(two, declared) as second,
    ):
        for number in range(20):
            (first, second)[number % 2].append(note(number), actor=INES)
            (first, second)[(number + 1) % 2].append(note(number), actor=INES)
        until(lambda: len(one.runs(RunQuery(limit=999))) >= 60)
        assert one.join(PATIENT)
        first.settle()
        second.settle()
        assert len(one.runs(RunQuery(limit=999))) == len(first.audit()) == 60


def test_a_guard_s_outcome_is_found_by_itself(registry: Registry) -> None:
    """B121: soon after it is there."""
    flow("may-it", ask("ok", bool) >> it[1], registry=registry)
    declared = [trigger("t", "review", guard=registry.flow("may-it"))]
    with engine_on(":memory:", registry) as engine, Triggers(engine, declared) as triggers:
        triggers.append(note(), actor=INES)
        until(lambda: bool(engine.questions()))
        engine.resume(engine.questions()[0].run, True)
        until(lambda: len(engine.runs()) == 2)


def test_a_store_that_is_away_is_waited_for(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread says so once, and goes on when it is back."""
    monkeypatch.setattr("everflow.triggers.loop.PATIENCE", QUICK)
    away = [True]
    looks: list[str] = []
    store = MemoryStore()
    whole = store.records

    def records(kind: str, **given: Any) -> Any:
        if away[0] and kind == "cursor":
            looks.append(kind)
            raise StoreUnavailable("it is away")
        return whole(kind, **given)

    with engine_on(store, registry) as engine, Triggers(engine) as triggers:
        triggers.book.add(trigger("t", "review"))
        monkeypatch.setattr(store, "records", records)
        with caplog.at_level(logging.WARNING, "everflow.triggers"):
            triggers.append(note(), actor=INES)
            until(lambda: len(looks) > 2)
        assert caplog.text.count("it is away") == 1
        away[0] = False
        until(lambda: bool(engine.runs()))
        assert len(engine.runs()) == 1


def test_a_bug_of_ours_is_told_and_ends_nothing_else(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a look raises is logged, and the next look is tried."""
    monkeypatch.setattr("everflow.triggers.loop.PATIENCE", QUICK)
    with engine_on(":memory:", registry) as engine, Triggers(engine) as triggers:
        triggers.book.add(trigger("t", "review"))
        with monkeypatch.context() as patch:
            patch.setattr("everflow.triggers.firing.cursors", lambda _: 1 / 0)
            triggers.append(note(), actor=INES)
            until(lambda: "ZeroDivisionError" in caplog.text)
        until(lambda: bool(engine.runs()))


def test_predicates_of_a_declaration_are_known_here(registry: Registry) -> None:
    """A function that is a guard is registered by whoever declares it."""
    yes = node(lambda _: True, name="says_yes_here")
    with (
        engine_on(":memory:", registry) as engine,
        Triggers(engine, [trigger("t", "review", guard=yes)]) as triggers,
    ):
        triggers.append(note(), actor=INES)
        until(lambda: bool(engine.runs()))
    assert "says_yes_here" in registry.nodes
