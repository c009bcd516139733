"""Releasing with a batch: runs that go to others, since the worker's code doesn't fit them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from everflow.store import (
    ORDERS,
    Cancel,
    Released,
    RunRow,
    Status,
    Store,
    UpgradeTo,
    Verdict,
)
from everflow.testing.conformance.base import START, Hooks, Scribe, cancel, early, standing

BLOCKED = {"until": "code", "reason": "why"}


def claims(
    store: Store, worker: Scribe, *, code: int = 0, without: Sequence[str] = ()
) -> list[str]:
    """The ids that a worker with that code gets."""
    taken = store.claim(worker.id, now=START, limit=100, without=without, code=code)
    return [row.id for row in taken]


def gives_back(worker: Scribe, row: RunRow, *, code: int = 0, **given: Any) -> None:
    """Park a run until other code is there."""
    change = standing(row, Status.BLOCKED, **BLOCKED)
    seen = max([arrival.id for arrival in worker.store.load([row.no])[0].arrivals], default=0)
    released = Released(row.no, code, **({"seen": seen} | given))
    worker.write(changes=[change], released=[released])


class ReleaseRules(Hooks):
    """`append` of runs that are released, and who claims them."""

    def test_a_run_is_released_with_the_batch(self, store: Store) -> None:
        """It is unowned with what the batch wrote, but it stays who wasn't its owner's."""
        one, two = Scribe(store), Scribe(store)
        mine, other = one.run("a"), two.run("b")
        one.write(released=[Released(mine.no), Released(other.no), Released(99)])
        assert [row.owner for row in store.rows([mine.no, other.no])] == [0, two.id]
        assert claims(store, one) == ["a"]

    def test_what_does_not_fit_a_worker_goes_to_another(self, store: Store) -> None:
        """It isn't given the run again, and who hasn't tried it is; told again, as before."""
        one, two = Scribe(store), Scribe(store)
        row = one.run("a")
        change = standing(row, Status.BLOCKED, **BLOCKED)
        batch = one.batch(changes=[change], released=[Released(row.no, 0)])
        for _ in range(2):
            store.append(batch)
            assert claims(store, one) == []
        assert claims(store, two) == ["a"]

    def test_what_fits_nobody_is_left_alone(self, store: Store) -> None:
        """Until there is a worker, or code, that didn't try."""
        one, two = Scribe(store), Scribe(store)
        row = one.run("a")
        for worker in (one, two):
            gives_back(worker, row)
            assert claims(store, one) == []
            assert claims(store, two) == ([] if worker is two else ["a"])
        three = Scribe(store)
        assert claims(store, three) == ["a"]
        gives_back(three, row)
        assert [claims(store, worker) for worker in (one, two, three)] == [[], [], []]
        assert claims(store, two, code=1) == ["a"]
        gives_back(two, row, code=1)
        assert claims(store, two, code=1) == []

    def test_whoever_is_gone_is_forgotten(self, store: Store) -> None:
        """Their numbers aren't kept for ever."""
        first = Scribe(store)
        row = first.run("a")
        gives_back(first, row)
        for _ in range(3):
            store.retire(first.id)
            first = Scribe(store)
            assert claims(store, first) == ["a"]
            gives_back(first, row)
            assert claims(store, first) == []

    def test_the_others_are_taken_all_the_same(self, store: Store) -> None:
        """Of the same definition, older and younger, in their order."""
        one = Scribe(store)
        rows = [one.run(name) for name in "abcd"]
        for row in (rows[1], rows[3]):
            gives_back(one, row)
        one.write(released=[Released(rows[0].no), Released(rows[2].no)])
        assert claims(store, one) == ["a", "c"]

    def test_what_got_on_is_anybody_s(self, store: Store) -> None:
        """Who had no code for where it was may have some for where it is now."""
        one, two = Scribe(store), Scribe(store)
        row = one.run("a")
        gives_back(one, row)
        assert claims(store, two) == ["a"]
        gives_back(two, row, anew=True)
        assert claims(store, two) == []
        assert claims(store, one) == ["a"]

    def test_who_takes_it_up_for_nothing_changes_nothing(self, store: Store) -> None:
        """While it isn't blocked anybody may have it; blocked again it is as it was."""
        one, two = Scribe(store), Scribe(store)
        row = one.run("a")
        gives_back(one, row)
        assert claims(store, two) == ["a"]
        two.write(changes=[standing(row, Status.RUNNING)])
        gives_back(two, row)
        assert claims(store, one) == claims(store, two) == []
        three = Scribe(store)
        assert claims(store, three) == ["a"]
        three.write(changes=[standing(row, Status.RUNNING)])
        store.retire(three.id)
        assert claims(store, one) == ["a"]

    @pytest.mark.parametrize("order", ORDERS)
    def test_an_order_has_everybody_try_again(self, store: Store, order: type[Any]) -> None:
        """It may be obeyed where no code fits: once more each, not again and again."""
        one = Scribe(store)
        row = one.run("a")
        gives_back(one, row)
        store.accept([early(row)])
        assert claims(store, one) == []
        given = {"definition": "new"} if order is UpgradeTo else {}
        assert store.accept([order(no=row.no, at=START, **given)]) == [Verdict.ACCEPTED]
        assert claims(store, one) == ["a"]
        gives_back(one, row)
        assert claims(store, one) == []

    @pytest.mark.parametrize("order", [Cancel, UpgradeTo])
    def test_so_it_is_where_the_definition_is_missing(self, store: Store, order: type[Any]) -> None:
        """What has a way past that has none past this."""
        one = Scribe(store)
        row = one.run("a")
        given = {"definition": "new"} if order is UpgradeTo else {}
        store.accept([order(no=row.no, at=START, **given)])
        gives_back(one, row)
        assert claims(store, one, without=[row.definition]) == []
        assert claims(store, one, code=1, without=[row.definition]) == ["a"]

    def test_an_order_that_was_not_seen_counts(self, store: Store) -> None:
        """It came when the worker had made up its mind."""
        one = Scribe(store)
        row = one.run("a")
        store.accept([cancel(row)])
        (arrival,) = store.load([row.no])[0].arrivals
        gives_back(one, row, seen=arrival.id)
        assert claims(store, one) == []
        three = Scribe(store)
        assert claims(store, three) == ["a"]
        gives_back(three, row, seen=arrival.id - 1)
        assert claims(store, one) == ["a"]

    def test_an_adopted_run_is_anybody_s(self, store: Store) -> None:
        """An operator said that it is to be tried."""
        one = Scribe(store)
        row = one.run("a")
        gives_back(one, row)
        two = Scribe(store)
        assert claims(store, two) == ["a"]
        change = standing(row, Status.BLOCKED, until="operator", reason="deadly")
        two.write(changes=[change], released=[Released(row.no)])
        assert store.adopt([row.no]) == [True]
        assert claims(store, one) == ["a"]
