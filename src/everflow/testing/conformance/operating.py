"""What operators do: the next generation of a failed run, labels, pauses."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from everflow.store import (
    OUTCOMES,
    Pause,
    Put,
    QuestionClosed,
    Reopened,
    RunQuery,
    RunRow,
    Status,
    Store,
    Unpause,
    Verdict,
)
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

AUDIT = [Put(kind="audit", key="1", body='"x"')]


def failed(scribe: Scribe, name: str = "a", **more: Any) -> RunRow:
    """A run of two entries that has failed."""
    row = scribe.run(name)
    scribe.write(entries=[entry(row.no, 1)], opened=[opened(row)])
    ends = {"ended": START, "outcome": '{"kind":"failed"}', "deaths": 1, "due": START}
    scribe.write(changes=[standing(row, Status.FAILED, **(ends | more))])
    return scribe.store.rows([row.no])[0]


def reopening(row: RunRow, seq: int = 2, **changes: Any) -> Reopened:
    """The next generation of a run."""
    given = Reopened(no=row.no, generation=row.generation, entry=entry(row.no, seq, '["again"]'))
    return structs.replace(given, **changes)


def pause(row: RunRow) -> Pause:
    """The wish that a run begins nothing more."""
    return Pause(no=row.no, at=START, by="ann")


def unpause(row: RunRow) -> Unpause:
    """The wish that it goes on."""
    return Unpause(no=row.no, at=START, by="ann")


class GenerationRules(Hooks):
    """`reopen`."""

    def test_a_failed_run_is_queued_for_its_next_generation(self, store: Store) -> None:
        """B069: the entry is its base; nothing of the outcome stays in the row."""
        scribe = Scribe(store)
        row = failed(scribe)
        assert store.reopen([reopening(row, puts=AUDIT)], at=START + 7) == [True]
        (now,) = store.rows([row.no])
        assert now == structs.replace(
            row,
            status=Status.QUEUED,
            generation=1,
            base=2,
            owner=0,
            outcome=None,
            ended=None,
            due=None,
            deaths=0,
            updated=START + 7,
        )
        assert [seq for _, seq, _, _ in store.load([row.no])[0].entries] == [2]
        assert [seq for _, seq, _, _ in store.journal(row.no)] == [0, 1, 2]
        assert [record.key for record in store.records("audit")] == ["1"]
        assert [taken.id for taken in store.claim(scribe.id, now=START, limit=9)] == ["a"]

    @pytest.mark.parametrize(
        "changes", [{"generation": 1}, {"entry": entry(1, 3)}, {"entry": entry(1, 1)}]
    )
    def test_a_run_that_moved_on_is_left_alone(self, store: Store, changes: dict[str, Any]) -> None:
        """Another generation, or another end of its journal: somebody was faster."""
        row = failed(Scribe(store))
        given = reopening(row, puts=AUDIT, **changes)
        assert store.reopen([given], at=START) == [False]
        assert store.records("audit") == []
        assert store.rows([row.no]) == [row]
        assert len(store.journal(row.no)) == 2

    @pytest.mark.parametrize("status", sorted(set(Status) - {Status.FAILED}))
    def test_only_a_failed_run_is_reopened(self, store: Store, status: Status) -> None:
        """False for any other, and for one that isn't there; what else is asked for is done."""
        scribe = Scribe(store)
        row, other = scribe.run("a", status), failed(scribe, "b")
        missing = reopening(row, no=999_999)
        given = [reopening(row, 1), missing, reopening(other)]
        assert store.reopen(given, at=START) == [False, False, True]
        assert store.rows([row.no]) == [row]

    def test_a_generation_is_opened_once(self, store: Store) -> None:
        """Of two who saw the same failure, one is first."""
        row = failed(Scribe(store))
        assert store.reopen([reopening(row)], at=START) == [True]
        assert store.reopen([reopening(row)], at=START) == [False]
        assert store.rows([row.no])[0].generation == 1

    @pytest.mark.parametrize("state", ["answered", "expired", "cancelled"])
    def test_its_questions_are_open_again(self, store: Store, state: Closed) -> None:
        """By the same address, whatever had closed them; new ones too."""
        scribe = Scribe(store)
        row = failed(scribe)
        scribe.write(closed=[QuestionClosed(row.no, "t", 0, state)])
        questions = [opened(row, due=START + 5), opened(row, "new")]
        assert store.reopen([reopening(row, questions=questions)], at=START) == [True]
        question = question_of(store, row)
        assert (question.state, question.key, question.due) == ("open", None, START + 5)
        assert store.accept([answer(row), answer(row, "new")]) == [Verdict.ACCEPTED] * 2

    def test_it_waits_for_its_place_in_its_queue_again(self, store: Store) -> None:
        """The failed one gave it up."""
        scribe = Scribe(store)
        row = begin(store, "a", queue="q", admitted=START)
        store.claim(scribe.id, now=START, limit=1)
        scribe.write(changes=[standing(row, Status.FAILED)])
        assert store.reopen([reopening(row, 1)], at=START) == [True]
        assert store.rows([row.no])[0].admitted is None


class LabelRules(Hooks):
    """`relabel`."""

    @pytest.mark.parametrize("status", sorted({*Status} - {Status.HANDED_OFF}))
    def test_labels_are_given_and_taken(self, store: Store, status: Status) -> None:
        """Of runs that are run here, in any status; the others stay, and other runs have theirs."""
        scribe = Scribe(store)
        row = begin(store, "a", labels={"x": "1", "y": "2"}, owner=scribe.id)
        other = begin(store, "b", labels={"x": "1"})
        scribe.write(changes=[standing(row, status)])
        store.relabel([row.no, 999_999], {"x": "3", "y": None, "z": "ü'"}, AUDIT, at=START)
        assert store.rows([row.no])[0].labels == {"x": "3", "z": "ü'"}
        assert store.rows([other.no]) == [other]
        assert [run.id for run in store.runs(RunQuery(labels=(("z", "ü'"),)))] == ["a"]
        assert len(store.records("audit")) == 1

    def test_children_are_found_by_their_parent(self, store: Store) -> None:
        """And counted."""
        begin(store, "a")
        begin(store, "b", parent="a")
        assert [row.id for row in store.runs(RunQuery(parent="a"))] == ["b"]
        assert store.count(RunQuery(parent="b")) == {}


class PauseRules(Hooks):
    """`Pause` and `Unpause`."""

    def test_a_pause_reaches_its_run_by_the_inbox(self, store: Store) -> None:
        """Repeated while it isn't applied, it is another message."""
        row = begin(store, "a")
        assert store.accept([pause(row), unpause(row)]) == [Verdict.ACCEPTED] * 2
        assert inbox_of(store, row) == [pause(row), unpause(row)]

    def test_a_run_that_waits_in_a_queue_is_paused_at_once(self, store: Store) -> None:
        """Nobody has it, so nobody needs to be told; it isn't admitted before it waits again."""
        row = begin(store, "a", queue="q")
        assert store.accept([pause(row)]) == [Verdict.ACCEPTED]
        paused = structs.replace(row, status=Status.PAUSED, reason="paused by ann")
        store.write([], at=START, admit=[row.no])
        assert (store.rows([row.no]), store.waiting()) == ([paused], [])
        assert store.accept([pause(row), unpause(row), unpause(row)]) == [
            Verdict.REPEATED,
            Verdict.ACCEPTED,
            Verdict.ACCEPTED,
        ]
        assert (store.rows([row.no]), inbox_of(store, row)) == ([row], [])
        assert store.accept([pause(row), unpause(row), pause(row)]).count(Verdict.ACCEPTED) == 3
        assert store.rows([row.no]) == [paused]

    def test_a_run_with_a_place_is_told_of_its_pause(self, store: Store) -> None:
        """By whoever runs it; and one that is blocked needs no place to be paused."""
        scribe = Scribe(store)
        row = begin(store, "a", queue="q", admitted=START)
        other = begin(store, "b", queue="q", owner=scribe.id)
        scribe.write(changes=[standing(other, Status.BLOCKED)])
        store.accept([pause(row), pause(other)])
        assert inbox_of(store, row) == [pause(row)]
        assert inbox_of(store, other) == [pause(other)]

    @pytest.mark.parametrize("status", sorted(OUTCOMES))
    def test_an_ended_run_is_not_paused(self, store: Store, status: Status) -> None:
        """Each is told how it ended."""
        row = Scribe(store).run("a", status)
        assert store.accept([pause(row), unpause(row)]).count(Verdict.ACCEPTED) == 0
        gone = structs.replace(row, no=999_999)
        assert store.accept([pause(gone), unpause(gone)]) == [Verdict.NO_SUCH_RUN] * 2

    def test_a_run_whose_cancel_was_accepted_is_not_paused(self, store: Store) -> None:
        """It ends."""
        row = begin(store, "a")
        store.accept([cancel(row)])
        assert store.accept([pause(row), unpause(row)]) == [Verdict.CANCELLED] * 2

    def test_a_paused_run_is_paused_already(self, store: Store) -> None:
        """And one that waits for an operator isn't paused."""
        scribe = Scribe(store)
        paused = scribe.run("a", Status.PAUSED)
        aside = scribe.run("b", Status.BLOCKED, until="operator")
        replies = store.accept([pause(paused), unpause(aside)])
        assert replies == [Verdict.REPEATED, Verdict.NOT_WAITING]

    def test_a_paused_run_is_taken_for_the_end_of_its_pause(self, store: Store) -> None:
        """For nothing else; and not by a worker that lacks its code."""
        scribe = Scribe(store)
        row = scribe.run("a", Status.PAUSED, due=START)
        store.release(scribe.id, [row.no])
        store.accept([pause(row), early(row)])
        other = scribe.run("b", Status.PAUSED)
        store.release(scribe.id, [other.no])
        assert store.claim(scribe.id, now=START, limit=9) == []
        assert store.accept([unpause(other)]) == [Verdict.ACCEPTED]
        assert store.claim(scribe.id, now=START, limit=9, without=["d1"]) == []
        assert [run.id for run in store.claim(scribe.id, now=START, limit=9)] == ["b"]
