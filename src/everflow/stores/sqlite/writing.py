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
    row_of_new,
)
from everflow.stores.sqlite.desk import QUERIES, Desk, as_json
from everflow.stores.sqlite.trouble import Changed

_APPEND, _START, _ACCEPT = QUERIES["append"], QUERIES["start"], QUERIES["accept"]
_REPEATED = _SOME_WERE_THERE = -1  # what the triggers tell; numbers of runs are above 0
_KINDS = {Answer: "answer", Early: "early", Cancel: "cancel"}
_TRIES = 100

Judged = tuple[RunRow | None, QuestionRow | None]


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
        places = as_json(
            [(m.no, getattr(m, "tag", ""), getattr(m, "occurrence", 0)) for m in messages]
        )
        for _ in range(_TRIES):
            rows = self._ask("judged", list[Judged], (places,))
            verdicts = _judge(messages, rows)
            accepted = [
                message
                for message, verdict in zip(messages, verdicts, strict=True)
                if verdict is Verdict.ACCEPTED
            ]
            if not accepted:
                return verdicts
            try:
                self._pen.write(_ACCEPT, _as_rows(accepted))
            except Changed:
                continue
            return verdicts
        raise StoreError(f"Others changed the same runs of {self._name} {_TRIES} times.")


def kind_of(message: Message) -> str:
    """The word for it in the inbox."""
    return _KINDS[type(message)]


def _as_rows(messages: Sequence[Message]) -> tuple[str, str, str]:
    """Answered questions, cancelled runs, and the rows of the inbox."""
    answers = [(m.no, m.tag, m.occurrence, m.key) for m in messages if isinstance(m, Answer)]
    cancels = [m.no for m in messages if isinstance(m, Cancel)]
    inbox = [(m.no, kind_of(m), as_json(m)) for m in messages]
    return as_json(answers), as_json(cancels), as_json(inbox)


def _judge(messages: Sequence[Message], rows: Sequence[Judged]) -> list[Verdict]:
    """The verdicts in order; an accepted message counts for those after it."""
    runs = {run.no: run for run, _ in rows if run is not None}
    questions = {(q.no, q.tag, q.occurrence): q for _, q in rows if q is not None}
    verdicts = []
    for message in messages:
        run = runs.get(message.no)
        if isinstance(message, Answer):
            question = questions.get((message.no, message.tag, message.occurrence))
            verdict = judge_answer(run, question, message.key)
            if verdict is Verdict.ACCEPTED and question is not None:
                question.state = "answered"
                question.key = message.key
        elif isinstance(message, Cancel):
            verdict = judge_cancel(run)
            if verdict is Verdict.ACCEPTED and run is not None:
                run.cancel = True
        else:
            verdict = judge_early(run)
        verdicts.append(verdict)
    return verdicts
