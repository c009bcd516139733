"""Runs that are taken from their workers, go on elsewhere, and come back; what was set aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from everflow.errors import NoSuchRun, StoreError
from everflow.store import (
    BRANCH,
    COPY,
    Batch,
    Letter,
    Put,
    QuestionQuery,
    Released,
    RunQuery,
    Signal,
    Status,
    Store,
    Verdict,
)
from everflow.testing.conformance.base import (
    START,
    Scribe,
    answer,
    begin,
    cancel,
    entry,
    inbox_of,
    new_run,
    opened,
    standing,
)
from everflow.testing.conformance.handing import Two, act, bodies, copied, hand, row_of, seen


class FenceRules(Two):
    """`hand` that takes a run away, and what its owner may still write."""

    def test_a_run_that_is_fenced_is_a_copy(self, store: Store) -> None:
        """Its row says who has it; a start with its key gives that."""
        scribe = Scribe(store)
        row = begin(store, "a", key="k", owner=scribe.id)
        scribe.write(opened=[opened(row)])
        there = hand(store, here=False, holder="B")
        assert there.status is Status.HANDED_OFF
        mine = store.start([new_run("z", key="k")])[0]
        assert (mine.id, mine.status, mine.until, mine.owner) == ("a", Status.HANDED_OFF, "B", 0)
        assert store.questions(QuestionQuery()) == []
        assert store.slice("a", 0).whole.row.key == "k"

    def test_its_worker_writes_nothing_of_it(self, store: Store, place: Path) -> None:
        """It is told which runs they are, however often it sends the batch; others are written."""
        scribe = Scribe(store)
        lost, kept = scribe.run("a"), scribe.run("b")
        scribe.write(opened=[opened(lost)])
        hand(store, here=False, holder="B")
        assert store.taken_from(scribe.id) == [lost.no]
        (mine,) = [worker for worker in store.workers() if worker.id == scribe.id]
        assert mine.taken
        signal = Signal(no=0, name="n", payload="[1]", key="s", at=START)
        batch = scribe.batch(
            entries=[entry(lost.no, 1), entry(kept.no, 1)],
            changes=[standing(lost, Status.SUSPENDED), standing(kept, Status.SUSPENDED)],
            opened=[opened(lost, "u"), opened(kept, "u")],
            starts=[new_run("c", parent="a"), new_run("d", parent="b")],
            letters=[
                Letter(run="b", message=signal, source=lost.no),
                Letter(run="b", message=signal, of=lost.no),
            ],
            puts=[
                Put(kind="k", key="lost", body="[]", source=lost.no),
                Put(kind="k", key="kept", body="[]", source=kept.no),
            ],
        )
        before = store.slice("a", 0)
        assert store.append(batch) == [lost.no]
        assert store.append(batch) == [lost.no]
        assert store.slice("a", 0) == before
        assert row_of(store).status is Status.HANDED_OFF
        assert (len(bodies(store)), len(bodies(store, "b"))) == (1, 2)
        assert [q.run for q in store.questions(QuestionQuery())] == ["b"]
        assert {row.id for row in store.runs(RunQuery())} == {"a", "b", "d"}
        assert inbox_of(store, kept) == []
        assert [record.key for record in store.records("k")] == ["kept"]
        another = self.another(store, place)
        later = Batch(worker=scribe.id, epoch=1, number=batch.number + 1, at=START)
        later.entries = [entry(lost.no, 2)]
        assert another.append(later) == [lost.no]
        if another is not store:
            another.close()

    def test_other_outcomes_are_refused_beside_it(self, store: Store) -> None:
        """Both are told."""
        scribe = Scribe(store)
        lost, ended = scribe.run("a"), scribe.run("b")
        hand(store, here=False)
        store.accept([cancel(ended)])
        told = scribe.write(
            entries=[entry(lost.no, 1)], changes=[standing(ended, Status.DONE, ended=START)]
        )
        assert told == [lost.no, ended.no]

    def test_a_worker_gets_it_again_once_it_let_go(self, store: Store) -> None:
        """Before, whatever it sends of it may be from before the fence."""
        scribe, second = Scribe(store), Scribe(store)
        row = scribe.run("a")
        hand(store, here=False)
        assert hand(store, here=True).status is Status.QUEUED
        assert store.claim(scribe.id, now=START, limit=9) == []
        assert scribe.write(entries=[entry(row.no, 1)], released=[Released(row.no)]) == [row.no]
        assert len(bodies(store)) == 1
        assert store.taken_from(scribe.id) == []
        assert [run.id for run in store.claim(scribe.id, now=START, limit=9)] == ["a"]
        assert scribe.write(entries=[entry(row.no, 1)]) == []
        assert len(bodies(store)) == 2
        assert not any(worker.taken for worker in store.workers())
        assert store.claim(second.id, now=START, limit=9) == []

    def test_others_may_have_it_at_once(self, store: Store) -> None:
        """And what the one that lost it lets go of stays theirs."""
        scribe, second = Scribe(store), Scribe(store)
        row = scribe.run("a")
        hand(store, here=False)
        hand(store, here=True)
        assert [run.id for run in store.claim(second.id, now=START, limit=9)] == ["a"]
        scribe.write(released=[Released(row.no)])
        assert row_of(store).owner == second.id
        assert second.write(entries=[entry(row.no, 1)]) == []

    def test_a_dead_workers_run_is_taken_from_nobody(self, store: Store) -> None:
        """Its epoch is over, so that it writes nothing anyway."""
        scribe = Scribe(store)
        scribe.run("a")
        store.depose(scribe.id, 1)
        hand(store, here=False)
        assert store.taken_from(scribe.id) == []

    @pytest.mark.parametrize(
        "status",
        [
            Status.QUEUED,
            Status.RUNNING,
            Status.SUSPENDED,
            Status.WAITING,
            Status.PAUSED,
            Status.CANCELLING,
            Status.BLOCKED,
        ],
    )
    def test_a_run_goes_on_as_it_stood(self, store: Store, other: Store, status: Status) -> None:
        """Its questions and messages are there; one that ran or rested is queued."""
        scribe = Scribe(store)
        until = "operator" if status is Status.BLOCKED else ""
        row = scribe.run("a")
        scribe.write(
            opened=[opened(row), opened(row, "u")],
            changes=[standing(row, status, until=until, reason="why", due=5, deaths=1)],
        )
        store.accept([answer(row, "u")])
        signal = Signal(no=row.no, name="n", payload="[1]", key="s", at=START)
        store.accept([signal])
        hand(store, here=False, holder="B")
        copied(store, other, here=True)
        there = row_of(other)
        moves = status in {Status.RUNNING, Status.SUSPENDED, Status.WAITING}
        assert there.status is (Status.QUEUED if moves else status)
        assert (there.until, there.reason, there.deaths, there.owner) == (until, "why", 1, 0)
        assert [q.tag for q in other.questions(QuestionQuery())] == ["t"]
        assert len(inbox_of(other, there)) == 2
        assert other.accept([answer(there)]) == [Verdict.ACCEPTED]
        assert other.accept([Signal(no=there.no, name="n", payload="[1]", key="s", at=START)]) == [
            Verdict.REPEATED
        ]
        assert not other.records("copy")

    def test_a_key_that_another_run_has_stays_with_that(self, store: Store, other: Store) -> None:
        """The run goes on without it, and its origin says so."""
        begin(store, "a", key="k")
        begin(other, "z", key="k")
        hand(store, here=False)
        copied(store, other, here=True)
        found = other.find_key("f", "k")
        assert found is not None
        assert found.id == "z"
        there = row_of(other)
        assert there.key is None
        assert "k" in there.origin

    def test_a_key_comes_along_and_back(self, store: Store, other: Store) -> None:
        """Where nobody else has it."""
        begin(store, "a", key="k")
        hand(store, here=False)
        copied(store, other, here=True)
        assert row_of(other).key == "k"
        hand(other, here=False)
        copied(other, store, here=True)
        assert [row_of(store).key, row_of(other).key] == ["k", "k"]

    def test_what_was_written_by_nobody_else_is_set_aside(self, store: Store, other: Store) -> None:
        """The entries from there on, and all that was beside: kept, and shown."""
        scribe = Scribe(store)
        row = scribe.run("a")
        hand(store)
        copied(store, other)
        kept = seen(store)
        hand(other, here=True)
        scribe.write(
            entries=[entry(row.no, seq, '["mine"]') for seq in (1, 2)], opened=[opened(row)]
        )
        store.accept([answer(row)])
        theirs = Scribe(other)
        (claimed,) = other.claim(theirs.id, now=START, limit=1)
        theirs.write(entries=[entry(claimed.no, 1, '["theirs"]')])
        after = hand(
            store,
            here=False,
            holder="B",
            keep=(kept.seq, -1),
            branch="1-A",
            add=other.slice("a", 1),
        )
        assert (after.seq, after.rev) == (seen(other).seq, seen(other).rev)
        assert bodies(store) == bodies(other)
        (branch,) = store.branches("a")
        assert (branch.run, branch.label, branch.at, branch.first) == ("a", "1-A", START, 1)
        assert [body for _, _, body, _ in branch.whole.entries] == ['["mine"]'] * 2
        assert branch.sides
        assert (len(branch.whole.questions), len(branch.whole.arrivals)) == (1, 1)
        assert branch.whole.row.status is Status.RUNNING
        assert scribe.write(entries=[entry(row.no, 3)]) == [row.no]
        assert bodies(store) == bodies(other)

    def test_a_copy_that_was_cut_back_cannot_go_on(self, store: Store, other: Store) -> None:
        """Before a whole one came."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(
            entries=[entry(row.no, 1), entry(row.no, 2)],
            changes=[standing(row, Status.RUNNING, base=2)],
        )
        hand(store)
        copied(store, other)
        cut = hand(other, here=False, keep=(1, 0), branch="x")
        assert (cut.seq, cut.rev) == (1, 0)
        cut = hand(other, here=False, keep=(0, 0), branch="x")
        assert (cut.seq, cut.rev, cut.status) == (0, 0, Status.HANDED_OFF)
        assert [branch.sides for branch in other.branches("a")] == [True, False]
        assert len(other.records(BRANCH)) == 2
        with pytest.raises(StoreError):
            other.hand(act(other, here=True), at=START)
        with pytest.raises(NoSuchRun):
            other.slice("a", 0)
        whole = copied(store, other, here=True)
        assert (whole.seq, whole.status) == (3, Status.QUEUED)
        assert len(other.load([row_of(other).no])[0].entries) == 1

    def test_what_is_dropped_is_gone_but_for_its_row(self, store: Store, other: Store) -> None:
        """Nothing is set aside; a start again gives that row, and what is shipped is whole."""
        scribe = Scribe(store)
        row = begin(store, "a", key="k", owner=scribe.id, labels={"x": "1"})
        scribe.write(entries=[entry(row.no, 1)], opened=[opened(row)])
        copied(store, other, here=True)
        hand(store, here=False, holder="B")
        gone = hand(store, body='["B"]', here=False, holder="B", drop=True)
        assert (gone.body, gone.seq, gone.rev, gone.status) == ('["B"]', 0, 0, Status.HANDED_OFF)
        mine = row_of(store)
        assert (mine.no, mine.key, mine.until, mine.labels) == (row.no, "k", "B", {})
        assert (bodies(store), store.records(COPY), store.branches("a")) == ([], [], [])
        assert begin(store, "b", key="k").id == "a"
        assert begin(store, "a").status is Status.HANDED_OFF
        assert hand(store, here=False, holder="B", drop=True).seq == 0
        back = copied(other, store, here=True)
        assert (back.seq, back.status) == (2, Status.QUEUED)
        assert row_of(store).labels == {"x": "1"}

    def test_only_a_copy_is_dropped(self, store: Store) -> None:
        """A run that may go on here stays whole; one that is nowhere here may be dropped again."""
        begin(store, "a")
        before = hand(store)
        for here in (True, False):
            with pytest.raises(StoreError):
                store.hand(act(store, here=here, drop=True), at=START)
        assert (seen(store), len(bodies(store))) == (before, 1)
        assert hand(store, "b", here=False, drop=True).status is None

    def test_what_fits_whole_is_kept(self, store: Store) -> None:
        """Nothing is set aside, and the run goes on in the same hands."""
        scribe = Scribe(store)
        row = scribe.run("a")
        have = seen(store)
        hand(store, keep=(have.seq, have.rev), branch="x")
        assert store.branches("a") == []
        assert scribe.write(entries=[entry(row.no, 1)]) == []
        assert row_of(store).owner == scribe.id

    def test_branches_of_other_runs_are_theirs(self, store: Store) -> None:
        """Also where one's name begins with the other's."""
        for name in ("a", "a/0"):
            begin(store, name)
            hand(store, name, here=False, keep=(0, 0), branch="x")
        assert [branch.run for branch in store.branches("a")] == ["a"]
        assert [branch.run for branch in store.branches("a/0")] == ["a/0"]
