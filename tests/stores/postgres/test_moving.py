"""Moves to PostgreSQL, from it, and within it; runs that are taken from workers in the act."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event
from typing import cast

import pytest

from everflow.store import Status, Store
from everflow.stores.aside import AsideStore
from everflow.stores.postgres import PostgresStore
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import Scribe, entry
from everflow.testing.conformance.moving import given_up
from tests.engine.moved import Cut, Cuttable, as_they_go_on, counter, furnish, moved, told
from tests.stores.postgres.servers import Server

Make = Callable[[], Store]


@pytest.fixture
def fresh(postgres: Server, fresh_schema: Callable[[], str]) -> Iterator[Make]:
    """Makes stores in PostgreSQL."""
    made: list[Store] = []

    def make() -> Store:
        store = PostgresStore.open(postgres.url(fresh_schema()))
        made.append(cast("Store", store))
        return AsideStore(made[-1], 1000)

    yield make
    for store in made:
        store.close()


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


@pytest.mark.parametrize("nth", [3, 6, 9])
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
