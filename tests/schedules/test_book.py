"""What people and programs do with schedules, in a process that fires and in one that doesn't."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everflow import Engine, Registry, Schedule, Status, ask, connect, flow, schedule
from everflow.engine.schedules.book import Book
from everflow.errors import BadSchedule, NoSuchFlow, NoSuchSchedule, StoreError
from everflow.store import Store
from everflow.stores.memory import MemoryStore
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.clock import JumpClock
from everflow.testing.harness import Harness, harness

HOME = Registry()
BEGIN = datetime(2026, 3, 27, 12, tzinfo=UTC)
DAILY = "0 7 * * *"
asking = flow("asking", ask("go", bool), registry=HOME)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Store]:
    """Either store."""
    made: Store = (
        MemoryStore() if request.param == "memory" else SQLiteStore.open(tmp_path / "everflow.db")
    )
    yield made
    made.close()


@pytest.fixture
def h(store: Store) -> Iterator[Harness[Any, Any]]:
    """A harness at noon of some Friday."""
    clock = JumpClock(round(BEGIN.timestamp() * 1_000_000))
    with harness(asking, store=store, clock=clock, registry=HOME) as made:
        yield made


def nightly(when: str | timedelta = DAILY, **settings: Any) -> Schedule:
    return schedule("nightly", when, "asking", None, **settings)


def test_adding_the_same_again_changes_nothing(h: Harness[Any, Any]) -> None:
    """What says something else is refused, and replaces only if told so."""
    h.schedules.add(nightly())
    h.jump(days=1)
    before = h.schedules.get("nightly")
    assert h.schedules.add(nightly()) == before
    with pytest.raises(BadSchedule, match="says something else"):
        h.schedules.add(nightly(overlap="allow"))
    changed = h.schedules.add(nightly(overlap="allow"), replace=True)
    assert (changed.standing, changed.plan == before.plan) == (before.standing, False)
    moved = h.schedules.add(nightly("0 9 * * *"), replace=True)
    assert moved.next == datetime(2026, 3, 29, 9, tzinfo=UTC)
    assert moved.standing.started == 1


def test_a_declaration_takes_effect_when_it_changes(h: Harness[Any, Any]) -> None:
    """Pauses and what was replaced by hand survive a deploy of the same declaration."""
    h.schedules.declare([nightly()])
    h.schedules.pause("nightly")
    h.schedules.add(nightly(limit=7), replace=True)
    h.schedules.declare([nightly()])
    by_hand = h.schedules.get("nightly")
    assert (by_hand.declared, by_hand.plan.rules.limit, by_hand.next) == (True, 7, None)
    h.schedules.declare([nightly(limit=8)])
    assert h.schedules.get("nightly").plan.rules.limit == 8
    assert h.schedules.get("nightly").standing.paused
    h.schedules.declare([])
    assert [row.name for row in h.schedules.all()] == ["nightly"]
    with pytest.raises(BadSchedule, match="two schedules"):
        h.schedules.declare([nightly(), nightly()])


def test_what_is_not_there_is_named(h: Harness[Any, Any]) -> None:
    """With the name that was meant, as far as one can tell."""
    h.schedules.add(nightly())
    with pytest.raises(NoSuchSchedule, match="did you mean nightly"):
        h.schedules.pause("nihgtly")
    h.schedules.remove("nightly")
    with pytest.raises(NoSuchSchedule, match="schedule list"):
        h.schedules.get("nightly")


def test_flow_and_input_are_looked_at_when_a_schedule_is_written(h: Harness[Any, Any]) -> None:
    """Not in the night in which it fires."""
    with pytest.raises(NoSuchFlow):
        h.schedules.add(schedule("s", DAILY, "no such flow"))
    h.schedules.add(schedule("s", DAILY, "asking", {"a": 1}, instant=True))
    assert h.schedules.get("s").plan.value == '{"a":1}'


def test_trigger_starts_a_run_now(h: Harness[Any, Any]) -> None:
    """Paused or not; the same key gives the same run; later instants see it."""
    h.schedules.add(nightly())
    h.schedules.pause("nightly")
    first = h.schedules.trigger("nightly", key="today")
    assert h.schedules.trigger("nightly", key="today").id == first.id
    assert [run.id for run in h.runs("nightly")] == [first.id]
    h.schedules.unpause("nightly")
    h.jump(days=1)
    assert len(h.runs()) == 1
    assert h.schedules.trigger("nightly").id != first.id
    assert h.schedules.get("nightly").standing.passed == 1


def test_a_backfill_starts_each_instant_once(h: Harness[Any, Any]) -> None:
    """B140: those that have a run are left alone, so that a repeat does nothing."""
    h.schedules.add(nightly(overlap="allow"))
    h.jump(days=2)
    begin, end = datetime(2026, 3, 20, tzinfo=UTC), h.clock.now
    planned = h.schedules.backfill("nightly", begin, end, dry=True)
    assert len(planned) == 8
    assert len(h.runs()) == 2
    assert h.schedules.backfill("nightly", begin, end) == planned
    assert len(h.runs()) == 10
    assert h.schedules.backfill("nightly", begin, end) == []
    assert h.schedules.get("nightly").standing.started == 10


def test_a_backfill_goes_one_by_one_where_runs_must_not_overlap(h: Harness[Any, Any]) -> None:
    """The next one when nothing of the schedule goes on."""
    h.schedules.add(nightly())
    begin, end = datetime(2026, 3, 25, tzinfo=UTC), h.clock.now
    assert len(h.schedules.backfill("nightly", begin, end)) == 3
    for ended in range(3):
        statuses = [run.status for run in h.runs()]
        assert statuses == [Status.DONE] * ended + [Status.SUSPENDED]
        h.answer(h.runs()[-1], value=True)
    assert len(h.runs()) == 3
    assert h.schedules.get("nightly").standing.backlog == ()


def test_a_backfill_is_of_the_past_and_bounded(h: Harness[Any, Any]) -> None:
    """The future comes by itself."""
    h.schedules.add(nightly("* * * * *"))
    with pytest.raises(BadSchedule, match="in the future"):
        h.schedules.backfill("nightly", h.clock.now, h.clock.now + timedelta(days=1))
    with pytest.raises(BadSchedule, match="more than 10,000"):
        h.schedules.backfill("nightly", h.clock.now - timedelta(days=7), h.clock.now)


def test_next_instants_are_told(h: Harness[Any, Any]) -> None:
    """Those that stand, or those after any time."""
    row = h.schedules.add(nightly(zone="Europe/Berlin"))
    assert [at.day for at in row.instants(2)] == [28, 29]
    assert row.instants(1, datetime(2026, 7, 1, tzinfo=UTC)) == [
        datetime(2026, 7, 1, 5, tzinfo=UTC)
    ]


def test_pages_of_schedules_are_listed(h: Harness[Any, Any], monkeypatch: Any) -> None:
    """All of them, by name, or by the beginning of it."""
    monkeypatch.setattr("everflow.engine.schedules.book.PAGE", 2)
    for number in range(5):
        h.schedules.add(schedule(f"s{number}", DAILY, "asking"))
    assert [row.name for row in h.schedules.all()] == ["s0", "s1", "s2", "s3", "s4"]
    assert [row.name for row in h.schedules.all("s3")] == ["s3"]


def test_a_change_that_others_were_faster_than_is_tried_again(
    h: Harness[Any, Any], monkeypatch: Any
) -> None:
    """And given up after a great many tries."""
    h.schedules.add(nightly())
    write, refused = h.store.write, iter([True, True, False])
    monkeypatch.setattr(h.store, "write", lambda *a, **k: None if next(refused) else write(*a, **k))
    h.schedules.pause("nightly")
    monkeypatch.setattr(h.store, "write", lambda *_, **__: None)
    with pytest.raises(StoreError, match="at each of 100 tries"):
        h.schedules.unpause("nightly")
    with pytest.raises(StoreError, match="at each of 100 tries"):
        h.schedules.add(nightly(limit=3), replace=True)


def test_an_engine_fires_what_it_declares_and_what_others_add(store: Store) -> None:
    """Engine(schedules=[...]), engine.schedules and a client's schedules are one book."""
    often = schedule("often", timedelta(seconds=1), "asking", overlap="allow")
    with Engine(store, registry=HOME, schedules=[often]) as engine:
        book: Book = engine.schedules
        assert book.get("often").declared
        with connect(store, registry=HOME) as flows:
            run = engine.run(flows.schedules.trigger("often").id)
        assert run.wait(10) is Status.SUSPENDED
        book.remove("often")
    assert engine.fault is None


def test_the_async_face_says_the_same() -> None:
    """Each call, awaited."""

    async def use() -> None:
        async with Engine(":memory:", registry=HOME) as engine:
            book = engine.schedules
            await book.add(nightly())
            await book.pause("nightly", "why not")
            await book.unpause("nightly")
            run = await engine.run((await book.trigger("nightly")).id)
            assert await run.wait(10) is Status.SUSPENDED
            past = datetime(2026, 1, 1, tzinfo=UTC)
            assert await book.backfill("nightly", past, past + timedelta(days=1), dry=True)
            assert (await book.get("nightly")).standing.started == 1
            assert len(await book.all()) == 1
            await book.remove("nightly")

    asyncio.run(use())
