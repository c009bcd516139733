"""Leased runs: they are left to the worker whose process holds their lease."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from everflow.store import RunRow, Status, Store
from everflow.testing.conformance.base import (
    HOUR,
    START,
    Hooks,
    Scribe,
    begin,
    cancel,
    standing,
)


def freed(store: Store, name: str, status: Status, **changes: object) -> RunRow:
    """A leased run of that standing that nobody owns."""
    scribe = Scribe(store)
    row = begin(store, name, status=Status.RUNNING, owner=scribe.id, leased=True)
    scribe.write(changes=[standing(row, status, **changes)])
    store.retire(scribe.id)
    return store.rows([row.no])[0]


def taken(store: Store, taker: Scribe, leased: Sequence[int], *, now: int = START) -> list[str]:
    """The ids that the taker gets."""
    return [row.id for row in store.claim(taker.id, now=now, limit=9, leased=leased)]


class LeaseRules(Hooks):
    """`claim`, `due` and `next_due` of runs that are leased."""

    def test_a_run_says_that_it_is_leased(self, store: Store) -> None:
        """As it was started."""
        rows = [begin(store, "a", leased=True), begin(store, "b")]
        assert [row.leased for row in rows] == [True, False]
        assert store.rows([row.no for row in rows]) == rows

    @pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.CANCELLING])
    def test_a_leased_run_is_taken_where_its_lease_is(self, store: Store, status: Status) -> None:
        """No other worker meets it, whatever there is to do."""
        row, other = freed(store, "a", status), begin(store, "b")
        taker = Scribe(store)
        assert taken(store, taker, []) == ["b"]
        assert taken(store, taker, [other.no]) == []
        assert taken(store, taker, [row.no]) == ["a"]
        assert store.rows([row.no])[0].owner == taker.id
        assert taken(store, taker, [row.no]) == []

    def test_it_is_taken_when_there_is_something_to_do(self, store: Store) -> None:
        """As any other: by a timer, a message, or when it has its place."""
        resting = freed(store, "a", Status.WAITING, due=START + HOUR)
        asked = freed(store, "b", Status.SUSPENDED)
        queued = begin(store, "c", leased=True, queue="q")
        ended = freed(store, "d", Status.DONE)
        taker, all_of_them = Scribe(store), [r.no for r in (resting, asked, queued, ended)]
        assert taken(store, taker, all_of_them) == []
        store.accept([cancel(asked)])
        assert taken(store, taker, all_of_them) == ["b"]
        store.write([], at=START, admit=[queued.no])
        assert taken(store, taker, all_of_them) == ["c"]
        assert taken(store, taker, [], now=START + HOUR) == []
        assert taken(store, taker, all_of_them, now=START + HOUR) == ["a"]

    def test_a_cancel_of_a_leased_run_waits_for_its_lease(self, store: Store) -> None:
        """Also where its code isn't."""
        row = freed(store, "a", Status.QUEUED)
        taker, without = Scribe(store), [row.definition]
        assert store.claim(taker.id, now=START, limit=9, without=without, leased=[row.no]) == []
        store.accept([cancel(row)])
        assert store.claim(taker.id, now=START, limit=9, without=without) == []
        found = store.claim(taker.id, now=START, limit=9, without=without, leased=[row.no])
        assert [one.id for one in found] == ["a"]

    def test_its_timers_are_its_owners(self, store: Store) -> None:
        """Beside those of its other runs, by time."""
        taker = Scribe(store)
        one = begin(store, "a", status=Status.RUNNING, owner=taker.id, leased=True)
        two = begin(store, "b", status=Status.RUNNING, owner=taker.id)
        taker.write(changes=[standing(one, Status.WAITING, due=START + 2)])
        assert store.next_due(taker.id) == START + 2
        taker.write(changes=[standing(two, Status.WAITING, due=START + 1)])
        assert store.next_due(taker.id) == START + 1
        assert store.due(taker.id, now=START + 2, limit=9) == [two.no, one.no]
        assert store.due(taker.id, now=START + 2, limit=1) == [two.no]

    def test_a_copy_is_not_leased(self, store: Store) -> None:
        """Whoever imports a run holds no lease of it."""
        whole = store.export(freed(store, "a", Status.QUEUED).no)
        whole.row.id = "b"
        store.install([whole], [])
        found = store.find("b")
        assert found is not None
        assert not found.leased
