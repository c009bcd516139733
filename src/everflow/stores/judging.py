"""Judging messages by a look at the rows; a store writes on condition that they stand so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from everflow.store import (
    Answer,
    Cancel,
    ChildEnded,
    Early,
    Message,
    Pause,
    QuestionRow,
    RunRow,
    Settled,
    Signal,
    Status,
    Unpause,
    UpgradeTo,
    Verdict,
    judge_answer,
    judge_cancel,
    judge_child,
    judge_early,
    judge_pause,
    judge_settled,
    judge_signal,
    judge_unpause,
    judge_upgrade,
    kept_row,
    set_aside,
)
from everflow.stores.documents import as_json

_KINDS = {
    Answer: "answer",
    Early: "early",
    Cancel: "cancel",
    Pause: "pause",
    Unpause: "unpause",
    Signal: "signal",
    ChildEnded: "child",
    Settled: "settled",
    UpgradeTo: "upgrade",
}

_BY_RUN: dict[type[Message], Callable[[RunRow | None], Verdict]] = {
    Cancel: judge_cancel,
    ChildEnded: judge_child,
    Pause: judge_pause,
    Unpause: judge_unpause,
    Settled: judge_settled,
    UpgradeTo: judge_upgrade,
}

# (run, question, questions of the tag, whether the key was heard, signals that wait)
Judged = tuple[RunRow | None, QuestionRow | None, list[QuestionRow], bool, int]
# (run, tag or name, occurrence, key by tag, key of a signal)
Place = tuple[int, str, int | None, str | None, str | None]


def kind_of(message: Message) -> str:
    """The word for it in the inbox."""
    return _KINDS[type(message)]


def place_of(message: Message) -> Place:
    """What a message is judged by; the keys are those of an answer by tag, and of a signal."""
    if isinstance(message, Answer):
        return message.no, message.tag, message.occurrence, None, None
    if isinstance(message, Early):
        return message.no, message.tag, message.seen, message.key, None
    if isinstance(message, Signal):
        return message.no, message.name, None, None, message.key
    return message.no, "", None, None, None


class Accepted(msgspec.Struct):
    """What accepted messages write, in their order.

    ``tagged`` are those by tag alone, as they were given; ``kept`` those of them that are kept.
    """

    messages: list[tuple[int, str, str, str | None]]  # (run, kind, message, tag where it's kept)
    cancels: list[int]
    answers: list[tuple[int, str, int, str]]  # (run, tag, occurrence, key)
    tagged: list[tuple[int, str, str]]  # (run, tag, key)
    kept: list[tuple[int, str, str, int]]  # (run, tag, key, at)
    signals: list[tuple[int, str, str]]  # (run, name, key)
    aside: list[tuple[int, Status, Status, str]]  # (run, status before, status, reason)


class Judge:
    """Judges messages in order; an accepted one counts for those after it."""

    def __init__(self, messages: Sequence[Message], judged: Sequence[Judged]) -> None:
        self.accepted: list[Message] = []
        self.aside: dict[int, tuple[Status, RunRow]] = {}  # with the status of before
        self._early: list[Early] = []  # the accepted ones, as they were given
        self._runs = {run.no: run for run, *_ in judged if run is not None}
        self._heard: set[tuple[int, str, str]] = set()
        self._waiting: dict[int, int] = {}  # signals, by run
        self._questions: dict[tuple[int, str], dict[int, QuestionRow]] = {}
        for message, (_, question, others, heard, waiting) in zip(messages, judged, strict=True):
            for found in (question, *others):
                if found is not None:
                    self._add(found)
            if isinstance(message, Signal):
                self._waiting[message.no] = waiting
                if heard:
                    self._heard.add((message.no, message.name, message.key))

    def _add(self, question: QuestionRow) -> None:
        of_tag = self._questions.setdefault((question.no, question.tag), {})
        of_tag.setdefault(question.occurrence, question)

    def __call__(self, message: Message) -> Verdict:
        """What becomes of it."""
        run = self._runs.get(message.no)
        if isinstance(message, Early):
            return self._judge_early(run, message)
        if isinstance(message, Answer):
            verdict = self._judge_answer(run, message)
        elif isinstance(message, Signal):
            verdict = self._judge_signal(run, message)
        else:
            verdict = _BY_RUN[type(message)](run)
            if isinstance(message, Cancel) and verdict is Verdict.ACCEPTED and run is not None:
                run.cancel = True
            if verdict is Verdict.ACCEPTED and run is not None and self._set_aside(run, message):
                return verdict
        if verdict is Verdict.ACCEPTED:
            self.accepted.append(message)
        return verdict

    def _set_aside(self, run: RunRow, message: Message) -> bool:
        before = run.status
        if not isinstance(message, Pause | Unpause) or not set_aside(run, message):
            return False
        if run.status is not before:
            first, _ = self.aside.get(run.no, (before, run))
            self.aside[run.no] = first, run
        return True

    def _judge_answer(self, run: RunRow | None, answer: Answer) -> Verdict:
        question = self._questions.get((answer.no, answer.tag), {}).get(answer.occurrence)
        verdict = judge_answer(run, question, answer.key)
        if verdict is Verdict.ACCEPTED and question is not None:
            question.state = "answered"
            question.key = answer.key
        return verdict

    def _judge_signal(self, run: RunRow | None, signal: Signal) -> Verdict:
        place = signal.no, signal.name, signal.key
        waiting = self._waiting[signal.no]
        verdict = judge_signal(run, heard=place in self._heard, waiting=waiting)
        if verdict is Verdict.ACCEPTED:
            self._heard.add(place)
            self._waiting[signal.no] = waiting + 1
        return verdict

    def _judge_early(self, run: RunRow | None, early: Early) -> Verdict:
        of_tag = self._questions.get((early.no, early.tag), {})
        verdict, given = judge_early(run, list(of_tag.values()), early)
        if verdict is not Verdict.ACCEPTED or run is None:
            return verdict
        self._early.append(early)
        if given is not None:
            return self(given)
        self._add(kept_row(run, early))
        self.accepted.append(early)
        return verdict

    def accepted_rows(self) -> Accepted:
        """What is to be written."""
        messages = self.accepted
        tags = {id(m): m.tag for m in messages if isinstance(m, Early)}
        return Accepted(
            messages=[(m.no, kind_of(m), as_json(m), tags.get(id(m))) for m in messages],
            cancels=[m.no for m in messages if isinstance(m, Cancel)],
            answers=[(m.no, m.tag, m.occurrence, m.key) for m in messages if isinstance(m, Answer)],
            tagged=[(m.no, m.tag, m.key) for m in self._early],
            kept=[(m.no, m.tag, m.key, m.at) for m in messages if isinstance(m, Early)],
            signals=[(m.no, m.name, m.key) for m in messages if isinstance(m, Signal)],
            aside=[(no, old, run.status, run.reason) for no, (old, run) in self.aside.items()],
        )
