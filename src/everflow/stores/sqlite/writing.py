"""Batches, starts and messages, each of them one statement (see ``session.sql``)."""

from __future__ import annotations

from collections.abc import Sequence

from everflow.errors import StoreError
from everflow.store import (
    Answer,
    Batch,
    Cancel,
    Early,
    Message,
    NewRun,
    QuestionRow,
    RunRow,
    SideRow,
    Verdict,
    judge_answer,
    judge_cancel,
    judge_early,
    kept_row,
    row_of_new,
)
from everflow.stores.sqlite.desk import QUERIES, Desk, as_json
from everflow.stores.sqlite.opening import Value
from everflow.stores.sqlite.trouble import Changed

_APPEND, _START, _ACCEPT = QUERIES["append"], QUERIES["start"], QUERIES["accept"]
_REPEATED = _SOME_WERE_THERE = -1  # what the triggers tell; numbers of runs are above 0
_KINDS = {Answer: "answer", Early: "early", Cancel: "cancel"}
_TRIES = 100

Judged = tuple[RunRow | None, QuestionRow | None, list[QuestionRow]]


class Writing(Desk):
    """``append``, ``start`` and ``accept``."""

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        """Write a batch in one transaction; give the runs whose outcome was refused."""
        values = (
            batch.worker,
            batch.epoch,
            batch.number,
            batch.at,
            as_json(batch.entries),
            as_json(list({change.no: change for change in batch.changes}.values())),
            as_json(batch.opened),
            as_json(batch.closed),
            as_json(batch.arrivals),
            as_json(batch.definitions),
        )
        if side_rows:
            told = self._append_with(values, side_rows)
        else:
            told = self._pen.write(_APPEND, values)
        board = self._boards.own(batch.worker)
        if board is not None:
            board.wrote(batch.number)
        return [no for no in told if no != _REPEATED]

    def _append_with(self, values: tuple[object, ...], side_rows: Sequence[SideRow]) -> list[int]:
        with self._pen.transaction() as db:
            told: list[int] = []
            self._pen.told = told
            db.execute(_APPEND, values)
            if _REPEATED not in told:
                for side in side_rows:
                    db.execute(side.statement, tuple(side.values))
        return told

    def start(
        self, runs: Sequence[NewRun], definitions: Sequence[tuple[str, str]] = ()
    ) -> list[RunRow]:
        """Insert the runs that are new; give for each its row, or that of the run with its key."""
        rows, unnumbered = [], 0
        for run in runs:
            if not run.no:
                unnumbered += 1
            rows.append(
                (
                    run.no or -unnumbered,
                    run.id,
                    run.flow,
                    run.definition,
                    run.status,
                    run.owner,
                    run.key,
                    run.parent,
                    as_json(run.labels),
                    run.at,
                    run.body,
                    run.sum,
                )
            )
        values = as_json(rows), len(rows), unnumbered, as_json(definitions)
        told = self._pen.write(_START, values)
        if _SOME_WERE_THERE in told:
            asked = as_json([(run.id, run.flow, run.key) for run in runs])
            return self._ask("started", list[RunRow], (asked,))
        last = told[0] if told else 0
        return [
            row_of_new(run, row[0] if row[0] > 0 else last - row[0])
            for run, row in zip(runs, rows, strict=True)
        ]

    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        """Judge each message, and put the accepted into the inbox.

        They are judged by a look at the rows and written on condition that the rows still stand
        so; when they don't, all are judged anew.
        """
        asked: dict[str, Value] = {
            "places": as_json([_place(m) for m in messages]),
            "most": len(messages) + 1,
        }
        for _ in range(_TRIES):
            judge = _Judge(self._ask("judged", list[Judged], asked))
            verdicts = [judge(message) for message in messages]
            if not judge.accepted:
                return verdicts
            try:
                self._pen.write(_ACCEPT, judge.rows())
            except Changed:
                continue
            return verdicts
        raise StoreError(f"Others changed the same runs of {self._name} {_TRIES} times.")


def kind_of(message: Message) -> str:
    """The word for it in the inbox."""
    return _KINDS[type(message)]


def _place(message: Message) -> tuple[int, str, int | None, str | None]:
    """What a message is judged by: run, tag, occurrence, and the key of one by tag alone."""
    if isinstance(message, Answer):
        return message.no, message.tag, message.occurrence, None
    if isinstance(message, Early):
        return message.no, message.tag, message.seen, message.key
    return message.no, "", None, None


class _Judge:
    """Judges messages in order; an accepted one counts for those after it."""

    def __init__(self, judged: Sequence[Judged]) -> None:
        self.accepted: list[Message] = []
        self._early: list[Early] = []  # the accepted ones, as they were given
        self._runs = {run.no: run for run, _, _ in judged if run is not None}
        self._questions: dict[tuple[int, str], dict[int, QuestionRow]] = {}
        for _, question, others in judged:
            for found in (question, *others):
                if found is not None:
                    self._add(found)

    def _add(self, question: QuestionRow) -> None:
        of_tag = self._questions.setdefault((question.no, question.tag), {})
        of_tag.setdefault(question.occurrence, question)

    def __call__(self, message: Message) -> Verdict:
        run = self._runs.get(message.no)
        if isinstance(message, Early):
            return self._judge_early(run, message)
        if isinstance(message, Answer):
            of_tag = self._questions.get((message.no, message.tag), {})
            question = of_tag.get(message.occurrence)
            verdict = judge_answer(run, question, message.key)
            if verdict is Verdict.ACCEPTED and question is not None:
                question.state = "answered"
                question.key = message.key
        else:
            verdict = judge_cancel(run)
            if verdict is Verdict.ACCEPTED and run is not None:
                run.cancel = True
        if verdict is Verdict.ACCEPTED:
            self.accepted.append(message)
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

    def rows(self) -> tuple[str, str, str, str, str]:
        """Answered questions, cancelled runs, the inbox, what came by tag, and what is kept."""
        messages = self.accepted
        answers = [(m.no, m.tag, m.occurrence, m.key) for m in messages if isinstance(m, Answer)]
        cancels = [m.no for m in messages if isinstance(m, Cancel)]
        inbox = [(m.no, kind_of(m), as_json(m)) for m in messages]
        tagged = [(m.no, m.tag, m.key) for m in self._early]
        kept = [(m.no, m.tag, m.key, m.at) for m in messages if isinstance(m, Early)]
        return as_json(answers), as_json(cancels), as_json(inbox), as_json(tagged), as_json(kept)
