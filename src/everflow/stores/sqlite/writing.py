"""Batches, writes, starts and messages, each of them one statement (see ``session.sql``)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from everflow.errors import StoreError
from everflow.store import (
    Batch,
    Letter,
    Message,
    NewRun,
    Put,
    RunRow,
    SideRow,
    Signal,
    Verdict,
    left_out,
    row_of_new,
)
from everflow.stores.documents import as_json, each_once, puts_as_json
from everflow.stores.judging import Accepted, Judge, Judged, kind_of, place_of
from everflow.stores.refusals import Changed, Marked
from everflow.stores.sqlite.desk import QUERIES, Desk
from everflow.stores.sqlite.opening import Place, Value

_APPEND, _START, _ACCEPT = QUERIES["append"], QUERIES["start"], QUERIES["accept"]
_APPEND_AND_MORE, _WRITE = QUERIES["append_and_more"], QUERIES["write"]
_REPEATED = SOME_WERE_THERE = -1  # what the triggers tell; numbers of runs are above 0
_TRIES = 100


class Marks(msgspec.Struct):
    """Runs that were taken from a worker, and how often that changed."""

    marks: int = 0
    runs: dict[int, str] = {}


_UNMARKED = Marks()


class Writing(Desk):
    """``append``, ``write``, ``start`` and ``accept``."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._marked: dict[int, Marks] = {}  # by worker, as far as it is known

    def taken_from(self, worker: int) -> list[int]:
        """The runs that were taken from the worker."""
        return sorted(self._ask("taken_from", Marks, {"worker": worker}).runs)

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        """Write a batch in one transaction; give the runs whose outcome was refused."""
        for _ in range(_TRIES):
            try:
                return self._append(batch, side_rows)
            except Marked:
                self._marked[batch.worker] = self._ask(
                    "taken_from", Marks, {"worker": batch.worker}
                )
        raise StoreError(f"Runs were taken from worker {batch.worker} {_TRIES} times.")

    def _append(self, batch: Batch, side_rows: Sequence[SideRow]) -> list[int]:
        """Write a batch, but what it bears for runs that are known to be taken from its worker."""
        marks, lost = self._marked.get(batch.worker, _UNMARKED), list[int]()
        if marks.runs:
            batch, lost = left_out(batch, marks.runs)
        values: tuple[Value, ...] = (
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
            marks.marks,
        )
        statement = _APPEND
        if batch.puts or batch.starts or batch.letters or batch.released or lost:
            statement, starts = _APPEND_AND_MORE, [*enumerate(batch.starts, 1)]
            births = as_json([_birth(-i, run, queued=True) for i, run in starts])
            values += (as_json(lost), puts_as_json(batch.puts), births, _letters(batch.letters))
            values += (as_json(batch.released),)
        if side_rows:
            told = self._append_with(statement, values, side_rows)
        else:
            told = self._pen.write(statement, values)
        board = self._boards.own(batch.worker)
        if board is not None:
            board.wrote(batch.number)
        return [no for no in told if no != _REPEATED]

    def _append_with(
        self, statement: str, values: tuple[Value, ...], side_rows: Sequence[SideRow]
    ) -> list[int]:
        with self._pen.transaction() as db:
            told: list[int] = []
            self._pen.told = told
            db.execute(statement, values)
            if _REPEATED not in told:
                for side in side_rows:
                    db.execute(side.statement, tuple(side.values))
        return told

    def start(
        self, runs: Sequence[NewRun], definitions: Sequence[tuple[str, str]] = ()
    ) -> list[RunRow]:
        """Insert the runs that are new; give for each its row, or that of the run with its key."""
        given, nos = births(runs)
        told = self._pen.write(_START, (*given, as_json(definitions)))
        if SOME_WERE_THERE in told:
            return self._started(runs)
        return born(runs, nos, told)

    def _started(self, runs: Sequence[NewRun]) -> list[RunRow]:
        asked = as_json([(run.id, run.flow, run.key) for run in runs])
        return self._ask("started", list[RunRow], (asked,))

    def write(
        self,
        puts: Sequence[Put],
        *,
        at: int,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        letters: Sequence[Letter] = (),
        admit: Sequence[int] = (),
    ) -> list[RunRow] | None:
        """Write records and what goes with them, if the records are as they are expected."""
        given, nos = births(starts)
        expected = [(p.kind, p.key, p.expect) for p in puts if p.expect is not None]
        values = (puts_as_json(puts), as_json(expected), at, *given, as_json(definitions))
        try:
            told = self._pen.write(_WRITE, (*values, _letters(letters), as_json(admit)))
        except Changed:
            return None
        if SOME_WERE_THERE in told or admit or letters:
            return self._started(starts)
        return born(starts, nos, told)

    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        """Judge each message, and put the accepted into the inbox.

        They are judged by a look at the rows and written on condition that the rows still stand
        so; when they don't, all are judged anew.
        """
        asked: dict[str, Value] = {
            "places": as_json([place_of(m) for m in messages]),
            "most": len(messages) + 1,
        }
        for _ in range(_TRIES):
            judge = Judge(messages, self._ask("judged", list[Judged], asked))
            verdicts = [judge(message) for message in messages]
            if not (judge.accepted or judge.aside):
                return verdicts
            try:
                self._pen.write(_ACCEPT, _acceptance(judge.accepted_rows()))
            except Changed:
                continue
            return verdicts
        raise StoreError(f"Others changed the same runs of {self._name} {_TRIES} times.")


def _acceptance(given: Accepted) -> tuple[str, ...]:
    inbox = [message[:-1] for message in given.messages]
    parts = (given.answers, given.cancels, inbox, given.tagged, given.kept, given.signals)
    return tuple(map(as_json, (*parts, given.aside)))


def births(runs: Sequence[NewRun]) -> tuple[tuple[str, int, int, bool], list[int]]:
    """What ``birth`` is given, and the number of each run: below 0, the nth without one."""
    nos, unnumbered = [], 0
    for run in runs:
        if not run.no:
            unnumbered += 1
        nos.append(run.no or -unnumbered)
    queued = any(run.queue or run.leased for run in runs)
    rows = [_birth(no, run, queued=queued) for no, run in zip(nos, runs, strict=True)]
    return (as_json(rows), len(rows), unnumbered, queued), nos


def _birth(no: int, run: NewRun, *, queued: bool) -> tuple[object, ...]:
    place = (run.queue, run.lane, run.priority, run.admitted, int(run.leased)) if queued else ()
    return (
        no,
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
        *place,
    )


def born(runs: Sequence[NewRun], nos: Sequence[int], told: Sequence[int]) -> list[RunRow]:
    """The rows of runs that were all new."""
    last = told[0] if told else 0
    numbered = zip(runs, nos, strict=True)
    return [row_of_new(run, no if no > 0 else last - no) for run, no in numbered]


def _letters(letters: Sequence[Letter]) -> str:
    rows = []
    for letter in each_once(letters):
        message = letter.message
        signal = message if isinstance(message, Signal) else None
        named = (signal.name, signal.key) if signal else (None, None)
        rows.append((letter.run, kind_of(message), as_json(message), *named, letter.of))
    return as_json(rows)
