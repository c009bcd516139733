"""What a move refuses before it writes anything, and what it does about others at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from everflow import RunQuery
from everflow.engine.moving import Choice
from everflow.engine.records.flights import DOUBT
from everflow.errors import (
    MoveRefused,
    StoreReadOnly,
    StoreUnavailable,
)
from everflow.store import Hand, Put, RunRow, Status, Store, WorkerRow
from everflow.stores.layer import Layer
from everflow.stores.memory import MemoryStore
from everflow.testing.conformance.base import (
    Scribe,
    begin,
    entry,
    opened,
    standing,
)
from tests.engine.moved import (
    ALL,
    Cut,
    Cuttable,
    counter,
    furnish,
    moved,
    opened_by,
    told,
)


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


def test_chosen_runs_may_go_before_the_rest_of_a_cut_move(source: Store, target: Store) -> None:
    """What was begun as a whole is ended as one."""
    before = len(told(source))
    with pytest.raises(Cut):
        moved(source, Cuttable(target, counter(8), after=True))
    moved(source, target, Choice(runs=("run-done",)))
    assert moved(source, target).verified == before


def test_what_is_doubted_at_the_target_is_no_record_of_its_own(
    source: Store, target: Store
) -> None:
    """Runs that were chosen went on there, and their worker died: the rest moves all the same."""
    moved(source, target, Choice(runs=("run-done",)))
    target.write([Put(kind=DOUBT, key="1", body="1")], at=1)
    assert moved(source, target).verified


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
