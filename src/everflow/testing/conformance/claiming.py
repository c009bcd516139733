"""Claiming: what there is to do, for whom, and when."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec import structs

from everflow.errors import Fenced
from everflow.store import ACTIVE, OUTCOMES, Arrival, Letter, RunRow, Status, Store, Verdict
from everflow.testing.conformance.base import (
    HOUR,
    START,
    Hooks,
    Scribe,
    answer,
    begin,
    cancel,
    early,
    opened,
    standing,
)

RESTING = [Status.SUSPENDED, Status.WAITING]


def runs(store: Store, rows: Sequence[RunRow]) -> list[RunRow]:
    """The same runs as they are now."""
    return store.rows([row.no for row in rows])


def freed(store: Store, name: str, status: Status = Status.QUEUED, **changes: object) -> RunRow:
    """A run of that standing that nobody owns."""
    scribe = Scribe(store)
    row = scribe.run(name, status, **changes)
    store.retire(scribe.id)
    return store.rows([row.no])[0]


def claimed(store: Store, taker: Scribe, *, now: int = START, **changes: int) -> list[str]:
    """The ids that the taker gets."""
    limit = changes.get("limit", 100)
    return [row.id for row in store.claim(taker.id, now=now, limit=limit)]


class ClaimRules(Hooks):
    """`claim`."""

    def test_a_queued_run_is_taken(self, store: Store) -> None:
        """The row is given as it was; in the store it has its owner."""
        row = begin(store, "a")
        taker = Scribe(store)
        assert store.claim(taker.id, now=START, limit=1) == [row]
        row.owner = taker.id
        assert store.rows([row.no]) == [row]

    def test_a_run_is_taken_once(self, store: Store) -> None:
        """Neither another worker nor the taker gets it again."""
        begin(store, "a")
        one, two = Scribe(store), Scribe(store)
        assert claimed(store, one) == ["a"]
        assert claimed(store, two) == []
        assert claimed(store, one) == []

    @pytest.mark.parametrize("status", sorted(ACTIVE))
    def test_an_active_run_of_a_gone_worker_is_taken(self, store: Store, status: Status) -> None:
        """B080: the taker sees whose it was."""
        dead, taker = Scribe(store), Scribe(store)
        row = dead.run("a", status)
        assert claimed(store, taker) == []
        store.depose(dead.id, 1)
        assert store.claim(taker.id, now=START, limit=10) == [row]
        assert row.owner == dead.id

    def test_the_owner_is_looked_up_whoever_it_is(self, store: Store) -> None:
        """A run whose owner was never enlisted has no living owner."""
        begin(store, "a", owner=999)
        assert claimed(store, Scribe(store)) == ["a"]

    @pytest.mark.parametrize("status", sorted(ACTIVE))
    def test_an_active_run_without_owner_is_taken(self, store: Store, status: Status) -> None:
        """Queued, running, cancelling."""
        freed(store, "a", status)
        assert claimed(store, Scribe(store)) == ["a"]

    @pytest.mark.parametrize("status", RESTING)
    def test_a_resting_run_with_nothing_to_do_rests(self, store: Store, status: Status) -> None:
        """No timer, no message: a suspended run costs nothing."""
        freed(store, "a", status)
        assert claimed(store, Scribe(store)) == []

    @pytest.mark.parametrize("status", RESTING)
    def test_a_resting_run_is_taken_when_due(self, store: Store, status: Status) -> None:
        """At its time, not a microsecond before."""
        freed(store, "a", status, due=START + HOUR)
        taker = Scribe(store)
        assert claimed(store, taker, now=START + HOUR - 1) == []
        assert claimed(store, taker, now=START + HOUR) == ["a"]

    @pytest.mark.parametrize("status", RESTING)
    def test_a_resting_run_is_taken_for_a_message(self, store: Store, status: Status) -> None:
        """Answers, early answers and cancels alike, also when its worker is gone."""
        dead = Scribe(store)
        rows = [dead.run(name, status) for name in "abc"]
        dead.write(opened=[opened(rows[0])])
        store.accept([answer(rows[0]), early(rows[1]), cancel(rows[2])])
        taker = Scribe(store)
        assert claimed(store, taker) == []
        store.depose(dead.id, 1)
        assert claimed(store, taker) == ["a", "b", "c"]

    @pytest.mark.parametrize("until", ["code", "store"])
    def test_a_blocked_run_is_tried_again(self, store: Store, until: str) -> None:
        """B065: until code or store is a reason that may have gone."""
        freed(store, "a", Status.BLOCKED, until=until, reason="why")
        assert claimed(store, Scribe(store)) == ["a"]

    def test_a_run_blocked_until_the_operator_is_left(self, store: Store) -> None:
        """Neither a timer nor a message wakes it, but a cancel."""
        row = freed(store, "a", Status.BLOCKED, until="operator", reason="why", due=START)
        taker = Scribe(store)
        store.accept([early(row)])
        assert claimed(store, taker) == []
        store.accept([cancel(row)])
        assert claimed(store, taker) == ["a"]

    @pytest.mark.parametrize("status", sorted(OUTCOMES))
    def test_an_ended_run_is_never_taken(self, store: Store, status: Status) -> None:
        """No timer and no message counts, not even a cancel."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.accept([early(row), cancel(row)])
        ids = [arrival.id for arrival in store.load([row.no])[0].arrivals]
        scribe.write(changes=[standing(row, status, due=START)], arrivals=ids[1:])
        store.retire(scribe.id)
        assert store.rows([row.no])[0].status is status
        assert claimed(store, Scribe(store)) == []

    def test_a_cancel_ends_a_pause(self, store: Store) -> None:
        """So that somebody takes the run and ends it, whoever sent the cancel, and how."""
        rows = [freed(store, name, Status.PAUSED, reason="why") for name in "ab"]
        assert store.accept([cancel(rows[0])]) == [Verdict.ACCEPTED]
        letter = Letter(run="b", message=structs.replace(cancel(rows[1]), no=0))
        store.write([], at=START, letters=[letter])
        assert [(row.status, row.reason) for row in runs(store, rows)] == [(Status.QUEUED, "")] * 2
        assert claimed(store, Scribe(store)) == ["a", "b"]

    def test_a_run_isn_t_paused_after_its_cancel(self, store: Store) -> None:
        """Its owner may not know of the cancel yet."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.accept([cancel(row)])
        scribe.write(changes=[standing(row, Status.PAUSED, reason="why")])
        (after,) = runs(store, [row])
        assert (after.status, after.reason) == (Status.QUEUED, "")

    def test_an_imported_run_is_not_taken_for_a_cancel(self, store: Store) -> None:
        """A copy of production must not act, whatever it brings along."""
        row = freed(store, "a")
        store.accept([cancel(row)])
        whole = store.export(row.no)
        paused = structs.replace(whole.row, id="b", status=Status.PAUSED)
        store.install([structs.replace(whole, row=paused)], [])
        assert claimed(store, Scribe(store)) == ["a"]

    def test_definitions_that_are_missing_here_are_left(self, store: Store) -> None:
        """Another worker may have the code."""
        store.start([])
        for name, definition in (("a", "d1"), ("b", "d2"), ("c", "d'3")):
            begin(store, name, definition=definition)
        one, two = Scribe(store), Scribe(store)
        taken = store.claim(one.id, now=START, limit=9, without=["d2", "d'3", "other"])
        assert [row.id for row in taken] == ["a"]
        assert claimed(store, two) == ["b", "c"]

    def test_the_oldest_are_taken_first(self, store: Store) -> None:
        """By creation, then by number, as many as asked for."""
        for name, at in (("d", 4), ("b", 2), ("a", 1), ("c", 2)):
            begin(store, name, at=START + at)
        taker = Scribe(store)
        assert claimed(store, taker, limit=0) == []
        assert claimed(store, taker, limit=3) == ["a", "b", "c"]
        assert claimed(store, taker, limit=3) == ["d"]

    def test_a_gone_worker_claims_nothing(self, store: Store) -> None:
        """Nor does one that never enlisted."""
        row = begin(store, "a")
        dead = Scribe(store)
        store.depose(dead.id, 1)
        for worker in (dead.id, 999):
            with pytest.raises(Fenced):
                store.claim(worker, now=START, limit=1)
        assert store.rows([row.no]) == [row]

    def test_a_released_run_is_taken_by_another(self, store: Store) -> None:
        """Given back is free."""
        begin(store, "a")
        one, two = Scribe(store), Scribe(store)
        (row,) = store.claim(one.id, now=START, limit=1)
        store.release(one.id, [row.no])
        assert claimed(store, two) == ["a"]


class ArrivalRules(Hooks):
    """`owned`, `arrivals`, `due` and `next_due`: what concerns a worker's own runs."""

    def test_a_worker_knows_what_it_has_to_do(self, store: Store) -> None:
        """What others would claim if it were gone, not what is theirs; nothing of a gone one."""
        one, two = Scribe(store), Scribe(store)
        late = begin(store, "late", owner=one.id, at=START + 9)
        runs = one.run("a"), one.run("b", Status.CANCELLING), one.run("c", Status.SUSPENDED)
        blocked = one.run("d", Status.BLOCKED, until="code")
        for status in (Status.SUSPENDED, Status.WAITING, Status.PAUSED, Status.DONE):
            one.run(f"no-{status}", status, due=START)
        one.run("aside", Status.BLOCKED, until="operator")
        begin(store, "leased", owner=one.id, leased=True)
        begin(store, "free")
        two.run("others")
        store.accept([early(runs[2])])
        assert store.owned(one.id) == [*(row.no for row in (*runs, blocked)), late.no]
        store.retire(one.id)
        assert store.owned(one.id) == []

    def test_a_worker_hears_of_its_own_runs(self, store: Store) -> None:
        """With the message as it was given."""
        one, two = Scribe(store), Scribe(store)
        mine, other = one.run("a"), two.run("b")
        free = begin(store, "c")
        store.accept([early(mine), early(other), early(free), cancel(mine)])
        got = store.arrivals(one.id, after=0, limit=10)
        assert [(arrival.no, arrival.message) for arrival in got] == [
            (mine.no, early(mine)),
            (mine.no, cancel(mine)),
        ]

    def test_arrivals_are_paged_by_their_id(self, store: Store) -> None:
        """Oldest first, nothing twice, nothing left out."""
        scribe = Scribe(store)
        rows = [scribe.run(f"r{i}") for i in range(3)]
        store.accept([early(row, str(i)) for i in range(5) for row in rows])
        seen: list[Arrival] = []
        for _ in range(5):
            page = store.arrivals(scribe.id, after=seen[-1].id if seen else 0, limit=4)
            assert len(page) <= 4
            seen += page
        assert [arrival.id for arrival in seen] == sorted({arrival.id for arrival in seen})
        assert len(seen) == 15

    def test_a_claimed_run_brings_its_old_messages(self, store: Store) -> None:
        """They are in its load, whatever page the worker has read."""
        row = begin(store, "a")
        store.accept([early(row)])
        taker = Scribe(store)
        mine = taker.run("b")
        store.accept([early(mine)])
        (last,) = store.arrivals(taker.id, after=0, limit=10)
        store.claim(taker.id, now=START, limit=1)
        assert store.arrivals(taker.id, after=last.id, limit=10) == []
        assert [arrival.message for arrival in store.load([row.no])[0].arrivals] == [early(row)]

    def test_no_arrivals_for_a_limit_of_none(self, store: Store) -> None:
        """Nor for a worker that owns nothing."""
        scribe = Scribe(store)
        store.accept([early(scribe.run("a"))])
        assert store.arrivals(scribe.id, after=0, limit=0) == []
        assert store.arrivals(999, after=0, limit=10) == []

    def test_due_runs_come_earliest_first(self, store: Store) -> None:
        """Then by number; those due by now, as many as asked for."""
        scribe = Scribe(store)
        late = scribe.run("a", Status.WAITING, due=START + 30)
        soon = scribe.run("b", Status.SUSPENDED, due=START + 10)
        same = scribe.run("c", Status.CANCELLING, due=START + 10)  # an undo may wait as well
        never = scribe.run("d", Status.WAITING)
        assert never.due is None
        assert store.due(scribe.id, now=START + 9, limit=9) == []
        assert store.due(scribe.id, now=START + 10, limit=9) == sorted([soon.no, same.no])
        assert store.due(scribe.id, now=START + 99, limit=2) == sorted([soon.no, same.no])
        assert store.due(scribe.id, now=START + 99, limit=9)[2:] == [late.no]
        assert store.due(scribe.id, now=START + 99, limit=0) == []

    def test_due_is_for_ones_own_resting_runs(self, store: Store) -> None:
        """Neither another worker's, nor active, paused, blocked or ended ones."""
        one, two = Scribe(store), Scribe(store)
        two.run("a", Status.WAITING, due=START)
        for status in sorted(set(Status) - set(RESTING) - {Status.CANCELLING}):
            one.run(status, status, due=START)
        assert store.due(one.id, now=START, limit=99) == []
        assert store.next_due(one.id) is None
        assert store.next_due(two.id) == START

    def test_the_next_timer_of_nobody_s_runs(self, store: Store) -> None:
        """Of those without a living owner, as told of worker 0; leased ones are their lender's."""
        one, two = Scribe(store), Scribe(store)
        assert store.next_due(0) is None
        one.run("a", Status.WAITING, due=START + 3)
        row = two.run("b", Status.SUSPENDED, due=START + 2)
        lent = begin(store, "c", status=Status.RUNNING, owner=two.id, leased=True)
        two.write(changes=[standing(lent, Status.WAITING, due=START + 1)])
        assert store.next_due(0) is None
        store.release(two.id, [row.no, lent.no])
        assert store.next_due(0) == START + 2
        store.depose(one.id, 1)
        assert store.next_due(0) == START + 2
        assert [run.id for run in store.claim(two.id, now=START + 2, limit=9)] == ["b"]
        assert store.next_due(0) == START + 3
        store.retire(two.id)
        assert store.next_due(0) == START + 2

    def test_the_next_timer_is_the_earliest(self, store: Store) -> None:
        """Passed or to come; none when nothing waits for one."""
        scribe = Scribe(store)
        assert store.next_due(scribe.id) is None
        row = scribe.run("a", Status.WAITING, due=START + HOUR)
        other = scribe.run("b", Status.SUSPENDED, due=START - HOUR)
        assert store.next_due(scribe.id) == START - HOUR
        scribe.write(changes=[standing(other, Status.RUNNING, due=None)])
        assert store.next_due(scribe.id) == START + HOUR
        store.release(scribe.id, [row.no])
        assert store.next_due(scribe.id) is None
