"""What carries a store elsewhere: many runs in one act, what is listed whole, tenures that end."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from everflow.errors import NoSuchRun, StoreError
from everflow.store import Put, RunQuery, Status, Store, Verdict
from everflow.testing.conformance.base import (
    START,
    Scribe,
    answer,
    begin,
    entry,
    inbox_of,
    opened,
    question_of,
    standing,
)
from everflow.testing.conformance.handing import Two, act, bodies, hand, row_of, seen

GONE: dict[str, Any] = {"body": "", "here": False, "holder": "B", "seq": None, "rev": None}


def given_up(store: Store, *runs: str, families: bool = False) -> bool:
    """Give runs up for good, whatever is here of them."""
    return store.hand_all([act(store, run, **GONE) for run in runs], at=START, families=families)


class MoveRules(Two):
    """`slices`, `hand_all`, `kinds`, `definitions`; standings that are none."""

    def test_runs_move_as_they_are(self, store: Store, other: Store) -> None:
        """B080: all that is theirs, in one act on each side; a living worker writes no more."""
        scribe = Scribe(store)
        rows = [begin(store, name, owner=scribe.id, key=f"k{name}") for name in "ab"]
        scribe.write(
            entries=[entry(rows[0].no, 1)],
            opened=[opened(rows[0])],
            changes=[standing(rows[0], Status.SUSPENDED)],
        )
        store.accept([answer(rows[0])])
        assert given_up(store, "a", "b")
        assert [(row.status, row.until) for row in store.runs(RunQuery())] == [
            (Status.HANDED_OFF, "B")
        ] * 2
        assert store.taken_from(scribe.id) == [row.no for row in rows]
        assert scribe.write(entries=[entry(rows[0].no, 2)]) == [rows[0].no]
        shipped = store.slices(["b", "a"])
        assert [one.whole.row.id for one in shipped] == ["b", "a"]
        assert [one.definitions for one in shipped] == [[("d1", '{"flow":"one"}')], []]
        acts = [act(other, one.whole.row.id, body="", add=one) for one in shipped]
        assert other.hand_all(acts, at=START, puts=[Put(kind="mark", key="1", body="{}")])
        assert other.kinds() == ["mark"]
        for name in "ab":
            mine = row_of(other, name)
            assert (mine.status, mine.key, mine.owner) == (Status.QUEUED, f"k{name}", 0)
            assert bodies(other, name) == bodies(store, name)
            assert seen(other, name).version == 0
        assert inbox_of(other, row_of(other)) == [structs.replace(answer(row_of(other)))]
        assert question_of(other, row_of(other)).state == "answered"
        worker = Scribe(other)
        taken = other.claim(worker.id, now=START, limit=9)
        assert {run.id for run in taken} == {"a", "b"}

    def test_what_was_given_up_stays_so(self, store: Store, other: Store) -> None:
        """It takes no message, no import and no pruning, and its id and key tell where it is."""
        scribe = Scribe(store)
        row = begin(store, "a", key="k", owner=scribe.id)
        scribe.write(
            entries=[entry(row.no, seq) for seq in (1, 2)],
            changes=[standing(row, Status.RUNNING, base=2)],
        )
        foreign = other.export(begin(other, "a", body='["else"]').no)
        assert given_up(store, "a")
        assert store.accept([answer(row)]) == [Verdict.HANDED_OFF]
        assert store.install([foreign], [], replace=True) == ["conflict"]
        assert store.prune(row.no, before=2, keep=[]) == 0
        assert begin(store, "c", key="k").no == row.no
        assert begin(store, "a").no == row.no
        assert (seen(store).version, seen(store).rev) == (0, 1)

    def test_a_run_comes_back(self, store: Store, other: Store) -> None:
        """What was left of it goes, and all that it is by now is there."""
        scribe = Scribe(store)
        begin(store, "a", key="k")
        given_up(store, "a")
        (there,) = store.slices(["a"])
        other.hand_all([act(other, body="", add=there)], at=START)
        mine = row_of(other)
        worker = Scribe(other)
        other.claim(worker.id, now=START, limit=1)
        worker.write(
            entries=[entry(mine.no, 1)],
            opened=[opened(mine)],
            changes=[standing(mine, Status.SUSPENDED)],
        )
        given_up(other, "a")
        (back,) = other.slices(["a"])
        old = act(store, body="", here=False, holder="B", drop=True, add=back)
        assert store.hand_all([old], at=START)
        assert row_of(store).status is Status.HANDED_OFF
        assert store.slices(["a"])[0].whole.questions[0].tag == "t"
        assert hand(store, body="").seq == 2
        assert (row_of(store).status, row_of(store).key) == (Status.QUEUED, "k")
        assert question_of(store, row_of(store)).state == "open"
        assert [run.id for run in store.claim(scribe.id, now=START, limit=9)] == ["a"]

    def test_several_acts_are_one(self, store: Store) -> None:
        """Where one of them can't be, none is, and no record is written."""
        begin(store, "a")
        begin(store, "b")
        stale = act(store, "b", **GONE | {"version": 99})
        mark = [Put(kind="mark", key="1", body="{}")]
        assert not store.hand_all([act(store, "a", **GONE), stale], at=START, puts=mark)
        wrong = act(store, "b", here=True, drop=True)
        with pytest.raises(StoreError):
            store.hand_all([act(store, "a", **GONE), wrong], at=START, puts=mark)
        assert row_of(store).status is Status.QUEUED
        assert store.kinds() == []
        with pytest.raises(NoSuchRun):
            store.slices(["a", "nowhere"])

    def test_who_waits_goes_with_who_is_waited_for(self, store: Store) -> None:
        """Neither alone, while both go on; and an ended one binds nobody."""
        scribe = Scribe(store)
        begin(store, "a")
        child = begin(store, "b", parent="a", owner=scribe.id)
        begin(store, "c", parent="gone")
        assert not given_up(store, "a", families=True)
        assert not given_up(store, "b", families=True)
        assert given_up(store, "c", families=True)
        assert given_up(store, "a", "b", families=True)
        begin(store, "d")
        child = begin(store, "e", parent="d", owner=scribe.id)
        scribe.write(changes=[standing(child, Status.DONE)])
        assert given_up(store, "d", families=True)
        assert given_up(store, "e", families=True)

    def test_a_tenure_that_ends_leaves_nothing(self, store: Store) -> None:
        """The run is like any other: what changes isn't counted, and its records are gone."""
        row = begin(store, "a")
        hand(store)
        store.relabel([row.no], {"x": "1"}, at=START)
        assert hand(store, body="").version == 0
        store.relabel([row.no], {"x": "2"}, at=START)
        assert seen(store).rev == 1
        assert store.kinds() == []
        assert hand(store).rev == 1

    def test_kinds_and_definitions_are_listed(self, store: Store) -> None:
        """In their order, each once."""
        puts = [Put(kind=kind, key=key, body="1") for kind in ("z", "a", "m") for key in "12"]
        store.write(puts, at=START, definitions=[("h2", "{}"), ("h1", "[]"), ("h3", "1")])
        assert store.kinds() == ["a", "m", "z"]
        assert store.definitions(limit=2) == [("h1", "[]"), ("h2", "{}")]
        assert store.definitions(after="h2") == [("h3", "1")]
