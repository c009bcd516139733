"""Eras end beside workers that go on, and whatever was cut is gone on with."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast

import psycopg
import pytest

from everflow.errors import StoreError, StoreReadOnly
from everflow.store import Reclaimed, Retention, RunQuery, RunRow, Status, Store
from everflow.stores.postgres import PostgresStore
from everflow.stores.postgres.code import in_schema
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.preparing import prepare
from everflow.stores.postgres.retaining import Era
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import START, Scribe, begin, entry, standing
from tests.stores.postgres.servers import Server

LATER = 10**17
ALL = Retention(before=LATER - 1)
PATIENT = 30.0
Line = psycopg.Connection[tuple[Any, ...]]


class World:
    """A store, and a connection beside it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.place = Place.read(url)
        self.store = PostgresStore.open(url)
        self.line = self.connected()

    def connected(self) -> Line:
        return psycopg.connect(self.place.conninfo, autocommit=True)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """A statement, written as in the store's own files."""
        cursor = self.line.execute(statement.replace("everflow.", f"{self.place.schema}."))
        return cursor.fetchall() if cursor.description else []

    def reclaim(self, upto: Callable[[Reclaimed], bool] = lambda _: False) -> list[Reclaimed]:
        """Steps until there is nothing more to do, or one that is looked for."""
        steps = [self.store.reclaim(ALL, at=LATER)]
        while steps[-1].more and not upto(steps[-1]):
            steps.append(self.store.reclaim(ALL, at=LATER, after=steps[-1].after))
        return steps

    def eras(self) -> list[tuple[int, str]]:
        return [(row[0], row[4]) for row in self.store._rows("eras")]  # noqa: SLF001 - what stands in the catalog

    def move(self, era: int) -> int:
        """One step; how many runs were moved."""
        ((moved, *_),) = self.store._call("move_on", era, 0, 100, 100)  # noqa: SLF001 - a part of the verb
        return int(moved)

    def begin_era(self) -> None:
        self.store._begin_era(START)  # noqa: SLF001 - the step alone, long before the span


@pytest.fixture
def world(fresh_url: str) -> Iterator[World]:
    made = World(fresh_url)
    yield made
    made.store.close()
    made.line.execute(f"DROP SCHEMA {made.place.schema} CASCADE")
    made.line.close()


def lived(world: World) -> tuple[Scribe, RunRow]:
    """A run that goes on, and one that ended, both of the first era, which is over."""
    scribe = Scribe(cast("Store", world.store))
    row, old = scribe.run("goes on"), scribe.run("ended")
    change = standing(old, Status.DONE, ended=START)
    scribe.write(entries=[entry(row.no, 1), entry(old.no, 1)], changes=[change])
    world.begin_era()
    return scribe, row


def test_an_era_that_is_over_is_dropped(world: World) -> None:
    """With what was let go of; counted before; what goes on was moved."""
    _, row = lived(world)
    dry = world.store.reclaim(ALL, at=LATER, dry=True)
    assert (dry.moved, dry.dropped, dry.more) == (1, 1, False)
    assert dry.size > 0
    assert world.store.let_go(ALL).gone == ["ended"]
    steps = world.reclaim()
    assert sum(step.moved for step in steps) == 1
    assert [step.size for step in steps if step.dropped] == [dry.size]
    assert world.eras() == [(2, "in"), (3, "in")]
    assert world.execute("SELECT era, count(*) FROM everflow.entry GROUP BY 1") == [(3, 2)]
    assert len(world.store.load([row.no])[0].entries) == 2
    assert not world.reclaim()[0].more


def test_a_run_is_moved_while_it_is_written(world: World) -> None:
    """No entry is missed and none is read twice, whoever comes first."""
    scribe, row = lived(world)
    ended = Event()

    def write() -> None:
        for seq in range(2, 60):
            scribe.write(entries=[entry(row.no, seq)])
        ended.set()

    writer = Thread(target=write)
    writer.start()
    try:
        while not ended.is_set():
            era = world.execute("SELECT max(era) FROM everflow.era")[0][0]
            world.begin_era()
            assert world.move(era) <= 1
            assert world.store.load([row.no])[0].row.no == row.no
    finally:
        writer.join(PATIENT)
    assert [seq for _, seq, _, _ in world.store.load([row.no])[0].entries] == list(range(60))


@contextmanager
def reading(world: World) -> Iterator[None]:
    """Somebody who reads the journal in a transaction that lasts."""
    with world.connected() as reader, reader.transaction():
        reader.execute(f"SELECT count(*) FROM {world.place.schema}.entry")
        yield


def test_a_detach_that_was_cut_is_finished(world: World) -> None:
    """It had begun, and waited for a reader as its process ended."""
    lived(world)
    world.store.let_go(ALL)
    with reading(world):
        told: list[BaseException] = []

        def detach() -> None:
            try:
                world.reclaim()
            except Exception as error:  # noqa: BLE001 - looked at below
                told.append(error)

        cut = Thread(target=detach)
        cut.start()
        while (1, "leaving") not in world.eras():
            assert cut.is_alive()
        while cut.is_alive():
            world.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                f" WHERE query LIKE '%{world.place.schema}%entry_1%CONCURRENTLY%'"
                " AND pid <> pg_backend_pid()"
            )
            cut.join(0.05)
        assert told
    assert world.eras()[0] == (1, "leaving")
    assert sum(step.dropped for step in world.reclaim()) == 1
    assert world.eras()[0][0] > 1


def test_who_ends_an_era_as_another_did_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told that the part isn't there; where nobody did it, that is trouble."""
    lived(world)
    world.execute("ALTER TABLE everflow.entry DETACH PARTITION everflow.entry_1")
    world.execute("DELETE FROM everflow.run")
    part = world.store._part  # noqa: SLF001 - the step before which the other one comes

    def late(era: Era) -> Reclaimed:
        monkeypatch.setattr(world.store, "_part", part)
        world.execute("DROP TABLE everflow.entry_1")
        return part(era)

    monkeypatch.setattr(world.store, "_part", late)
    assert world.store.reclaim(ALL, at=LATER) == Reclaimed(more=True)
    assert world.reclaim()
    monkeypatch.setattr(world.store, "_begin_era", failing)
    with pytest.raises(StoreError, match="no"):
        world.store.reclaim(Retention(before=LATER * 2), at=LATER * 2 + 9)


def failing(_at: int) -> None:
    raise StoreError("no")


def test_an_era_that_was_left_too_early_comes_back(world: World) -> None:
    """A run's start took as long as its era was kept."""
    _, row = lived(world)
    world.execute("ALTER TABLE everflow.entry DETACH PARTITION everflow.entry_1")
    assert world.eras()[0] == (1, "loose")
    steps = world.reclaim()
    assert sum(step.moved for step in steps) == 2
    assert len(world.store.load([row.no])[0].entries) == 2
    assert world.eras()[0][0] > 1


def test_a_run_that_was_moved_amid_a_claim_is_claimed_soon(world: World) -> None:
    """The claim passed it over, and its worker is told as it is free again."""
    lived(world)
    free, taker = begin(cast("Store", world.store), "free"), Scribe(cast("Store", world.store))
    world.begin_era()
    with world.connected() as listener, world.connected() as mover:
        listener.execute(f"LISTEN {world.place.channel}")
        with mover.transaction():
            move = in_schema("SELECT everflow.do_move_on(2, 0, 100, 100)", world.place.schema)
            mover.execute(move.encode())
            assert world.store.claim(taker.id, now=START, limit=9) == []
        assert list(listener.notifies(timeout=PATIENT, stop_after=1))
    assert [row.no for row in world.store.claim(taker.id, now=START, limit=9)] == [free.no]


def test_who_is_locked_is_moved_later(world: World) -> None:
    """A run that somebody works on just then holds nobody up."""
    _, row = lived(world)
    with world.connected() as other, other.transaction():
        other.execute(f"SELECT FROM {world.place.schema}.run WHERE no = {row.no} FOR UPDATE")
        assert world.move(1) == 1  # the other one
    assert world.move(1) == 1


def test_a_copy_has_nothing_of_what_was_let_go_of(world: World, tmp_path: Path) -> None:
    """Nor twice what was moved: until its era is dropped, the journal holds what is nobody's."""
    _, row = lived(world)
    (last,) = (found.no for found in world.store.runs(RunQuery()) if found.id == "ended")
    assert world.store.let_go(ALL).gone == ["ended"]
    world.begin_era()
    assert world.move(1) == 1
    place = tmp_path / "copy.db"
    world.store.backup(str(place))
    with closing(SQLiteStore.open(str(place))) as copy:
        assert [seq for _, seq, _, _ in copy.load([row.no])[0].entries] == [0, 1]
        new = begin(cast("Store", copy), "new")
        assert new.no > max(row.no, last)
        assert [seq for _, seq, _, _ in copy.load([new.no])[0].entries] == [0]


def test_who_may_not_end_an_era_is_told_who_may(world: World, postgres: Server) -> None:
    """A role for workers lets go of runs, and counts what would be given back."""
    lived(world)
    role = f"of_{world.place.schema}"
    world.line.execute(f"CREATE ROLE {role} LOGIN")
    prepare(world.url, workers=[role])
    other = PostgresStore.open(postgres.url(world.place.schema, user=role), create=False)
    assert other.let_go(ALL).gone == ["ended"]
    assert other.reclaim(ALL, at=LATER, dry=True).dropped == 1
    with pytest.raises(StoreReadOnly, match="owner"):
        other.reclaim(ALL, at=LATER)
    other.close()
    world.line.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert sum(step.dropped for step in world.reclaim()) == 1
