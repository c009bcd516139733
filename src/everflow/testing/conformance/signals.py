"""Signals, news of children, and letters from run to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from everflow.store import (
    OUTCOMES,
    SIGNALS,
    ChildEnded,
    Letter,
    Message,
    Signal,
    Status,
    Store,
    Verdict,
)
from everflow.testing.conformance.accepting import ENDED
from everflow.testing.conformance.base import (
    START,
    Hooks,
    Scribe,
    begin,
    cancel,
    inbox_of,
    new_run,
    standing,
)


def signal(no: int, key: str = "k", name: str = "n") -> Signal:
    """A signal to that run."""
    return Signal(no=no, name=name, payload='"now"', key=key, at=START, by="ann")


def ended(no: int, op: str = "0/call") -> ChildEnded:
    """The news that a child of that run ended."""
    return ChildEnded(no=no, op=op, kind="result", payload="[1]", at=START)


class SignalRules(Hooks):
    """`accept` of signals and of news of children."""

    def test_many_signals_wait_in_their_order(self, store: Store, place: Path) -> None:
        """Of one name and of others, asked for or not, over a restart."""
        row = Scribe(store).run("a")
        sent = [signal(row.no, "1"), signal(row.no, "2"), signal(row.no, "1", "m")]
        assert store.accept(sent) == [Verdict.ACCEPTED] * 3
        later = self.reopen(store, place)
        assert inbox_of(later, row) == sent
        assert later.accept(sent) == [Verdict.REPEATED] * 3
        later.close()

    def test_a_signal_sent_again_is_a_repetition(self, store: Store) -> None:
        """In one call, while it waits, after it was applied, after its run ended."""
        scribe = Scribe(store)
        row = scribe.run("a")
        verdicts = store.accept([signal(row.no), signal(row.no)])
        assert verdicts == [Verdict.ACCEPTED, Verdict.REPEATED]
        scribe.write(arrivals=[a.id for a in store.load([row.no])[0].arrivals])
        assert store.accept([signal(row.no)]) == [Verdict.REPEATED]
        scribe.write(changes=[standing(row, Status.DONE)])
        assert store.accept([signal(row.no)]) == [Verdict.REPEATED]
        assert inbox_of(store, row) == []

    def test_a_key_counts_for_its_run(self, store: Store) -> None:
        """Another run hears the same."""
        one, two = begin(store, "a"), begin(store, "b")
        assert store.accept([signal(one.no), signal(two.no)]) == [Verdict.ACCEPTED] * 2

    @pytest.mark.parametrize("status", sorted(OUTCOMES))
    def test_a_finished_run_takes_no_message(self, store: Store, status: Status) -> None:
        """Told how it ended."""
        row = Scribe(store).run("a", status)
        assert store.accept([signal(row.no), ended(row.no)]) == [ENDED[status]] * 2
        assert inbox_of(store, row) == []

    def test_after_a_cancel_only_news_of_children_is_taken(self, store: Store) -> None:
        """A run that is being cancelled waits for its children."""
        row = Scribe(store).run("a")
        messages: list[Message] = [cancel(row), signal(row.no), ended(row.no)]
        wanted = [Verdict.ACCEPTED, Verdict.CANCELLED, Verdict.ACCEPTED]
        assert store.accept(messages) == wanted
        assert inbox_of(store, row) == [cancel(row), ended(row.no)]

    def test_no_run_is_told(self, store: Store) -> None:
        """B063: both kinds."""
        assert store.accept([signal(99_999), ended(99_999)]) == [Verdict.NO_SUCH_RUN] * 2

    def test_what_waits_is_bounded(self, store: Store) -> None:
        """Whoever sends more is told; once some were applied there is room again."""
        scribe = Scribe(store)
        row = scribe.run("a")
        sent = store.accept([signal(row.no, str(i)) for i in range(SIGNALS + 1)])
        assert sent == [Verdict.ACCEPTED] * SIGNALS + [Verdict.FULL]
        assert store.accept([signal(row.no, "x"), ended(row.no)])[0] is Verdict.FULL
        scribe.write(arrivals=[store.load([row.no])[0].arrivals[0].id])
        verdicts = store.accept([signal(row.no, "x"), signal(row.no, "1")])
        assert verdicts == [Verdict.ACCEPTED, Verdict.REPEATED]
        assert store.accept([signal(row.no, "0")]) == [Verdict.FULL]  # forgotten by now

    def test_a_message_wakes_a_resting_run(self, store: Store) -> None:
        """As an answer does."""
        scribe, other = Scribe(store), Scribe(store)
        row = scribe.run("a", Status.SUSPENDED)
        store.accept([signal(row.no)])
        store.retire(scribe.id)
        assert [taken.id for taken in store.claim(other.id, now=START, limit=9)] == ["a"]
        assert [a.message for a in store.arrivals(other.id, after=0, limit=9)] == [signal(row.no)]


class LetterRules(Hooks):
    """Letters of a batch and of `write`."""

    def test_a_letter_reaches_its_run(self, store: Store) -> None:
        """By public id, in order, with the run's number; once when the batch is sent again."""
        scribe = Scribe(store)
        row = begin(store, "a")
        batch = scribe.batch(
            starts=[new_run("b")],
            letters=[
                Letter(run="a", message=signal(7, "1")),
                Letter(run="b", message=cancel(row)),
                Letter(run="a", message=ended(7)),
                Letter(run="nobody", message=ended(7)),
            ],
        )
        store.append(batch)
        store.append(batch)
        assert inbox_of(store, row) == [signal(row.no, "1"), ended(row.no)]
        other = store.find("b")
        assert other is not None
        assert other.cancel
        assert [a.no for a in store.load([other.no])[0].arrivals] == [other.no]
        assert store.accept([signal(row.no, "1")]) == [Verdict.REPEATED]

    def test_a_letter_that_nobody_takes_is_dropped(self, store: Store) -> None:
        """To an ended run, to a cancelled one, and one that was heard."""
        scribe = Scribe(store)
        gone, stopped, heard = scribe.run("gone"), scribe.run("stopped"), scribe.run("heard")
        store.accept([cancel(stopped), signal(heard.no)])
        scribe.write(
            changes=[standing(gone, Status.DONE)],
            letters=[
                *(Letter(run="gone", message=m) for m in (signal(0), ended(0), cancel(gone))),
                Letter(run="stopped", message=signal(0)),
                Letter(run="stopped", message=cancel(gone)),
                Letter(run="heard", message=signal(0)),
                Letter(run="heard", message=signal(0, "2")),
                Letter(run="heard", message=signal(0, "2")),
            ],
        )
        assert inbox_of(store, gone) == []
        assert inbox_of(store, stopped) == [cancel(stopped)]
        assert inbox_of(store, heard) == [signal(heard.no), signal(heard.no, "2")]
        assert not store.rows([gone.no])[0].cancel
        assert store.accept([signal(gone.no)]) == [Verdict.DONE]

    def test_letters_are_judged_as_the_rows_stood(self, store: Store) -> None:
        """A cancel refuses none beside it."""
        row = begin(store, "a")
        letters = [Letter(run="a", message=cancel(row)), Letter(run="a", message=signal(0))]
        assert store.write([], at=START, letters=letters) == []
        assert inbox_of(store, row) == [cancel(row), signal(row.no)]
        assert store.rows([row.no])[0].cancel

    def test_a_letter_of_a_refused_outcome_isnt_sent(self, store: Store) -> None:
        """The run is told of the outcome that is written in the end."""
        scribe = Scribe(store)
        parent, child = scribe.run("parent"), scribe.run("child")
        store.accept([cancel(child)])
        letter = Letter(run="parent", message=ended(0), of=child.no)
        refused = scribe.write(changes=[standing(child, Status.DONE)], letters=[letter])
        assert refused == [child.no]
        assert inbox_of(store, parent) == []
        scribe.write(changes=[standing(child, Status.CANCELLED)], letters=[letter])
        assert inbox_of(store, parent) == [ended(parent.no)]

    def test_letters_pass_the_limit_of_signals(self, store: Store) -> None:
        """Nobody could be told; the oldest keys are forgotten."""
        scribe = Scribe(store)
        row = begin(store, "a")
        store.accept([signal(row.no, str(i)) for i in range(SIGNALS)])
        scribe.write(letters=[Letter(run="a", message=signal(0, "x"))])
        assert len(inbox_of(store, row)) == SIGNALS + 1
        scribe.write(arrivals=[a.id for a in store.load([row.no])[0].arrivals])
        verdicts = store.accept([signal(row.no, key) for key in ("1", "x", "0")])
        assert verdicts == [Verdict.REPEATED, Verdict.REPEATED, Verdict.ACCEPTED]
