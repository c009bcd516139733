"""Runs of queues: claimed only once they have their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from everflow.core.queueing import Limits, Standing
from everflow.store import OUTCOMES, Cancel, LaneRow, Letter, Put, Released, RunQuery, Status, Store
from everflow.testing.conformance.base import (
    START,
    Hooks,
    Scribe,
    begin,
    cancel,
    new_run,
    standing,
)


def taken(store: Store, scribe: Scribe) -> list[str]:
    """What the scribe gets by a claim."""
    return [row.id for row in store.claim(scribe.id, now=START, limit=9)]


class QueueRules(Hooks):
    """The columns of queues, `claim`, and `write`'s `admit`."""

    def test_a_run_bears_its_place(self, store: Store, place: Path) -> None:
        """Queue, lane, priority and admission, over a restart."""
        row = begin(store, "a", queue="mails", lane="ann", priority=-3, admitted=START)
        assert (row.queue, row.lane, row.priority, row.admitted) == ("mails", "ann", -3, START)
        later = self.reopen(store, place)
        assert later.find("a") == row
        later.close()

    def test_a_waiting_run_isnt_claimed(self, store: Store) -> None:
        """Until it is admitted; the rest of the store goes on."""
        scribe = Scribe(store)
        row = begin(store, "a", queue="mails")
        begin(store, "b", queue="mails", admitted=START)
        begin(store, "c")
        assert taken(store, scribe) == ["b", "c"]
        assert store.write([], at=START + 5, admit=[row.no]) == []
        assert store.rows([row.no])[0].admitted == START + 5
        assert taken(store, scribe) == ["a"]

    def test_a_waiting_run_can_be_cancelled(self, store: Store) -> None:
        """It needs no place for that."""
        scribe = Scribe(store)
        row = begin(store, "a", queue="mails")
        store.accept([cancel(row)])
        assert taken(store, scribe) == ["a"]

    def test_a_cancelled_run_that_is_adopted_needs_none_either(self, store: Store) -> None:
        """Its cancel is in the journal, and it was set aside before it ended."""
        scribe = Scribe(store)
        row = begin(store, "a", queue="mails")
        store.accept([cancel(row)])
        assert taken(store, scribe) == ["a"]
        applied = [arrival.id for arrival in store.arrivals(scribe.id, after=0, limit=9)]
        aside = standing(row, Status.BLOCKED, until="operator")
        scribe.write(arrivals=applied, changes=[aside], released=[Released(row.no)])
        assert taken(store, scribe) == []
        assert store.adopt([row.no]) == [True]
        assert taken(store, scribe) == ["a"]

    def test_an_admission_leaves_others_alone(self, store: Store) -> None:
        """Of no queue, admitted already, ended, or not there at all."""
        scribe = Scribe(store)
        none, old = begin(store, "a"), begin(store, "b", queue="q", admitted=START)
        ends = [
            scribe.run(status, status) if status is Status.DONE else begin(store, status, queue="q")
            for status in sorted(OUTCOMES)
        ]
        scribe.write(changes=[standing(row, Status(row.id)) for row in ends])
        before = store.runs(RunQuery())
        nos = [none.no, old.no, 99_999, *(row.no for row in ends)]
        assert store.write([], at=START + 5, admit=nos) == []
        assert store.runs(RunQuery()) == before

    def test_an_admission_is_guarded_by_a_record(self, store: Store) -> None:
        """Of two who saw the same, one admits."""
        one, two = begin(store, "a", queue="q"), begin(store, "b", queue="q")
        store.write([Put(kind="queue", key="q", body="{}")], at=START)
        version = store.records("queue")[0].version
        guard = [Put(kind="queue", key="q", body="{}", expect=version)]
        assert store.write(guard, at=START, admit=[one.no]) == []
        assert store.write(guard, at=START, admit=[two.no]) is None
        assert [row.admitted for row in store.rows([one.no, two.no])] == [START, None]

    def test_a_run_that_is_told_something_as_it_starts_bears_it(self, store: Store) -> None:
        """What the write gives is the row as it is after all of it."""
        letter = Letter(run="a", message=Cancel(no=0, at=START))
        rows = store.write([], at=START, starts=[new_run("a", queue="q")], letters=[letter]) or []
        assert [row.cancel for row in rows] == [True]
        assert store.rows([rows[0].no]) == rows

    def test_runs_are_found_by_their_queue(self, store: Store) -> None:
        """And counted."""
        begin(store, "a", queue="q")
        begin(store, "b")
        assert [row.id for row in store.runs(RunQuery(queue="q"))] == ["a"]
        assert store.count(RunQuery(queue="q")) == {Status.QUEUED: 1}
        assert [row.id for row in store.runs(RunQuery(queue=""))] == ["b"]


def seen(store: Store, queue: str = "q", **changes: Any) -> Standing:
    """How a queue stands, as one look at most of it sees it."""
    look = {"now": START, "lanes": 9, "depth": 9} | changes
    given = {name: look.pop(name) for name in changes if name in Limits.__struct_fields__}
    return store.places(queue, Limits(**given), **look)


def lanes(standing: Standing) -> list[tuple[str, int, list[int]]]:
    """Its lanes, with the priorities of those that wait."""
    return [
        (lane.name, lane.placed, [run.priority for run in lane.waiting]) for lane in standing.lanes
    ]


class PlaceRules(Hooks):
    """`places`, `waiting` and `lanes`: counted from the rows of runs."""

    def test_an_empty_queue_stands_empty(self, store: Store) -> None:
        """Other queues, and runs of none, aren't seen."""
        begin(store, "a", queue="other")
        begin(store, "b")
        assert seen(store) == Standing(placed=0, recent=0, oldest=None, lanes=[])
        assert store.waiting() == ["other"]

    @pytest.mark.parametrize("status", sorted(Status))
    def test_a_place_is_held_until_the_end(self, store: Store, status: Status) -> None:
        """At rest, parked and in trouble too."""
        scribe = Scribe(store)
        row = begin(store, "a", queue="q", lane="x", admitted=START, owner=scribe.id)
        scribe.write(changes=[standing(row, status)])
        held = status not in OUTCOMES
        assert seen(store).placed == held
        wanted = [LaneRow(queue="q", lane="x", waiting=0, placed=1)] if held else []
        assert store.lanes("q") == wanted
        assert store.waiting() == []

    @pytest.mark.parametrize("status", sorted(set(Status) - {Status.QUEUED}))
    def test_only_a_queued_run_waits(self, store: Store, status: Status) -> None:
        """A paused one isn't admitted."""
        scribe = Scribe(store)
        row = begin(store, "a", queue="q", owner=scribe.id)
        scribe.write(changes=[standing(row, status)])
        assert (seen(store).lanes, store.waiting(), store.lanes()) == ([], [], [])

    def test_a_cancelled_run_waits_for_nothing(self, store: Store) -> None:
        """It needs no place to end."""
        store.accept([cancel(begin(store, "a", queue="q"))])
        assert (seen(store).lanes, store.waiting()) == ([], [])

    def test_the_first_of_each_lane_come_first(self, store: Store) -> None:
        """By priority, then by when they were created."""
        for name, at, priority in (("a", 3, 0), ("b", 2, 0), ("c", 9, 5), ("d", 1, -1)):
            begin(store, name, queue="q", lane="x", at=at, priority=priority)
        (lane,) = seen(store).lanes
        nos = [run.no for run in lane.waiting]
        assert [row.id for row in store.rows(nos)] == ["c", "b", "a", "d"]
        assert next((run.priority, run.created) for run in lane.waiting) == (5, 9)
        (short,) = seen(store, depth=2).lanes
        assert short.waiting == lane.waiting[:2]

    def test_lanes_come_in_the_order_of_their_turns(self, store: Store) -> None:
        """By the priority of their first runs, then fewest places, then who came first."""
        begin(store, "p", queue="q", lane="busy", admitted=START)
        for lane, at, priority in (("busy", 1, 0), ("late", 3, 0), ("soon", 2, 0), ("high", 9, 1)):
            begin(store, lane, queue="q", lane=lane, at=at, priority=priority)
        wanted = [("high", 0, [1]), ("soon", 0, [0]), ("late", 0, [0]), ("busy", 1, [0])]
        assert lanes(seen(store)) == wanted
        assert lanes(seen(store, lanes=2)) == wanted[:2]
        assert lanes(seen(store, per_lane=1)) == wanted[:3]
        assert lanes(seen(store, per_lane=2)) == wanted

    def test_recent_admissions_are_counted(self, store: Store) -> None:
        """Of ended runs too; the oldest among them is told."""
        scribe = Scribe(store)
        for name, admitted in (("a", 5), ("b", 6), ("c", 7)):
            begin(store, name, queue="q", admitted=admitted)
        row = begin(store, "d", queue="q", admitted=8, owner=scribe.id)
        scribe.write(changes=[standing(row, Status.DONE)])
        found = seen(store, now=9, rate=(1, 4))
        assert (found.placed, found.recent, found.oldest) == (3, 3, 6)
        later = seen(store, now=12, rate=(1, 4))
        assert (later.recent, later.oldest) == (0, None)

    def test_recent_admissions_of_a_lane_are_counted(self, store: Store) -> None:
        """A lane whose rate is used up is left out; when it may go on is told."""
        scribe = Scribe(store)
        for lane, admitted in (("x", 5), ("x", 6), ("x", 7), ("y", 3), ("y", 6), ("z", 6)):
            name = f"{lane}{admitted}"
            row = begin(store, name, queue="q", lane=lane, admitted=admitted, owner=scribe.id)
            scribe.write(changes=[standing(row, Status.DONE)])
        for lane in "wxyz":
            begin(store, lane, queue="q", lane=lane, at=ord(lane))
        free = [(lane.name, lane.recent) for lane in seen(store, now=8).lanes]
        assert free == [("w", 0), ("x", 0), ("y", 0), ("z", 0)]
        found = seen(store, now=8, rate_per_lane=(2, 4))
        assert [(lane.name, lane.recent) for lane in found.lanes] == [("w", 0), ("y", 1), ("z", 1)]
        assert (found.held, found.recent, found.oldest) == (6, 0, None)
        one = seen(store, now=8, rate_per_lane=(1, 4))
        assert ([lane.name for lane in one.lanes], one.held) == (["w"], 6)

    def test_a_lane_without_a_free_place_is_held_by_no_rate(self, store: Store) -> None:
        """No time sets it free, but the end of a run."""
        for name, admitted in (("a", 5), ("b", None)):
            begin(store, name, queue="q", lane="x", admitted=admitted)
        found = seen(store, now=6, per_lane=1, rate_per_lane=(1, 9))
        assert (found.lanes, found.held) == ([], None)

    def test_lanes_are_counted(self, store: Store) -> None:
        """Of one queue, or of all."""
        begin(store, "a", queue="q", lane="x")
        begin(store, "b", queue="q", lane="x", admitted=START)
        begin(store, "c", queue="p")
        one = LaneRow(queue="q", lane="x", waiting=1, placed=1)
        two = LaneRow(queue="p", lane="", waiting=1, placed=0)
        assert store.lanes("q") == [one]
        assert store.lanes() == [two, one]
        assert store.waiting() == ["p", "q"]
