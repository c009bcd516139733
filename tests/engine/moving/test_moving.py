"""Moves of runs, live ones included, from one store to another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from everflow import RunQuery
from everflow.core.entries import Entry, Kind, row_of
from everflow.engine.moving import Choice
from everflow.engine.operating.retaining import retain
from everflow.engine.records.retentions import Let, let_of
from everflow.errors import (
    NoSuchRun,
    StoreDamaged,
)
from everflow.store import Hand, Put, Retention, Slice, Status, Store, Tenure, Verdict
from everflow.stores.layer import Layer
from everflow.stores.memory import MemoryStore
from everflow.testing.conformance.base import (
    START,
    Scribe,
    answer,
    begin,
    entry,
    standing,
)
from tests.engine.moved import (
    Cut,
    Cuttable,
    as_they_go_on,
    counter,
    furnish,
    moved,
    opened_by,
    told,
)


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


def test_what_the_target_let_go_of_is_not_missed(target: Store) -> None:
    """Later moves go on; a run that went in any other way is missed."""
    source = MemoryStore()
    scribe = Scribe(source)
    ended, live = scribe.run("ended"), scribe.run("live")
    scribe.write(changes=[standing(ended, Status.DONE, ended=START)])
    moved(source, target, Choice(runs=("ended",)))
    target.let_go(Retention(before=START + 1))
    with pytest.raises(StoreDamaged, match="lacks a run"):
        moved(source, target, Choice(runs=("live",)))
    retain(target, before=START + 1, at=START + 2)
    assert moved(source, target, Choice(runs=("live",))).verified == 1
    assert opened_by(target, live.id).status is Status.QUEUED


def test_a_store_that_let_runs_go_moves_like_any_other(target: Store) -> None:
    """With its workers at work; who asks the target for such a run is told so, and back again."""
    source = MemoryStore()
    furnish(source)
    retain(source, before=START + 1, at=START + 2)
    moved(source, target)
    assert let_of(target) == Let(START + 1, START + 2)
    retain(target, before=START + 3, at=START + 4)
    moved(target, source)
    assert let_of(source) == Let(START + 3, START + 4)
    moved(source, target)
