"""Answers by tag alone: whose they are, how many are kept, and what a key is told again."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from everflow.store import (
    KEPT,
    Message,
    QuestionClosed,
    QuestionQuery,
    Status,
    Store,
    Verdict,
    answer_of,
)
from everflow.testing.conformance.base import (
    Hooks,
    Scribe,
    answer,
    cancel,
    early,
    inbox_of,
    opened,
    question_of,
    standing,
)


def arrived(store: Store, no: int) -> list[int]:
    """The ids in the run's inbox."""
    return [arrival.id for arrival in store.load([no])[0].arrivals]


class EarlyRules(Hooks):
    """`accept` and `append`, by the rules of `everflow.store.judge` for answers by tag."""

    def test_an_early_key_is_told_again(self, store: Store) -> None:
        """B048: while it is kept, and after its question took it, beside newer questions too."""
        scribe = Scribe(store)
        row = scribe.run("a")
        assert store.accept([early(row), early(row)]) == [Verdict.ACCEPTED, Verdict.REPEATED]
        scribe.write(opened=[opened(row)], arrivals=arrived(store, row.no))
        scribe.write(closed=[QuestionClosed(no=row.no, tag="t", occurrence=0, state="answered")])
        scribe.write(opened=[opened(row, occurrence=1, early=True), opened(row, occurrence=2)])
        assert store.accept([early(row)]) == [Verdict.REPEATED]
        assert store.accept([early(row, seen=2)]) == [Verdict.REPEATED]
        assert store.accept([early(row, key="other")]) == [Verdict.ACCEPTED]

    def test_one_early_answer_is_kept(self, store: Store) -> None:
        """A second one is told, in the same call and later; other tags have their own."""
        row = Scribe(store).run("a")
        verdicts = store.accept([early(row), early(row, key="l"), early(row, "x", "l")])
        assert verdicts == [Verdict.ACCEPTED, Verdict.ANSWERED, Verdict.ACCEPTED]
        assert store.accept([early(row, key="m")]) == [Verdict.ANSWERED]
        assert inbox_of(store, row) == [early(row), early(row, "x", "l")]

    def test_an_answer_by_tag_meets_the_open_question(self, store: Store) -> None:
        """Exactly one is open: it is an answer to that one, and repeated like any other."""
        row = Scribe(store).asking("a")
        verdicts = store.accept([early(row), answer(row, key="l"), early(row, key="m")])
        assert verdicts == [Verdict.ACCEPTED, Verdict.ANSWERED, Verdict.ACCEPTED]
        assert inbox_of(store, row) == [answer_of(early(row), 0), early(row, key="m")]
        assert store.accept([answer(row), early(row)]) == [Verdict.REPEATED] * 2

    def test_an_answer_by_tag_is_for_what_was_seen(self, store: Store) -> None:
        """B048: not for a question that came since."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        store.accept([answer(row, key="one")])
        scribe.write(opened=[opened(row, occurrence=1)])
        assert store.accept([early(row, seen=0), early(row, seen=7)]) == [
            Verdict.ANSWERED,
            Verdict.NOT_WAITING,
        ]
        assert store.accept([early(row, seen=1)]) == [Verdict.ACCEPTED]

    def test_an_answer_by_tag_to_several_is_ambiguous(self, store: Store) -> None:
        """It is taken while exactly one matches; the other one may close in the same call."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        scribe.write(opened=[opened(row, occurrence=1), opened(row, occurrence=2)])
        assert store.accept([early(row), early(row, seen=1)]) == [Verdict.AMBIGUOUS] * 2
        assert inbox_of(store, row) == []
        messages: list[Message] = [answer(row), answer(row, occurrence=1), early(row, key="l")]
        assert store.accept(messages) == [Verdict.ACCEPTED] * 3
        assert inbox_of(store, row)[2] == answer_of(early(row, key="l"), 2)

    def test_a_question_takes_what_is_kept_for_it(self, store: Store) -> None:
        """As it opens: it takes no other one, and the message in the inbox is an answer to it."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.accept([early(row)])
        before = arrived(store, row.no)
        scribe.write(opened=[opened(row, occurrence=3), opened(row, occurrence=4)])
        first, second = store.questions(QuestionQuery(no=row.no, open_only=False))
        assert (first.occurrence, first.state, first.key) == (3, "answered", "k")
        assert (second.occurrence, second.state, second.key) == (4, "open", None)
        assert inbox_of(store, row) == [answer_of(early(row), 3)]
        assert arrived(store, row.no) > before
        assert store.accept([answer(row, occurrence=3, key="l")]) == [Verdict.ANSWERED]

    def test_a_question_that_closed_at_once_takes_nothing(self, store: Store) -> None:
        """What was kept stays so."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.accept([early(row)])
        closed = QuestionClosed(no=row.no, tag="t", occurrence=0, state="cancelled")
        scribe.write(opened=[opened(row)], closed=[closed])
        assert inbox_of(store, row) == [early(row)]
        found = store.questions(QuestionQuery(no=row.no, open_only=False))
        assert {(q.occurrence, q.state) for q in found} == {(0, "cancelled"), (KEPT, "kept")}

    def test_a_journaled_one_goes_to_the_question_its_owner_names(self, store: Store) -> None:
        """Not to another one that opens in the same batch."""
        scribe = Scribe(store)
        row = scribe.run("a")
        store.accept([early(row)])
        scribe.write(opened=[opened(row)], arrivals=arrived(store, row.no))
        assert store.questions(QuestionQuery(no=row.no))[0].occurrence == 0
        scribe.write(opened=[opened(row, occurrence=1, early=True)])
        (taken,) = store.questions(QuestionQuery(occurrence=1, open_only=False))
        assert (taken.state, taken.key, taken.op) == ("answered", "k", "0/t~1")
        assert store.questions(QuestionQuery(occurrence=KEPT, open_only=False)) == []

    def test_an_early_question_needs_nothing_kept(self, store: Store) -> None:
        """It is answered all the same."""
        scribe = Scribe(store)
        row = scribe.run("a")
        scribe.write(opened=[opened(row, early=True)])
        assert (question_of(store, row).state, question_of(store, row).key) == ("answered", None)
        assert store.accept([answer(row)]) == [Verdict.ANSWERED]

    def test_nothing_answers_what_is_kept(self, store: Store) -> None:
        """Its place is no question."""
        row = Scribe(store).run("a")
        store.accept([early(row)])
        assert store.accept([answer(row, occurrence=KEPT)]) == [Verdict.NOT_WAITING]

    def test_a_key_is_told_again_after_the_end(self, store: Store) -> None:
        """B048: and any other is told how the run ended."""
        scribe = Scribe(store)
        row = scribe.asking("a")
        store.accept([early(row), cancel(row)])
        assert store.accept([early(row), early(row, key="l")]) == [
            Verdict.REPEATED,
            Verdict.CANCELLED,
        ]
        scribe.write(changes=[standing(row, Status.CANCELLED)])
        assert store.accept([early(row, seen=0)]) == [Verdict.REPEATED]

    def test_what_is_kept_outlives_a_restart(self, store: Store, place: Path) -> None:
        """With its key."""
        row = Scribe(store).run("a")
        store.accept([early(row)])
        later = self.reopen(store, place)
        assert later.accept([early(row), early(row, key="l")]) == [
            Verdict.REPEATED,
            Verdict.ANSWERED,
        ]
        later.close()

    def test_what_is_kept_moves_with_its_run(self, store: Store, place: Path) -> None:
        """B099: export and import take it along."""
        row = Scribe(store).run("a")
        store.accept([early(row)])
        whole = store.export(row.no)
        moved = structs.replace(whole, row=structs.replace(whole.row, id="b", key=None))
        assert store.install([moved], []) == ["new"]
        there = store.find("b")
        assert there is not None
        assert store.accept([early(there), early(there, key="l")]) == [
            Verdict.REPEATED,
            Verdict.ANSWERED,
        ]
        del place
