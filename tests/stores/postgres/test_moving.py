"""Moves to PostgreSQL, from it, and within it; runs that are taken from workers in the act."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from everflow import ask, call, connect, each, it
from everflow.clock import SystemClock
from everflow.engine.moving import Choice, move
from everflow.store import Status, Store
from everflow.stores.aside import AsideStore
from everflow.stores.postgres import PostgresStore
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import Scribe, entry
from everflow.testing.conformance.moving import given_up
from tests.engine.moved import Cut, Cuttable, as_they_go_on, counter, furnish, moved, told
from tests.engine.support import PATIENT, World, plus_one, until
from tests.stores.postgres.spares import Spares

Make = Callable[[], Store]


@pytest.fixture
def fresh(spares: Spares) -> Iterator[Make]:
    """Makes stores in PostgreSQL; a URL that was given opens that store once more."""
    urls: list[str] = []
    made: list[Store] = []

    def make() -> Store:
        urls.append(spares.take())
        made.append(PostgresStore.open(urls[-1]))
        return AsideStore(made[-1], 1000)

    yield make
    for store in made:
        store.close()
    for url in urls:
        spares.give_back(url)


def test_runs_move_up_across_and_back(fresh: Make, tmp_path: Path) -> None:
    """All that belongs to them, and all records, the same after three moves."""
    small = SQLiteStore.open(tmp_path / "small.db")
    furnish(small)
    before = as_they_go_on(told(small))
    one, other = fresh(), fresh()
    for source, target in ((small, one), (one, other), (other, small)):
        report = moved(source, target)
        assert report.verified == len(before)
        assert told(target) == before
    assert len(small.records("schedule")) == 2
    small.close()


@pytest.mark.parametrize("nth", [4, 7])
def test_a_move_that_is_cut_goes_on(fresh: Make, nth: int) -> None:
    """At a write of the target's, which was done though nobody heard of it."""
    source, target = fresh(), fresh()
    furnish(source)
    before = as_they_go_on(told(source))
    with pytest.raises(Cut):
        moved(source, Cuttable(target, counter(nth), after=True))
    owners = [
        run
        for store in (source, target)
        for run, (row, *_) in told(store).items()
        if row.status is not Status.HANDED_OFF
    ]
    assert len(owners) == len(set(owners))
    moved(source, target)
    assert told(target) == before


def test_a_run_is_taken_from_a_worker_that_writes(fresh: Make) -> None:
    """Whatever it sends at the same time: what came after the act is refused it, batch by batch."""
    store, begun = fresh(), Event()
    scribe = Scribe(store)
    rows = [scribe.run(name) for name in "ab"]

    def write() -> int:
        for seq in count(1):
            begun.set()
            if scribe.write(entries=[entry(row.no, seq) for row in rows]) == [rows[0].no]:
                return seq
        raise AssertionError

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        begun.wait(20)
        assert given_up(store, "a")
        has = len(store.journal(rows[0].no, limit=10_000))
        last = writing.result(60)
    assert len(store.journal(rows[0].no, limit=10_000)) == has == last
    assert len(store.journal(rows[1].no, limit=10_000)) == last + 1
    assert store.taken_from(scribe.id) == [rows[0].no]


@pytest.mark.parametrize("up", [True, False], ids=["up", "down"])
def test_live_runs_move_between_workers(spares: Spares, tmp_path: Path, *, up: bool) -> None:
    """B080: from a worker on a file to one of a fleet, or back: who asks, and who waits for it."""
    url = spares.take()
    store = PostgresStore.open(url)
    small, large = World(tmp_path / "small.db"), World(store)
    large.registry = small.registry
    source, target = (small, large) if up else (large, small)
    asks = source.flow("asks", plus_one >> ask("sure", bool) >> it[1])
    calls = source.flow("calls", each(call(asks)))
    with source.engine() as here, target.engine() as there:
        runs = [here.start(calls, [n, n + 1]) for n in range(3)]
        until(lambda: len(here.questions()) == 6)
        beside = {}
        for world in (small, large):
            where: Any = url if world is large else world.where
            beside[world] = connect(where)
        report = move(beside[source].store, beside[target].store, Choice(), clock=SystemClock())
        assert report.verified == 9
        for connection in beside.values():
            connection.close()
        for question in there.questions():
            there.answer(f"{question.run}.sure.1", True)
        assert [there.run(run.id).result(PATIENT) for run in runs] == [[True, True]] * 3
        assert {row.status for row in here.runs()} == {Status.HANDED_OFF}
    store.close()
    spares.give_back(url)
