"""What holds of a node's own writes, which are committed with its result."""

from __future__ import annotations

import pytest
from msgspec import structs

from everflow.errors import Fenced
from everflow.store import OUTCOMES, RunRow, Settled, Settlement, Status, Store, Verdict
from everflow.testing.conformance.base import (
    DEFINITION,
    START,
    Hooks,
    Scribe,
    begin,
    cancel,
    new_run,
)
from everflow.testing.conformance.handing import hand, seen


def settled(row: RunRow, op: str = "./pay", payload: str = '"paid"') -> Settled:
    """What a node of that run gave."""
    return Settled(no=row.no, op=op, payload=payload, at=START, ticks=2)


def settle(scribe: Scribe, message: Settled) -> Settlement | None:
    """Settle it as that worker."""
    return scribe.store.settle(message, worker=scribe.id, epoch=scribe.row.epoch)


class SettleRules(Hooks):
    """``settle``."""

    def test_a_result_is_in_the_inbox_of_its_run(self, store: Store) -> None:
        """Whoever loads the run gets what the node gave, whole."""
        scribe = Scribe(store)
        row = scribe.run("a")
        done = settle(scribe, settled(row))
        assert done is not None
        (loaded,) = store.load([row.no])
        assert [(a.id, a.message) for a in loaded.arrivals] == [(done.id, settled(row))]
        assert store.arrivals(scribe.id, after=0, limit=9) == loaded.arrivals

    def test_a_batch_that_journals_it_deletes_it(self, store: Store) -> None:
        """As with every message."""
        scribe = Scribe(store)
        row = scribe.run("a")
        done = settle(scribe, settled(row))
        assert done is not None
        scribe.write(arrivals=[done.id])
        assert store.load([row.no])[0].arrivals == []

    def test_sent_again_it_is_the_same(self, store: Store) -> None:
        """Its id is given as long as it is there, and nothing is written; another op's is new."""
        scribe = Scribe(store)
        row = scribe.run("a")
        one = settle(scribe, settled(row))
        assert settle(scribe, settled(row)) == one
        other = settle(scribe, settled(row, "./pay!2"))
        assert one is not None
        assert other is not None
        assert other.id > one.id
        assert len(store.load([row.no])[0].arrivals) == 2

    def test_the_statements_are_executed_with_it(self, store: Store) -> None:
        """In their order, once; none where it is refused or there already."""
        scribe = Scribe(store)
        row = scribe.run("a")
        given = [side for side in map(self.side_row, ("one", "two")) if side is not None]
        if not given:
            return
        for _ in range(2):
            store.settle(settled(row), given, worker=scribe.id, epoch=scribe.row.epoch)
        free = begin(store, "b")
        store.settle(settled(free), given, worker=scribe.id, epoch=scribe.row.epoch)
        with pytest.raises(Fenced):
            store.settle(settled(row, "./other"), given, worker=scribe.id, epoch=9)
        assert self.side_texts(store) == ["one", "two"]
        store.settle(None, given[:1])
        assert self.side_texts(store) == ["one", "two", "one"]

    def test_a_deposed_worker_settles_nothing(self, store: Store) -> None:
        """Nor does one of another epoch, or one that is unknown."""
        scribe = Scribe(store)
        row = scribe.run("a")
        for worker, epoch in ((scribe.id, 2), (scribe.id + 7, 1)):
            with pytest.raises(Fenced):
                store.settle(settled(row), worker=worker, epoch=epoch)
        store.depose(scribe.id, scribe.row.epoch)
        with pytest.raises(Fenced):
            settle(scribe, settled(row))
        assert store.load([row.no])[0].arrivals == []

    def test_a_run_of_others_or_of_nobody_is_settled_by_none(self, store: Store) -> None:
        """It was released, handed away, or never the worker's own."""
        scribe, other = Scribe(store), Scribe(store)
        mine, free = scribe.run("a"), begin(store, "b")
        assert settle(other, settled(mine)) is None
        assert settle(scribe, settled(free)) is None
        store.release(scribe.id, [mine.no])
        assert settle(scribe, settled(mine)) is None
        assert settle(scribe, settled(structs.replace(mine, no=mine.no + 99))) is None
        assert store.load([mine.no])[0].arrivals == []

    @pytest.mark.parametrize("status", sorted(OUTCOMES))
    def test_a_run_that_has_ended_is_settled_by_none(self, store: Store, status: Status) -> None:
        """Its ops are closed, all of them."""
        scribe = Scribe(store)
        row = scribe.run("a", status, ended=START, outcome='{"done":1}')
        assert settle(scribe, settled(row)) is None

    def test_it_outlives_its_worker(self, store: Store) -> None:
        """Whoever takes the run gets it."""
        scribe, heir = Scribe(store), Scribe(store)
        row = scribe.run("a")
        settle(scribe, settled(row))
        store.depose(scribe.id, scribe.row.epoch)
        assert [taken.no for taken in store.claim(heir.id, now=START, limit=9)] == [row.no]
        assert [a.message for a in store.load([row.no])[0].arrivals] == [settled(row)]

    def test_it_goes_where_the_run_goes(self, store: Store) -> None:
        """An export bears it, and what is handed to another instance."""
        scribe = Scribe(store)
        row = scribe.run("a")
        settle(scribe, settled(row))
        assert store.export(row.no).arrivals == [settled(row)]
        hand(store)
        assert store.slice("a", 0).whole.arrivals == [structs.replace(settled(row), no=0)]
        before = seen(store).rev
        settle(scribe, settled(row, "./other"))
        assert seen(store).rev > before

    def test_nobody_sends_one(self, store: Store) -> None:
        """It comes with the writes of its node alone."""
        row = begin(store, "a")
        assert store.accept([settled(row), cancel(row)]) == [
            Verdict.NOT_WAITING,
            Verdict.ACCEPTED,
        ]

    def test_runs_are_started_with_it(self, store: Store) -> None:
        """Once: they are there when it is sent again, and their rows are given."""
        scribe = Scribe(store)
        row = scribe.run("a")
        for _ in range(2):
            done = store.settle(
                settled(row),
                worker=scribe.id,
                epoch=scribe.row.epoch,
                starts=[new_run("b", key="k")],
                definitions=[DEFINITION],
            )
            assert done is not None
            assert [(new.id, new.key, new.owner) for new in done.started] == [("b", "k", 0)]
        assert store.find("b") is not None

    def test_an_application_settles_without_a_worker(self, store: Store) -> None:
        """Its own transaction starts a run; a key that is there gives the run that has it."""
        done = store.settle(None, starts=[new_run("a", key="k")], definitions=[DEFINITION])
        assert done is not None
        assert done.id == 0
        assert [row.id for row in done.started] == ["a"]
        again = store.settle(None, starts=[new_run("b", key="k"), new_run("c")])
        assert again is not None
        assert [row.id for row in again.started] == ["a", "c"]
