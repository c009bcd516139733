"""Appending: the fence, the standing of runs, refused outcomes, questions, side rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from everflow.errors import Fenced
from everflow.store import OUTCOMES, QuestionClosed, RunQuery, Status, Store
from everflow.testing.conformance.base import (
    START,
    Closed,
    Hooks,
    Scribe,
    answer,
    begin,
    cancel,
    early,
    entry,
    inbox_of,
    opened,
    question_of,
    standing,
)

REFUSED = sorted(OUTCOMES - {Status.CANCELLED})


class AppendRules(Hooks):
    """`append` with all its parts."""

    def test_entries_of_many_runs_are_one_batch(self, store: Store) -> None:
        """Each run's journal holds its own, in order."""
        scribe = Scribe(store)
        one, two = scribe.run("a"), scribe.run("b")
        rows = [entry(one.no, 1, "[1]"), entry(two.no, 1, "[2]"), entry(one.no, 2, "[3]")]
        assert scribe.write(entries=rows) == []
        assert store.journal(one.no)[1:] == [rows[0], rows[2]]
        assert store.journal(two.no)[1:] == [rows[1]]

    def test_a_batch_advances_its_workers_number(self, store: Store) -> None:
        """The number is that of the last batch applied, an empty one included."""
        scribe = Scribe(store)
        scribe.run("a")
        scribe.write()
        scribe.write()
        assert store.workers()[0].number == 2

    def test_what_was_appended_survives_a_restart(self, store: Store, place: Path) -> None:
        """Acknowledged is durable."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(
            entries=[entry(row.no, 1, "[1]")],
            changes=[standing(row, Status.SUSPENDED)],
            opened=[opened(row)],
        )
        before = (store.load([row.no]), question_of(store, row), store.workers()[0].number)
        later = self.reopen(store, place)
        assert (later.load([row.no]), question_of(later, row), later.workers()[0].number) == before
        later.close()

    def test_ten_thousand_entries_are_one_batch(self, store: Store) -> None:
        """A batch has no small limit."""
        scribe = Scribe(store)
        rows = [scribe.run(f"r{i}") for i in range(10)]
        scribe.write(entries=[entry(row.no, seq) for seq in range(1, 1001) for row in rows])
        assert [len(run.entries) for run in store.load([row.no for row in rows])] == [1001] * 10

    # the fence

    def test_a_stale_epoch_writes_nothing(self, store: Store) -> None:
        """A worker that was taken for dead is refused."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.depose(scribe.id, 1)
        with pytest.raises(Fenced):
            scribe.write(
                entries=[entry(row.no, 1)],
                changes=[standing(row, Status.DONE)],
                definitions=[("d2", "{}")],
            )
        assert len(store.journal(row.no)) == 1
        assert store.rows([row.no]) == [row]
        assert store.definition("d2") is None

    def test_the_epoch_that_deposed_is_nobodys(self, store: Store) -> None:
        """Knowing the new epoch helps no zombie."""
        scribe = Scribe(store)
        scribe.run("a")
        store.depose(scribe.id, 1)
        with pytest.raises(Fenced):
            scribe.write(epoch=2)

    def test_a_future_epoch_is_refused(self, store: Store) -> None:
        """The epoch must be the worker's own."""
        with pytest.raises(Fenced):
            Scribe(store).write(epoch=2)

    def test_an_unknown_worker_is_refused(self, store: Store) -> None:
        """Only who enlisted writes."""
        with pytest.raises(Fenced):
            Scribe(store).write(worker=999)

    def test_a_retired_worker_is_refused(self, store: Store) -> None:
        """Its own word ended the epoch."""
        scribe = Scribe(store)
        store.retire(scribe.id)
        with pytest.raises(Fenced):
            scribe.write()

    @pytest.mark.parametrize("number", [-1, 0, 1, 2, 5, 2**40])
    def test_a_number_out_of_order_writes_nothing(self, store: Store, number: int) -> None:
        """After batches 1 to 3 came, 3 may come again or 4: neither a gap nor an older one."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write()
        scribe.write()
        scribe.write()
        with pytest.raises(Fenced):
            scribe.write(number=number, entries=[entry(row.no, 1)])
        assert len(store.journal(row.no)) == 1

    def test_a_new_worker_has_no_batch_to_repeat(self, store: Store) -> None:
        """Number 0 is refused too."""
        with pytest.raises(Fenced):
            Scribe(store).write(number=0)

    def test_a_batch_sent_again_is_applied_once(self, store: Store) -> None:
        """The number tells; the arrivals are already gone."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        store.accept([answer(row)])
        ids = [arrival.id for arrival in store.load([row.no])[0].arrivals]
        batch = scribe.batch(
            entries=[entry(row.no, 1)], arrivals=ids, changes=[standing(row, Status.RUNNING)]
        )
        assert store.append(batch) == []
        before = (store.load([row.no]), store.workers())
        assert store.append(batch) == []
        assert (store.load([row.no]), store.workers()) == before

    def test_a_batch_sent_again_gets_the_same_answer(self, store: Store, place: Path) -> None:
        """Even by a process that was started anew, and whatever happened to the run since."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.accept([cancel(row)])
        batch = scribe.batch(changes=[standing(row, Status.DONE)])
        assert store.append(batch) == [row.no]
        later = self.reopen(store, place)
        assert later.append(batch) == [row.no]
        later.close()

    def test_a_batch_sent_again_by_a_deposed_worker_is_refused(self, store: Store) -> None:
        """The epoch is looked at before the number."""
        scribe = Scribe(store)
        scribe.run("a")
        batch = scribe.batch()
        store.append(batch)
        store.depose(scribe.id, 1)
        with pytest.raises(Fenced):
            store.append(batch)

    # the standing of runs

    def test_a_standing_is_written_whole(self, store: Store) -> None:
        """Every field of the change is in the row, and the batch's time."""
        scribe = Scribe(store)
        row = scribe.run("a")
        change = standing(
            row,
            Status.BLOCKED,
            until="code",
            reason="no such node",
            due=START + 9,
            base=3,
            ended=START + 8,
            outcome='{"ok":1}',
            definition="d2",
            deaths=2,
        )
        scribe.write(changes=[change], at=START + 7)
        after = store.rows([row.no])[0]
        assert standing(after, after.status) == change
        assert after.updated == START + 7
        assert (after.id, after.owner, after.created) == (row.id, row.owner, row.created)

    def test_entries_alone_leave_the_row_alone(self, store: Store) -> None:
        """The row is written at rest points only."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(entries=[entry(row.no, 1)], at=START + 7)
        assert store.rows([row.no]) == [row]

    def test_a_standing_of_no_run_is_passed_over(self, store: Store) -> None:
        """The rest of the batch is written."""
        scribe = Scribe(store)
        row = scribe.run("a")
        ghost = standing(row, Status.DONE)
        ghost.no = 999_999
        assert scribe.write(changes=[ghost, standing(row, Status.DONE)]) == []
        assert store.rows([row.no])[0].status is Status.DONE
        assert store.rows([999_999]) == []

    def test_an_outcome_leaves_the_owner(self, store: Store) -> None:
        """A finished run is given back by its owner, not by its end."""
        scribe = Scribe(store)
        assert scribe.run("a", Status.DONE).owner == scribe.id

    # outcomes and cancels

    @pytest.mark.parametrize("outcome", REFUSED)
    def test_an_accepted_cancel_refuses_other_outcomes(self, store: Store, outcome: Status) -> None:
        """B064: the run is given back; everything else in the batch is written."""
        scribe = Scribe(store)
        row, other = scribe.run("a"), scribe.run("b")
        store.accept([cancel(row)])
        before = store.rows([row.no])
        refused = scribe.write(
            entries=[entry(row.no, 1)],
            changes=[standing(row, outcome), standing(other, outcome)],
        )
        assert refused == [row.no]
        assert store.rows([row.no]) == before
        assert len(store.journal(row.no)) == 2
        assert store.rows([other.no])[0].status is outcome

    def test_an_outcome_that_knows_the_cancel_is_written(self, store: Store) -> None:
        """The cancel is among the batch's arrivals."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.accept([cancel(row)])
        ids = [arrival.id for arrival in store.load([row.no])[0].arrivals]
        assert scribe.write(arrivals=ids, changes=[standing(row, Status.FAILED)]) == []
        assert store.rows([row.no])[0].status is Status.FAILED

    def test_another_arrival_is_no_cancel(self, store: Store) -> None:
        """Applying an answer, or the cancel of another run, says nothing of this run's cancel."""
        scribe = Scribe(store)
        row, other = scribe.run("a"), scribe.run("b")
        store.accept([early(row), cancel(other), cancel(row)])
        ids = [run.arrivals[0].id for run in store.load([row.no, other.no])]
        assert scribe.write(arrivals=ids, changes=[standing(row, Status.DONE)]) == [row.no]

    def test_a_cancel_applied_before_refuses_too(self, store: Store) -> None:
        """After an acknowledged cancel no later batch ends the run otherwise."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.accept([cancel(row)])
        ids = [arrival.id for arrival in store.load([row.no])[0].arrivals]
        scribe.write(arrivals=ids, changes=[standing(row, Status.CANCELLING)])
        assert scribe.write(changes=[standing(row, Status.DONE)]) == [row.no]
        assert store.rows([row.no])[0].status is Status.CANCELLING

    @pytest.mark.parametrize("status", sorted(set(Status) - {*REFUSED, Status.PAUSED}))
    def test_a_cancel_refuses_nothing_else(self, store: Store, status: Status) -> None:
        """`cancelled` and every standing that isn't an outcome are written."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.accept([cancel(row)])
        assert scribe.write(changes=[standing(row, status)]) == []
        assert store.rows([row.no])[0].status is status

    # questions, arrivals, definitions, side rows

    def test_an_opened_question_waits(self, store: Store) -> None:
        """It bears what it was opened with, and its run's names."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(opened=[opened(row, due=START + 5)])
        question = question_of(store, row)
        assert (question.no, question.run, question.flow) == (row.no, "a", "f")
        assert (question.definition, question.state, question.key) == ("d1", "open", None)
        assert (question.tag, question.occurrence, question.op) == ("t", 0, "0/t~0")
        assert (question.position, question.at, question.due) == ("t", START, START + 5)
        assert question.prompt == "[1]"

    def test_a_question_opened_again_stays_as_it_is(self, store: Store) -> None:
        """An answered one isn't reopened under the same occurrence."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        store.accept([answer(row)])
        before = question_of(store, row)
        scribe.write(opened=[opened(row, prompt="[2]")])
        assert question_of(store, row) == before

    @pytest.mark.parametrize("state", ["answered", "expired", "cancelled"])
    def test_a_question_is_closed_with_its_reason(self, store: Store, state: Closed) -> None:
        """The row stays, and says why it takes no answer."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        closed = QuestionClosed(no=row.no, tag="t", occurrence=0, state=state)
        scribe.write(closed=[closed])
        assert question_of(store, row).state == state

    def test_an_answer_wins_over_a_later_close(self, store: Store) -> None:
        """An acknowledged answer stays one: the deadline came too late."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        store.accept([answer(row)])
        scribe.write(closed=[QuestionClosed(no=row.no, tag="t", occurrence=0, state="expired")])
        assert question_of(store, row).state == "answered"
        assert inbox_of(store, row) == [answer(row)]

    def test_what_a_batch_opens_it_may_close(self, store: Store) -> None:
        """Opened comes before closed."""
        scribe = Scribe(store)
        row = scribe.run("a")
        closed = QuestionClosed(no=row.no, tag="t", occurrence=0, state="expired")
        scribe.write(opened=[opened(row)], closed=[closed])
        assert question_of(store, row).state == "expired"

    def test_questions_of_nothing_are_passed_over(self, store: Store) -> None:
        """Closing what was never opened changes nothing."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(closed=[QuestionClosed(no=row.no, tag="x", occurrence=0, state="expired")])
        assert store.rows([row.no]) == [row]

    def test_applied_arrivals_leave_the_inbox(self, store: Store) -> None:
        """The named ones only; an id that isn't there is passed over."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.accept([early(row, "x"), early(row, "y")])
        first = store.load([row.no])[0].arrivals[0].id
        scribe.write(arrivals=[first, 999_999])
        assert inbox_of(store, row) == [early(row, "y")]

    def test_a_definition_given_first_stays(self, store: Store) -> None:
        """Definitions are named by their content: a second body under a hash is no news."""
        begin(store, "a")
        scribe = Scribe(store)
        scribe.write(definitions=[("d1", '{"other":1}'), ("d2", "{}")])
        assert store.definition("d1") == '{"flow":"one"}'
        assert store.definition("d2") == "{}"

    def test_side_rows_are_written_with_their_batch(self, store: Store) -> None:
        """Once, also when it is sent again, and never when the batch is refused."""
        row = self.side_row("one")
        if row is None:
            pytest.skip("this store takes no side rows")
        scribe = Scribe(store)
        batch = scribe.batch()
        store.append(batch, [row])
        store.append(batch, [row])
        assert self.side_texts(store) == ["one"]
        with pytest.raises(Fenced):
            store.append(scribe.batch(number=9), [row])
        assert self.side_texts(store) == ["one"]

    def test_an_empty_batch_changes_no_run(self, store: Store) -> None:
        """It is written all the same, and acknowledged."""
        scribe = Scribe(store)
        row = scribe.run("a")
        assert scribe.write() == []
        assert store.runs(RunQuery()) == [row]
