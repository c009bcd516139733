"""Moves of runs, live ones included, from one store to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from everflow import RunQuery
from everflow.core.entries import Entry, Kind, row_of
from everflow.engine.moving import Choice
from everflow.errors import (
    MoveRefused,
    NoSuchRun,
    StoreDamaged,
    StoreReadOnly,
    StoreUnavailable,
)
from everflow.store import Hand, Put, RunRow, Slice, Status, Store, Tenure, Verdict, WorkerRow
from everflow.stores.aside import AsideStore
from everflow.stores.layer import Layer
from everflow.stores.memory import MemoryStore
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import (
    START,
    Scribe,
    answer,
    begin,
    entry,
    opened,
    standing,
)
from tests.engine.moved import (
    ALL,
    Cut,
    Cuttable,
    as_they_go_on,
    counter,
    furnish,
    moved,
    opened_by,
    told,
)


@pytest.fixture
def source() -> Store:
    """A store with something of everything."""
    store = MemoryStore()
    furnish(store)
    return AsideStore(store, 10)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Store]:
    """An empty store of another kind."""
    store = SQLiteStore.open(tmp_path / "target.db")
    yield AsideStore(store, 1000)
    store.close()


def test_everything_goes_and_comes_back(source: Store, target: Store) -> None:
    """All that belongs to runs, and all records, in every standing; back again, too."""
    before = as_they_go_on(told(source))
    report = moved(source, target)
    assert told(target) == before
    assert sum(report.runs.values()) == report.verified == len(before)
    assert report.records == {"acknowledged": 2, "audit": 2, "schedule": 2}
    assert [(one.key, one.body, one.due, one.at) for one in target.records("schedule")] == [
        (f"schedule{n}", f'"{n}"', n, START + n) for n in (1, 2)
    ]
    assert source.records("schedule") == []
    assert [one.key for one in target.records("queue")] == ["queue1", "queue2"]
    assert target.records("pause") == source.records("pause") == []
    assert {kind for store in (source, target) for kind in store.kinds()} == {
        *("acknowledged", "audit", "coming", "copy", "current", "queue", "schedule")
    }
    back = moved(target, source)
    assert told(source) == before
    assert back.verified == len(before)
    assert {row.status for row in target.runs(RunQuery(limit=99))} == {Status.HANDED_OFF}


def test_who_asks_the_source_is_told_where_a_run_is(source: Store, target: Store) -> None:
    """It takes nothing any more, and names the other store; a start by its key is a repetition."""
    moved(source, target)
    row = opened_by(source, "asking")
    assert (row.status, row.until) == (Status.HANDED_OFF, target.info().place)
    assert source.accept([answer(row)]) == [Verdict.HANDED_OFF]
    assert begin(source, "other", key="k-queued").id == "run-queued"
    assert target.accept([answer(opened_by(target, "asking"), key="k")]) == [Verdict.REPEATED]


def test_a_living_worker_of_the_source_is_refused(target: Store) -> None:
    """From the moment that a run goes, nothing that it writes of it counts."""
    source = MemoryStore()
    scribe = furnish(source)
    moved(source, target)
    row = opened_by(source, "asking")
    assert scribe.write(entries=[entry(row.no, 9)], puts=[Put(kind="x", key="1", body="1")]) == [
        row.no
    ]
    assert len(source.journal(row.no)) == 1
    worker = Scribe(target)
    taken = {run.id for run in target.claim(worker.id, now=0, limit=99)}
    assert {"asking", "parent", "child", "placed"} <= taken
    assert "waits" not in taken


def test_chosen_runs_go_with_their_families(source: Store, target: Store) -> None:
    """The others stay; a run's place in a queue is given by the target's queue."""
    report = moved(source, target, Choice(runs=("parent", "placed", "run-done", "placed")))
    assert set(told(target)) == {"parent", "child", "placed", "run-done"}
    assert report.runs == {"done": 1, "queued": 2, "running": 1}
    assert opened_by(target, "placed").admitted is None
    assert target.kinds() == ["audit", "coming"]
    assert len(source.records("schedule")) == 2
    with pytest.raises(NoSuchRun):
        moved(source, target, Choice(runs=("nowhere",)))
    found = moved(source, target, Choice(query=RunQuery(labels=(("s", "failed"),))))
    assert found.runs == {"failed": 1}
    assert sum(moved(source, target).runs.values()) == len(told(source)) - 5


def test_a_try_writes_nothing(source: Store, target: Store) -> None:
    """It says what would go."""
    before = told(source), source.kinds()
    report = moved(source, target, dry=True)
    assert report.dry
    assert sum(report.runs.values()) == len(before[0])
    assert report.records == {"acknowledged": 2, "audit": 2, "schedule": 2}
    assert (told(source), source.kinds()) == before
    assert (told(target), target.kinds()) == ({}, [])


def test_many_parts_are_as_one(
    source: Store, target: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few fit in one; progress is told."""
    monkeypatch.setattr("everflow.engine.moving.choice.ENTRIES", 1)
    monkeypatch.setattr("everflow.engine.moving.choice.RUNS", 3)
    monkeypatch.setattr("everflow.engine.moving.records.RECORDS", 1)
    before, seen = as_they_go_on(told(source)), list[tuple[int, int]]()
    report = moved(source, target, progress=lambda *much: seen.append(much))
    assert told(target) == before
    assert seen[-1] == (report.verified, report.verified) == (len(before), len(before))
    assert seen == sorted(seen)


def test_large_values_go_along(source: Store, target: Store) -> None:
    """Aside on either side, by each side's own measure."""
    first = Entry(0, START, Kind.START, "", f'"{"x" * 2000}"', "d1", None)
    body, checksum = row_of(0, first)[2:]
    begin(source, "large", body=body, sum=checksum)
    assert len(source.records("blob")) == 1
    moved(source, target)
    assert len(target.records("blob")) == 1
    assert target.journal(opened_by(target, "large").no)[0][2] == body


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_move_that_is_cut_goes_on(side: str, *, after: bool) -> None:
    """B080: at every write of either side: never two owners, nothing lost, and it ends the same."""
    for nth in count(1):
        source, target = MemoryStore(), MemoryStore()
        furnish(source)
        before = as_they_go_on(told(source))
        cut = Cuttable(source if side == "source" else target, counter(nth), after=after)
        try:
            if side == "source":
                moved(cut, target)
            else:
                moved(source, cut)
        except Cut:
            for run in before:
                owners = [
                    store
                    for store in (source, target)
                    if (row := store.find(run)) is not None and row.status is not Status.HANDED_OFF
                ]
                assert len(owners) <= 1
            schedules = [one.key for s in (source, target) for one in s.records("schedule")]
            assert len(schedules) == len(set(schedules))
        else:
            assert nth > 4
            break
        moved(source, target)
        assert told(target) == before
        assert {row.status for row in source.runs(RunQuery(limit=99))} == {Status.HANDED_OFF}
        kinds = {kind for store in (source, target) for kind in store.kinds()}
        assert kinds == {
            *("acknowledged", "audit", "coming", "copy", "current", "queue", "schedule")
        }
        assert len(target.records("schedule")) == 2


class Growing(Layer):
    """A store in which, before the first act, a run calls another one."""

    grown = False

    def hand_all(self, acts: Sequence[Hand], *, at: int, **more: Any) -> bool:
        if not self.grown:
            self.grown = True
            begin(self.inner, "late", parent="parent")
        return self.inner.hand_all(acts, at=at, **more)


def test_a_child_that_is_started_meanwhile_goes_along(target: Store) -> None:
    """In the transaction of its caller, so that its end is told to somebody."""
    source = MemoryStore()
    furnish(source)
    moved(Growing(source), target, Choice(runs=("child",)))
    assert set(told(target)) == {"parent", "child", "late"}


class Lying(Layer):
    """A store that gives another entry than was written."""

    def slices(self, runs: Sequence[str]) -> list[Slice]:
        found = self.inner.slices(runs)
        found[-1].whole.heard = [("other", "key")]
        return found


def test_what_arrives_otherwise_is_not_begun(source: Store) -> None:
    """Nobody has it then; it goes on once the target is right."""
    target = MemoryStore()
    with pytest.raises(StoreDamaged):
        moved(source, Lying(target))
    rows = [*source.runs(RunQuery(limit=99)), *target.runs(RunQuery(limit=99))]
    assert {row.status for row in rows} == {Status.HANDED_OFF}
    before = len(told(source))
    assert moved(source, target).verified == before
    assert Status.HANDED_OFF not in {row.status for row in target.runs(RunQuery(limit=99))}


def test_a_target_that_loses_runs_is_found_out(source: Store) -> None:
    """In the end each run is looked for."""

    class Losing(Layer):
        def tenures(self, runs: Sequence[str]) -> list[Tenure]:
            found = self.inner.tenures(runs)
            if self.inner.records("schedule"):
                found[0].seq = 0
            return found

    with pytest.raises(StoreDamaged, match="lacks"):
        moved(source, Losing(MemoryStore()))


def refused(source: Store, target: Store, match: str, choice: Choice = ALL) -> None:
    """It says so, and nothing was written on either side."""
    before = [(told(store), store.kinds()) for store in (source, target)]
    with pytest.raises(MoveRefused, match=match):
        moved(source, target, choice)
    assert [(told(store), store.kinds()) for store in (source, target)] == before


def test_a_store_does_not_move_to_itself(source: Store, tmp_path: Path) -> None:
    """Nor to a copy of it."""
    refused(source, source, "one store")


def test_a_target_with_runs_of_its_own_takes_chosen_ones_alone(
    source: Store, target: Store
) -> None:
    """Nor one with schedules; and none takes a run that it has."""
    begin(target, "own")
    refused(source, target, "runs of its own")
    moved(source, target, Choice(runs=("run-done",)))
    begin(target, "asking")
    refused(source, target, "same id", Choice(query=RunQuery()))
    other = MemoryStore()
    other.write([Put(kind="schedule", key="s", body="1")], at=1)
    refused(source, other, "records of its own")


def test_one_move_at_a_time(source: Store, target: Store) -> None:
    """One that was cut is finished first, whatever the other one would be."""
    with pytest.raises(Cut):
        moved(Cuttable(source, counter(2), after=True), target)
    other = MemoryStore()
    refused(source, other, "isn't through")
    refused(target, source, "isn't through")
    moved(source, target)
    assert moved(source, target).runs == {}
    source.write([Put(kind="schedule", key="schedule1", body="1")], at=1)
    refused(source, target, "by the name 'schedule1'")


def hand_over(store: Store, run: str) -> None:
    """Have other instances have a copy of it."""
    act = Hand(run=run, version=0, seq=None, rev=None, body='{"x":1}', here=True, due=7)
    assert store.hand(act, at=1)


class Beating(Layer):
    """A store with a worker that lives."""

    def workers(self) -> list[WorkerRow]:
        self.inner.beat(1)
        return self.inner.workers()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker is taken for silent at once."""
    monkeypatch.setattr("everflow.engine.moving.checks.SILENT", 0.0)


def test_what_other_instances_know_moves_as_a_whole(source: Store, target: Store) -> None:
    """While nobody works on it; a filter finds no run that others have, too."""
    hand_over(source, "run-done")
    refused(Beating(source), target, "instance that others know")
    refused(source, target, "other instances", Choice(runs=("run-done",)))
    hand_over(source, "parent")
    with pytest.raises(MoveRefused, match="other instances"):
        moved(source, target, Choice(runs=("child",)))
    assert opened_by(source, "child").status is not Status.HANDED_OFF
    moved(source, target)
    (there,) = target.tenures(["run-done"])
    assert there.body == '{"x":1}'
    assert [one.due for one in target.records("tenure", keys=["run-done"])] == [7]
    assert source.tenures(["run-done"])[0].version == 0


def test_copies_of_others_runs_go_along(target: Store) -> None:
    """With who has them; one that isn't whole stays, and is named."""
    source, owner = MemoryStore(), MemoryStore()
    scribe = Scribe(owner)
    row = begin(owner, "a", owner=scribe.id)
    scribe.write(
        entries=[entry(row.no, 1)], opened=[opened(row)], changes=[standing(row, Status.SUSPENDED)]
    )
    for name, kept in (("a", None), ("b", (1, 0))):
        if name == "b":
            begin(owner, "b")
        add = owner.slice(name, 0)
        act = Hand(run=name, version=0, seq=0, rev=0, body="{}", here=False, holder="P", add=add)
        source.hand(act, at=1)
        if kept is not None:
            cut = Hand(run=name, version=None, seq=None, rev=None, body="{}", here=False, keep=kept)
            source.hand(cut, at=1)
            part = Hand(
                run=name, version=None, seq=None, rev=None, body="{}", here=False, drop=True
            )
            source.hand(part, at=1)
    report = moved(source, target)
    assert report.runs == {"handed_off": 1}
    assert report.left == {"b": "only a part of a copy is here"}
    there = opened_by(target, "a")
    assert (there.status, there.until) == (Status.HANDED_OFF, "P")
    assert target.slice("a", 0).whole.questions[0].tag == "t"
    assert opened_by(source, "a").until == "P"
    assert moved(source, target).runs == {}


def test_a_run_that_moved_on_is_found_by_whoever_asks(source: Store, target: Store) -> None:
    """A store that moves as a whole takes along where its former runs are."""
    last = MemoryStore()
    moved(source, target, Choice(runs=("asking",)))
    moved(source, last)
    for store in (source, last):
        assert opened_by(store, "asking").until == target.info().place
    assert opened_by(target, "asking").status is Status.QUEUED


def test_calls_of_peers_keep_runs_here(source: Store, target: Store) -> None:
    """Chosen runs don't go while a peer waits, or is waited for."""
    source.write([Put(kind="errand", key="x", body="{}")], at=1)
    refused(source, target, "calls of peers", Choice(runs=("run-done",)))


def test_queues_admit_nobody_meanwhile(source: Store, target: Store) -> None:
    """Neither side, whatever the other one has placed; who was paused before stays so."""
    source.write([Put(kind="pause", key="queue:queue1", body='{"by":"ann"}')], at=1)
    with pytest.raises(Cut):
        moved(source, Cuttable(target, counter(6), after=True))
    for store in (source, target):
        assert {one.key for one in store.records("pause")} == {
            *("queue:q", "queue:queue1", "queue:queue2")
        }
    moved(source, target)
    assert [one.key for one in target.records("pause")] == ["queue:queue1"]


def test_a_target_that_may_not_be_written_is_told_of_first(source: Store) -> None:
    """The source is as it was."""

    class Locked(Layer):
        def write(self, puts: Sequence[Put], **more: Any) -> None:
            raise StoreReadOnly("it may only be read")

    before = told(source), source.kinds()
    with pytest.raises(StoreReadOnly):
        moved(source, Locked(MemoryStore()))
    assert (told(source), source.kinds()) == before


def test_what_was_set_aside_of_runs_goes_with_its_values(target: Store) -> None:
    """And queues that are no more at the source are none at the target."""
    source, pause = MemoryStore(), Put(kind="pause", key="queue:old", body="1")
    furnish(source)
    source.write([Put(kind=kind, key="x", body="1") for kind in ("branch", "blob")], at=1)
    target.write([pause], at=1)
    moved(source, target)
    assert [one.key for one in target.records("branch")] == ["x"]
    assert [one.key for one in target.records("blob")] == ["x"]
    assert target.records("pause") == []


class Busy(Layer):
    """A store in which a record is written right before it would be taken along."""

    once = True

    def write(self, puts: Sequence[Put], *, at: int, **more: Any) -> list[RunRow] | None:
        if self.once and any(put.kind == "schedule" for put in puts):
            self.once = False
            self.inner.write([Put(kind="schedule", key="schedule1", body='"later"')], at=at)
        return self.inner.write(puts, at=at, **more)


def test_a_record_that_is_written_meanwhile_goes_as_it_is_then(target: Store) -> None:
    """Nothing of it is lost."""
    source = MemoryStore()
    furnish(source)
    moved(Busy(source), target)
    assert [one.body for one in target.records("schedule")] == ['"later"', '"2"']


class Restless(Layer):
    """A store in which who waits for whom always changes."""

    def hand_all(self, acts: Sequence[Hand], *, at: int, **more: Any) -> bool:
        return False


def test_a_store_that_never_comes_to_rest_is_told_of(source: Store) -> None:
    """After so many tries; nothing has moved."""
    with pytest.raises(StoreUnavailable, match="changed 50 times"):
        moved(Restless(source), MemoryStore(), Choice(runs=("asking",)))
    assert opened_by(source, "asking").status is Status.SUSPENDED
