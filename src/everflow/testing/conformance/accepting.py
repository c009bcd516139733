"""Accepting: the verdict on every message, and what reaches the inbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from everflow.store import OUTCOMES, Message, QuestionClosed, Status, Store, Verdict, kept_row
from everflow.testing.conformance.base import (
    Closed,
    Hooks,
    Scribe,
    answer,
    begin,
    cancel,
    early,
    inbox_of,
    opened,
    question_of,
    standing,
)

ENDED = {
    Status.DONE: Verdict.DONE,
    Status.FAILED: Verdict.FAILED,
    Status.CANCELLED: Verdict.CANCELLED,
    Status.HANDED_OFF: Verdict.HANDED_OFF,
}


class AcceptRules(Hooks):
    """`accept`, by the rules of `everflow.store.judge`."""

    def test_an_answer_closes_its_question(self, store: Store) -> None:
        """B040: accepted, remembered by its key, and in the inbox as it was given."""
        row = Scribe(store).asking("a")
        assert store.accept([answer(row)]) == [Verdict.ACCEPTED]
        question = question_of(store, row)
        assert (question.state, question.key) == ("answered", "k")
        assert inbox_of(store, row) == [answer(row)]
        assert store.rows([row.no]) == [row]

    def test_an_accepted_message_survives_a_restart(self, store: Store, place: Path) -> None:
        """Accepted is durable."""
        row = Scribe(store).asking("a")
        store.accept([answer(row), early(row, "x"), cancel(row)])
        later = self.reopen(store, place)
        assert inbox_of(later, row) == [answer(row), early(row, "x"), cancel(row)]
        assert later.rows([row.no])[0].cancel
        assert question_of(later, row).key == "k"
        later.close()

    def test_a_repeated_answer_gets_the_same_reply(self, store: Store) -> None:
        """B048: the same key is told so, and nothing is posted twice."""
        row = Scribe(store).asking("a")
        store.accept([answer(row)])
        assert store.accept([answer(row)]) == [Verdict.REPEATED]
        assert len(inbox_of(store, row)) == 1

    def test_a_second_answer_is_told(self, store: Store) -> None:
        """B049: one wins, whether the calls are one or two."""
        row = Scribe(store).asking("a")
        verdicts = store.accept([answer(row, key="one"), answer(row, key="two")])
        assert verdicts == [Verdict.ACCEPTED, Verdict.ANSWERED]
        assert store.accept([answer(row, key="three")]) == [Verdict.ANSWERED]
        assert inbox_of(store, row) == [answer(row, key="one")]

    @pytest.mark.parametrize(
        ("state", "verdict"),
        [
            ("expired", Verdict.EXPIRED),
            ("cancelled", Verdict.CANCELLED),
            ("answered", Verdict.ANSWERED),
        ],
    )
    def test_a_closed_question_says_why(
        self, store: Store, state: Closed, verdict: Verdict
    ) -> None:
        """Late answers are told, and not posted."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        closed = QuestionClosed(no=row.no, tag="t", occurrence=0, state=state)
        scribe.write(closed=[closed])
        assert store.accept([answer(row)]) == [verdict]
        assert inbox_of(store, row) == []

    def test_a_closed_question_is_judged_before_its_run(self, store: Store) -> None:
        """Who answered is told of the question, though the run ended since."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        store.accept([answer(row)])
        scribe.write(changes=[standing(row, Status.DONE)])
        assert store.accept([answer(row), answer(row, key="x")]) == [
            Verdict.REPEATED,
            Verdict.ANSWERED,
        ]

    def test_an_answer_is_for_one_occurrence(self, store: Store) -> None:
        """B048: a doubled click after a loop asks again isn't taken for the next question."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        store.accept([answer(row, key="one")])
        scribe.write(opened=[opened(row, "t", 1)])
        assert store.accept([answer(row, key="two")]) == [Verdict.ANSWERED]
        assert store.accept([answer(row, occurrence=1, key="two")]) == [Verdict.ACCEPTED]

    def test_an_answer_to_no_question_is_refused(self, store: Store) -> None:
        """The run lives, but asks nothing of that tag and occurrence."""
        row = Scribe(store).asking("a")
        messages: list[Message] = [answer(row, "other"), answer(row, occurrence=1)]
        assert store.accept(messages) == [Verdict.NOT_WAITING] * 2
        assert inbox_of(store, row) == []

    def test_a_message_to_no_run_is_told(self, store: Store) -> None:
        """B063: every kind of message."""
        ghost = begin(store, "a")
        ghost.no = 999_999
        messages: list[Message] = [answer(ghost), early(ghost), cancel(ghost)]
        assert store.accept(messages) == [Verdict.NO_SUCH_RUN] * 3

    def test_the_verdict_table_names_every_outcome(self) -> None:
        """The parametrised tests below leave none out."""
        assert ENDED.keys() == OUTCOMES

    @pytest.mark.parametrize("status", sorted(OUTCOMES))
    def test_a_finished_run_takes_no_answer(self, store: Store, status: Status) -> None:
        """B063: told how it ended, for an open question, none, and an early one."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        scribe.write(changes=[standing(row, status)])
        messages: list[Message] = [answer(row), answer(row, "other"), early(row)]
        assert store.accept(messages) == [ENDED[status]] * 3
        assert inbox_of(store, row) == []

    @pytest.mark.parametrize("status", sorted(OUTCOMES))
    def test_a_finished_run_takes_no_cancel(self, store: Store, status: Status) -> None:
        """B064: too late is told so; of a cancelled run it is only a repetition."""
        row = Scribe(store).run("a", status)
        wanted = Verdict.REPEATED if status is Status.CANCELLED else ENDED[status]
        assert store.accept([cancel(row)]) == [wanted]
        assert inbox_of(store, row) == []
        assert not store.rows([row.no])[0].cancel

    def test_a_cancel_marks_its_run(self, store: Store) -> None:
        """The mark is all that changes in the row; the message is in the inbox."""
        row = Scribe(store).run("a")
        assert store.accept([cancel(row)]) == [Verdict.ACCEPTED]
        assert store.rows([row.no]) == [structs.replace(row, cancel=True)]
        assert inbox_of(store, row) == [cancel(row)]

    def test_a_repeated_cancel_is_no_error(self, store: Store) -> None:
        """B064: and posts nothing, before and after it was applied."""
        scribe = Scribe(store)
        row = scribe.run("a")
        assert store.accept([cancel(row), cancel(row)]) == [Verdict.ACCEPTED, Verdict.REPEATED]
        scribe.write(arrivals=[arrival.id for arrival in store.load([row.no])[0].arrivals])
        assert store.accept([cancel(row)]) == [Verdict.REPEATED]
        assert inbox_of(store, row) == []

    def test_after_a_cancel_nothing_is_taken(self, store: Store) -> None:
        """B064: in the same call too; the question isn't touched."""
        row = Scribe(store).asking("a")
        verdicts = store.accept([cancel(row), answer(row), early(row)])
        assert verdicts == [Verdict.ACCEPTED, Verdict.CANCELLED, Verdict.CANCELLED]
        assert question_of(store, row).state == "open"

    def test_what_undoes_is_answered_after_a_cancel(self, store: Store) -> None:
        """Once the cancel is applied; nothing is kept for a question to come then."""
        scribe = Scribe(store)
        row = scribe.asking("a", "@undo")
        assert store.accept([cancel(row), answer(row, "@undo")])[1] is Verdict.CANCELLED
        scribe.write(changes=[standing(row, Status.CANCELLING)])
        assert store.accept([early(row, "other")]) == [Verdict.CANCELLED]
        assert store.accept([answer(row, "@undo")]) == [Verdict.ACCEPTED]
        assert question_of(store, row, "@undo").state == "answered"
        scribe.write(opened=[opened(row, "@undo", 1)])
        assert store.accept([early(row, "@undo", key="b")]) == [Verdict.ACCEPTED]
        assert store.accept([early(row, "@undo", key="c")]) == [Verdict.CANCELLED]

    def test_an_answer_accepted_before_a_cancel_stays(self, store: Store) -> None:
        """Both are in the inbox, in order."""
        row = Scribe(store).asking("a")
        assert store.accept([answer(row), cancel(row)]) == [Verdict.ACCEPTED] * 2
        assert inbox_of(store, row) == [answer(row), cancel(row)]

    def test_an_early_answer_is_kept(self, store: Store) -> None:
        """B047a: it waits in the inbox, listed as a question still to come."""
        row = Scribe(store).asking("a")
        assert store.accept([early(row, "later")]) == [Verdict.ACCEPTED]
        assert inbox_of(store, row) == [early(row, "later")]
        assert question_of(store, row).state == "open"
        assert question_of(store, row, "later") == kept_row(row, early(row, "later"))

    @pytest.mark.parametrize("status", sorted(set(Status) - OUTCOMES))
    def test_every_living_run_takes_messages(self, store: Store, status: Status) -> None:
        """Paused and blocked ones too: they are applied when the run goes on."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        scribe.write(changes=[standing(row, status)])
        messages: list[Message] = [answer(row), early(row, key="l"), cancel(row)]
        assert store.accept(messages) == [Verdict.ACCEPTED] * 3

    def test_nobody_need_own_the_run(self, store: Store) -> None:
        """Messages are accepted by any process, whoever runs it."""
        row = begin(store, "a")
        assert store.accept([early(row), cancel(row)]) == [Verdict.ACCEPTED] * 2

    def test_arrivals_are_numbered_upwards(self, store: Store) -> None:
        """Over runs and calls, in the order of acceptance; a number isn't used again."""
        scribe = Scribe(store)
        one, two = scribe.run("a"), scribe.run("b")
        store.accept([early(one), early(two)])
        store.accept([early(one, "x")])
        first, second = store.load([one.no, two.no])
        ids = [first.arrivals[0].id, second.arrivals[0].id, first.arrivals[1].id]
        assert ids == sorted(set(ids))
        scribe.write(arrivals=ids)
        store.accept([early(one, "y")])
        assert store.load([one.no])[0].arrivals[0].id > ids[-1]

    def test_nothing_accepted_is_nothing(self, store: Store) -> None:
        """An empty call."""
        assert store.accept([]) == []
