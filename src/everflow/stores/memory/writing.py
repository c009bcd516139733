"""Batches, starts and messages: everything that writes history.

What can be refused is looked at before the first write.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from msgspec.structs import asdict

from everflow.errors import Fenced, StoreError
from everflow.store import (
    OUTCOMES,
    Answer,
    Batch,
    Cancel,
    Message,
    NewRun,
    QuestionOpened,
    QuestionRow,
    RunChange,
    RunRow,
    SideRow,
    Status,
    Verdict,
    judge_answer,
    judge_cancel,
    judge_early,
    row_of_new,
)
from everflow.stores.memory.tables import Tables, copied, locked


class Writing(Tables):
    """``append``, ``start`` and ``accept``."""

    @locked
    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        """Write a batch, or say again what was refused of the last one."""
        worker = self._workers.get(batch.worker)
        if worker is None or worker.gone or worker.epoch != batch.epoch:
            raise Fenced(f"worker {batch.worker} was deposed", hint="enlist again")
        if batch.number == worker.number and batch.number:
            return list(self._refused[worker.id])
        if batch.number != worker.number + 1:
            raise Fenced(f"batch {batch.number} of worker {worker.id} came after {worker.number}")
        refused = self._write(batch)
        self.side.extend(copy.deepcopy(side_rows))
        worker.number = batch.number
        self._refused[worker.id] = refused
        self._info.highest = max(self._info.highest, batch.at)
        self._version += 1
        return list(refused)

    def _write(self, batch: Batch) -> list[int]:
        self._define(batch.definitions)
        for no, seq, body, checksum in batch.entries:
            if no in self._runs:
                self._entries[no][seq] = (no, seq, body, checksum)
        for opened in batch.opened:
            if opened.no in self._runs:
                self._open(opened)
        for closed in batch.closed:
            question = self._questions.get((closed.no, closed.tag, closed.occurrence))
            if question is not None and question.state == "open":
                question.state = closed.state
        applied = [self._inbox.pop(id_).message for id_ in batch.arrivals if id_ in self._inbox]
        seen = {message.no for message in applied if isinstance(message, Cancel)}
        return [change.no for change in batch.changes if not self._change(change, batch.at, seen)]

    def _change(self, change: RunChange, at: int, seen: set[int]) -> bool:
        """False when a cancel that the owner hasn't seen refuses the outcome."""
        run = self._runs.get(change.no)
        if run is None:
            return True
        is_end = change.status in OUTCOMES and change.status is not Status.CANCELLED
        if is_end and run.cancel and run.no not in seen:
            return False
        for field, value in asdict(change).items():
            setattr(run, field, value)
        run.updated = at
        return True

    def _open(self, opened: QuestionOpened) -> None:
        run = self._runs[opened.no]
        question = QuestionRow(
            **asdict(opened),
            run=run.id,
            flow=run.flow,
            definition=run.definition,
            state="open",
            key=None,
        )
        self._questions.setdefault((run.no, opened.tag, opened.occurrence), question)

    @locked
    def start(
        self, runs: Sequence[NewRun], definitions: Sequence[tuple[str, str]] = ()
    ) -> list[RunRow]:
        """Insert the runs that are new."""
        taken: dict[int, str] = {}
        for run in (run for run in runs if run.no and self._find(run) is None):
            if run.no in self._runs or taken.setdefault(run.no, run.id) != run.id:
                raise StoreError(f"number {run.no} is another run's", run=run.id)
        self._define(definitions)
        self._version += 1
        return [copied(self._find(run) or self._insert(run)) for run in runs]

    def _find(self, run: NewRun) -> RunRow | None:
        no = self._ids.get(run.id)
        if no is None and run.key is not None:
            no = self._keys.get((run.flow, run.key))
        return None if no is None else self._runs[no]

    def _insert(self, new: NewRun) -> RunRow:
        row = row_of_new(new, new.no)
        self._add(row)
        self._entries[row.no][0] = (row.no, 0, new.body, new.sum)
        return row

    @locked
    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        """Judge each message and put the accepted into the inbox."""
        return [self._accept(message) for message in messages]

    def _accept(self, message: Message) -> Verdict:
        run = self._runs.get(message.no)
        if isinstance(message, Answer):
            question = self._questions.get((message.no, message.tag, message.occurrence))
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
        if verdict is Verdict.ACCEPTED:
            self._post(message)
        return verdict
