"""Runs that more than one instance has: what is shipped, copied, fenced, adopted and set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from everflow.errors import NoSuchRun, StoreDamaged, StoreError
from everflow.store import (
    TENURE,
    ChildEnded,
    Hand,
    Letter,
    QuestionQuery,
    RunRow,
    Signal,
    Slice,
    Status,
    Store,
    Tenure,
    Verdict,
)
from everflow.testing.conformance.base import (
    START,
    Hooks,
    Scribe,
    answer,
    begin,
    cancel,
    entry,
    inbox_of,
    opened,
    standing,
)

HASH = "0123456789abcdef" * 3


def seen(store: Store, run: str = "a") -> Tenure:
    """What is here of the run."""
    (found,) = store.tenures([run])
    return found


def act(store: Store, run: str = "a", **changes: Any) -> Hand:
    """An act on what is here now."""
    known = seen(store, run)
    now: dict[str, Any] = {"version": known.version, "seq": known.seq, "rev": known.rev}
    now |= {"run": run, "body": "{}", "here": True}
    return Hand(**now | changes)


def hand(store: Store, run: str = "a", **changes: Any) -> Tenure:
    """Do it; what is here then."""
    assert store.hand(act(store, run, **changes), at=START)
    return seen(store, run)


def copied(source: Store, target: Store, run: str = "a", **changes: Any) -> Tenure:
    """Bring the copy in another store up to date, or let the run go on there."""
    add = source.slice(run, seen(target, run).seq)
    return hand(target, run, **{"here": False, "holder": "A", "add": add} | changes)


def row_of(store: Store, run: str = "a") -> RunRow:
    """The run's row."""
    row = store.find(run)
    assert row is not None
    return row


def bodies(store: Store, run: str = "a") -> list[str]:
    """The run's entries."""
    return [body for _, _, body, _ in store.journal(row_of(store, run).no)]


class Two(Hooks):
    """A second store beside the first."""

    @pytest.fixture
    def other(self, tmp_path: Path) -> Any:
        """Another instance's store."""
        place = tmp_path / "other"
        place.mkdir()
        store = self.make_store(place)
        yield store
        store.close()


class TenureRules(Two):
    """`tenures`, `slice` and copies."""

    def test_of_a_run_that_is_nowhere_nothing_is_here(self, store: Store) -> None:
        """Asked for among others, in their order."""
        begin(store, "a")
        nowhere, here = store.tenures(["b", "a"])
        assert nowhere == Tenure(run="b", body="", version=0, seq=0, rev=0, status=None)
        assert here == Tenure(run="a", body="", version=0, seq=1, rev=1, status=Status.QUEUED)

    def test_a_tenure_is_a_record(self, store: Store, place: Path) -> None:
        """It is found by its run and by when it is due, over a restart."""
        begin(store, "a")
        hand(store, body='{"role":"owner"}', due=7)
        hand(store, "b", body="{}", here=False, due=5)
        later = self.reopen(store, place)
        assert [(r.key, r.body) for r in later.records(TENURE)] == [
            ("a", '{"role":"owner"}'),
            ("b", "{}"),
        ]
        assert [r.key for r in later.due_records(TENURE, now=6, limit=9)] == ["b"]
        assert later.next_record_due(TENURE) == 5
        assert seen(later).body == '{"role":"owner"}'
        later.close()

    @pytest.mark.parametrize("field", ["version", "seq", "rev"])
    def test_an_act_on_what_is_not_so_any_more_writes_nothing(
        self, store: Store, field: str
    ) -> None:
        """Whichever of the three changed."""
        begin(store, "a")
        hand(store)
        before = seen(store), row_of(store)
        wrong: dict[str, Any] = {field: 99}
        stale = act(store, here=False, **wrong)
        assert not store.hand(stale, at=START)
        assert (seen(store), row_of(store)) == before

    def test_what_is_beside_the_entries_is_counted(self, store: Store) -> None:
        """Whatever of it changes; and entries alone leave it as it is."""
        scribe = Scribe(store)
        row = scribe.run("a")
        hand(store)
        signal = Signal(no=row.no, name="n", payload="[1]", key="s", at=START)
        changes: list[Any] = [
            lambda: scribe.write(opened=[opened(row)]),
            lambda: scribe.write(changes=[standing(row, Status.SUSPENDED, due=9)]),
            lambda: store.accept([answer(row)]),
            lambda: store.accept([signal]),
            lambda: scribe.write(arrivals=[a.id for a in store.load([row.no])[0].arrivals]),
            lambda: store.relabel([row.no], {"x": "1"}, at=START),
            lambda: store.accept([cancel(row)]),
        ]
        for change in changes:
            before = seen(store).rev
            change()
            assert seen(store).rev > before
        before = seen(store).rev
        scribe.write(entries=[entry(row.no, 1)])
        store.release(scribe.id, [row.no])
        assert seen(store).rev == before
        assert hand(store, body="[]").rev == before

    def test_a_slice_has_all_that_a_run_is(self, store: Store) -> None:
        """Entries from a seq on, and what is beside them, whole."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        scribe.write(entries=[entry(row.no, seq) for seq in (1, 2)])
        store.accept([answer(row)])
        hand(store)
        found = store.slice("a", 1)
        assert (found.after, found.seq, found.rev) == (1, 3, seen(store).rev)
        assert [seq for _, seq, _, _ in found.whole.entries] == [1, 2]
        assert found.whole.row.status is Status.SUSPENDED
        assert [(q.tag, q.state) for q in found.whole.questions] == [("t", "answered")]
        assert len(found.whole.arrivals) == 1
        assert found.definitions == [("d1", '{"flow":"one"}')]

    def test_a_slice_has_the_definitions_that_its_entries_name(self, store: Store) -> None:
        """What a body awaits has a definition of its own."""
        scribe = Scribe(store)
        row = scribe.run("a")
        named = entry(row.no, 1, f'[1,1,"awaited","0","{HASH}","",null,0,"{HASH}",1]')
        scribe.write(entries=[named], definitions=[(HASH, "{}")])
        assert store.slice("a", 1).definitions[1:] == [(HASH, "{}")]
        assert store.slice("a", 2).definitions == [("d1", '{"flow":"one"}')]

    def test_a_run_that_is_not_here_is_not_shipped(self, store: Store) -> None:
        """Nor one of which nothing but its holder is known."""
        hand(store, "b", here=False)
        for name in ("a", "b"):
            with pytest.raises(NoSuchRun):
                store.slice(name, 0)

    def test_a_copy_is_met_by_nobody(self, store: Store, other: Store) -> None:
        """It has a row and its entries; no question, message, timer or key of it is here."""
        scribe = Scribe(store)
        row = begin(store, "a", key="k", labels={"x": "1"}, owner=scribe.id)
        scribe.write(opened=[opened(row)], changes=[standing(row, Status.SUSPENDED, due=1)])
        store.accept([Signal(no=row.no, name="n", payload="[1]", key="s", at=START)])
        there = copied(store, other)
        assert (there.seq, there.rev, there.status) == (1, 1, Status.HANDED_OFF)
        mine = row_of(other)
        assert (mine.status, mine.until, mine.owner, mine.due) == (Status.HANDED_OFF, "A", 0, None)
        assert "A" in mine.reason
        assert mine.labels == {"x": "1"}
        assert bodies(other) == bodies(store)
        assert other.find_key("f", "k") is None
        assert other.questions(QuestionQuery(open_only=False)) == []
        worker = Scribe(other)
        assert other.claim(worker.id, now=START + 9, limit=9) == []
        assert other.load([mine.no])[0].arrivals == []
        assert other.definition("d1") == '{"flow":"one"}'

    def test_a_copy_takes_nothing(self, store: Store, other: Store) -> None:
        """It says that the run was handed off, to whatever is told it."""
        begin(store, "a")
        copied(store, other)
        mine = row_of(other)
        child = ChildEnded(no=mine.no, op="o", kind="result", payload="[1]", at=START)
        signal = Signal(no=mine.no, name="n", payload="[1]", key="s", at=START)
        told = other.accept([cancel(mine), answer(mine), child, signal])
        assert told == [Verdict.HANDED_OFF] * 4
        other.write([], at=START, letters=[Letter(run="a", message=child)])
        other.relabel([mine.no], {"y": "1"}, at=START)
        assert other.adopt([mine.no]) == [False]
        assert (row_of(other), inbox_of(other, mine)) == (mine, [])

    def test_a_copy_grows_by_what_is_new(self, store: Store, other: Store) -> None:
        """What it has is sent again to no effect."""
        scribe = Scribe(store)
        row = scribe.run("a")
        hand(store)
        copied(store, other)
        scribe.write(entries=[entry(row.no, 1, "[1]")])
        whole = store.slice("a", 0)
        hand(other, here=False, add=whole)
        assert bodies(other) == bodies(store)
        scribe.write(changes=[standing(row, Status.SUSPENDED)], opened=[opened(row)])
        there = copied(store, other)
        assert (there.seq, there.rev) == (seen(store).seq, seen(store).rev)
        assert other.slice("a", 9).whole.questions != []
        assert not other.hand(act(other, seq=0, here=False, add=whole), at=START)

    def test_a_copy_of_an_ended_run_keeps_how_it_ended(self, store: Store, other: Store) -> None:
        """It is shipped from there as it was, and ended still where it goes on."""
        scribe = Scribe(store)
        row = scribe.run("a")
        ended = standing(row, Status.DONE, ended=START, outcome='{"type":"done"}')
        scribe.write(changes=[ended])
        hand(store, here=False, holder="B")
        copied(store, other, here=True)
        assert row_of(store).status is Status.HANDED_OFF
        there = row_of(other)
        assert (there.status, there.ended, there.outcome) == (
            Status.DONE,
            START,
            '{"type":"done"}',
        )

    @pytest.mark.parametrize("wrong", ["gap", "other", "damaged", "nothing"])
    def test_what_does_not_fit_is_refused(self, store: Store, other: Store, wrong: str) -> None:
        """Nothing is written."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(entries=[entry(row.no, 1)])
        begin(store, "b")
        copied(store, other)
        scribe.write(entries=[entry(row.no, 2), entry(row.no, 3)])
        before = seen(other), bodies(other)
        adds: dict[str, Slice | None] = {
            "gap": store.slice("a", 3),
            "other": store.slice("b", 0),
            "damaged": store.slice("a", 0),
            "nothing": None,
        }
        add = adds[wrong]
        if wrong == "damaged" and add is not None:
            no, seq, body, _ = add.whole.entries[-1]
            add.whole.entries[-1] = no, seq, body + " ", 7
            add.rev += 1
        keep = (1, 0) if wrong == "nothing" else None
        with pytest.raises(StoreDamaged if wrong == "damaged" else StoreError):
            other.hand(act(other, here=wrong == "nothing", keep=keep, add=add), at=START)
        assert (seen(other), bodies(other)) == before

    def test_no_import_replaces_a_run_that_others_have(self, store: Store, other: Store) -> None:
        """Nor is its history pruned: its copies are told apart by how many entries they have."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(
            entries=[entry(row.no, seq) for seq in (1, 2)],
            changes=[standing(row, Status.RUNNING, base=2)],
        )
        hand(store)
        foreign = other.export(begin(other, "a", body='["else"]').no)
        store.release(scribe.id, [row.no])
        assert store.install([foreign], [], replace=True) == ["conflict"]
        assert store.prune(row.no, before=2, keep=[]) == 0
        assert len(bodies(store)) == 3
