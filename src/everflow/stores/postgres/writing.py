"""Batches, writes, starts and messages, each one function call (see ``code_writing.sql``).

* Nothing is open while Python thinks: what is judged by a look at the rows is written on condition
  that they stand so, and judged anew where they don't.
* What every batch has goes as texts that the server parts quickly, all else as one JSON document,
  or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

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
from everflow.stores.documents import as_json, each_once, last_of
from everflow.stores.judging import Judge, Judged, kind_of, place_of
from everflow.stores.postgres.boarding import Boarding
from everflow.stores.postgres.heavy import HEAVY, beside, concerned, light
from everflow.stores.postgres.marking import joined, marked, marked_json, unmarked
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.reading import Reading
from everflow.stores.postgres.rows import RUN_COLUMNS, question_row, run_row
from everflow.stores.refusals import Changed, Marked

_REPEATED = -1  # numbers of runs are above 0
_TRIES = 100
_NUMBER = '"no":0'  # of a letter's message, whose run is known by its id alone


class Marks(msgspec.Struct):
    """Runs that were taken from a worker, and how often that changed."""

    marks: int = 0
    runs: dict[int, str] = {}


_UNMARKED = Marks()


class Writing(Boarding, Reading):
    """``append``, ``write``, ``start`` and ``accept``."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._marked: dict[int, Marks] = {}  # by worker, as far as it is known

    def taken_from(self, worker: int) -> list[int]:
        """The runs that were taken from the worker."""
        return sorted(self._taken(worker).runs)

    def _taken(self, worker: int) -> Marks:
        found = self._one("taken_from", {"worker": worker})
        if found is None:
            return Marks()
        marks, nos, ids = found
        return Marks(marks, dict(zip(nos or (), map(unmarked, ids or ()), strict=True)))

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        """Write a batch in one transaction; give the runs whose outcome was refused."""
        for _ in range(_TRIES):
            try:
                return self._append(batch, side_rows)
            except Marked:
                self._marked[batch.worker] = self._taken(batch.worker)
        raise StoreError(f"Runs were taken from worker {batch.worker} {_TRIES} times.")

    def _append(self, batch: Batch, side_rows: Sequence[SideRow]) -> list[int]:
        """Write a batch, but what it bears for runs that are known to be taken from its worker."""
        marks, lost = self._marked.get(batch.worker, _UNMARKED), list[int]()
        if marks.runs:
            batch, lost = left_out(batch, marks.runs)
        shown = self._to_tell(batch.worker)
        if shown is None and not (lost or side_rows) and _is_one_entry(batch):
            return self._append_one(batch, marks.marks)
        changes = list({change.no: change for change in batch.changes}.values())
        head = (batch.worker, batch.epoch, batch.number, batch.at, marks.marks)
        board = None if shown is None else _numbers(shown) or "{}"
        texts = (
            *_entries(batch),
            document(changes),
            _numbers(batch.arrivals),
            _more(batch, lost),
        )
        if sum(len(text) for text in texts if text) > HEAVY:
            told = self._append_heavy(head, batch, lost, board, side_rows)
        elif side_rows:
            told = self._append_with((*head, *texts, board), side_rows)
        else:
            told = self._do("append", *head, *texts, board)
        self._was_told(batch.worker, shown)
        return [no for no in told or () if no != _REPEATED]

    def _append_one(self, batch: Batch, marks: int) -> list[int]:
        """Write a batch that is one entry."""
        ((run, seq, body, total),) = batch.entries
        head = (batch.worker, batch.epoch, batch.number, batch.at, marks)
        told = self._do("append_one", *head, run, seq, total, marked(body))
        return [no for no in told if no != _REPEATED]

    def _append_with(
        self, values: tuple[object, ...], side_rows: Sequence[SideRow]
    ) -> list[int] | None:
        statement = self._calling("append", len(values))

        def work(cursor: Any) -> list[int] | None:
            ((told,),) = cursor.execute(statement, values).fetchall()
            if _REPEATED not in (told or ()):
                for side in side_rows:
                    cursor.execute(side.statement, side.values)
            return cast("list[int] | None", told)

        return self._in_transaction(work)

    def _append_heavy(
        self,
        head: tuple[int, ...],
        batch: Batch,
        lost: Sequence[int],
        board: str | None,
        side_rows: Sequence[SideRow],
    ) -> list[int] | None:
        """Write a batch in several calls, all or nothing; see ``heavy``."""
        first = light(batch)
        changes = document({change.no: change for change in first.changes}.values())
        more, arrivals = _more(first, lost), _numbers(batch.arrivals)
        values = (*head, None, None, None, None, changes, arrivals, more, board)
        held = marked_json(as_json(concerned(batch)))

        def work(cursor: Any) -> list[int] | None:
            cursor.execute(self._sql("wait_long"))
            statement = self._calling("append", len(values))
            ((told,),) = cursor.execute(statement, values).fetchall()
            if _REPEATED in (told or ()):
                return cast("list[int] | None", told)
            cursor.execute(self._calling("hold", 4), (batch.worker, None, None, held))
            for piece in beside(batch, told or ()):
                self._write_beside(cursor, piece, told or [])
            for side in side_rows:
                cursor.execute(side.statement, side.values)
            return cast("list[int] | None", told)

        return self._in_transaction(work)

    def _write_beside(
        self, cursor: Any, piece: Batch | tuple[int, str], told: Sequence[int]
    ) -> None:
        if isinstance(piece, tuple):
            no, outcome = piece
            cursor.execute(self._sql("outcome_beside"), {"no": no, "outcome": marked(outcome)})
        elif piece.entries:
            runs, seqs, sums, bodies = _entries(piece)
            given = {"runs": runs, "seqs": seqs, "sums": sums, "bodies": bodies}
            cursor.execute(self._sql("entries_beside"), given)
        else:
            refused = _numbers(told) or "{}"
            more = (piece.worker, piece.at, 0, refused, _more(piece, []))
            cursor.execute(self._calling("append_more", len(more)), more)

    def start(
        self, runs: Sequence[NewRun], definitions: Sequence[tuple[str, str]] = ()
    ) -> list[RunRow]:
        """Insert the runs that are new; give for each its row, or that of the run with its key."""
        births = document([birth(run) for run in runs])
        for _ in range(_TRIES):
            nos = self._do("start", births, document(definitions))
            found = self._started(runs, nos)
            if found is not None:
                return found
        raise StoreError(f"Runs with the same ids were deleted {_TRIES} times.")

    def _started(self, runs: Sequence[NewRun], nos: Sequence[int]) -> list[RunRow] | None:
        """The rows of runs by what ``do_birth`` gave; None when one is gone since."""
        there = [-no for no in nos if no < 0]
        known = {row.no: row for row in self.rows(there)} if there else {}
        if len(known) < len(set(there)):
            return None
        given = zip(runs, nos, strict=True)
        return [known[-no] if no < 0 else row_of_new(run, no) for run, no in given]

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
        expected = {(p.kind, p.key, p.expect) for p in puts if p.expect is not None}
        absent = {(kind, key) for kind, key, version in expected if not version}
        last = last_of(puts)
        fresh = [put for put in last if put.body is not None and (put.kind, put.key) in absent]
        others = [put for put in last if put not in fresh]
        values = (
            document(map(_put, others)),
            document(map(_put, fresh)),
            document(sorted(expected)),
            at,
            document(map(birth, starts)),
            document(definitions),
            document(map(_letter, each_once(letters))),
            _numbers(admit),
        )
        try:
            nos = self._do("write", *values)
        except Changed:
            return None
        if admit or letters:
            return self.rows([abs(no) for no in nos])
        return self._started(starts, nos) or []

    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        """Judge each message, and put the accepted into the inbox.

        They are judged by a look at the rows and written on condition that the rows still stand
        so; when they don't, all are judged anew.
        """
        if not messages:
            return []
        for _ in range(_TRIES):
            judge = Judge(messages, self._judged(messages))
            verdicts = [judge(message) for message in messages]
            if not (judge.accepted or judge.aside):
                return verdicts
            try:
                self._do("accept", marked_json(as_json(judge.accepted_rows())))
            except Changed:
                continue
            return verdicts
        raise StoreError(f"Others changed the same runs of {self._name} {_TRIES} times.")

    def _judged(self, messages: Sequence[Message]) -> list[Judged]:
        if len(messages) == 1:
            return [self._judged_alone(messages[0])]
        places = [place_of(message) for message in messages]
        nos, tags, occurrences, keys, heard = map(list, zip(*places, strict=True))
        asked = {
            "nos": nos,
            "tags": [marked(tag) for tag in tags],
            "occurrences": occurrences,
            "keys": [None if key is None else marked(key) for key in keys],
            "heard": [None if key is None else marked(key) for key in heard],
            "most": len(messages) + 1,
        }
        found: list[Judged] = [(None, None, [], False, 0) for _ in messages]
        for nth, was_heard, waiting, *values in self._rows("judged", asked):
            run, _, questions, *_ = found[nth - 1]
            if run is None:
                run = run_row(tuple(values))
                found[nth - 1] = (run, None, questions, was_heard, waiting)
            if values[RUN_COLUMNS] is not None:
                questions.append(question_row(tuple(values[RUN_COLUMNS:])))
        return found

    def _judged_alone(self, message: Message) -> Judged:
        no, tag, occurrence, *keys = place_of(message)
        keys = [None if key is None else marked(key) for key in keys]
        rows = self._call("judged", no, marked(tag), occurrence, *keys, 2)
        if not rows:
            return None, None, [], False, 0
        was_heard, waiting, run, _ = rows[0]
        questions = [question_row(tuple(row[3].values())) for row in rows if row[3] is not None]
        return run_row(tuple(run.values())), None, questions, was_heard, waiting


def birth(run: NewRun) -> tuple[object, ...]:
    """A new run as ``do_birth`` takes it."""
    return (
        run.no,
        run.id,
        run.flow,
        run.definition,
        run.status,
        run.owner,
        run.key,
        run.parent,
        run.labels,
        run.at,
        run.body,
        run.sum,
        run.queue,
        run.lane,
        run.priority,
        run.admitted,
        run.leased,
    )


def document(rows: Iterable[object]) -> str | None:
    """Rows as a JSON document, None for none."""
    listed = list(rows)
    return marked_json(as_json(listed)) if listed else None


def _numbers(numbers: Sequence[int]) -> str | None:
    """Numbers as an array's text, which the driver would make a hundred times slower."""
    return f"{{{str(list(numbers))[1:-1]}}}" if numbers else None


def _is_one_entry(batch: Batch) -> bool:
    """Whether a batch is one entry that a call can bear, and nothing else."""
    if len(batch.entries) != 1 or len(batch.entries[0][2]) > HEAVY:
        return False
    own = batch.changes or batch.arrivals or batch.released or batch.opened or batch.closed
    return not (own or batch.definitions or batch.puts or batch.starts or batch.letters)


def _entries(batch: Batch) -> tuple[str | None, str | None, str | None, str | None]:
    if not batch.entries:
        return None, None, None, None
    runs, seqs, bodies, sums = zip(*batch.entries, strict=True)
    return _numbers(runs), _numbers(seqs), _numbers(sums), joined(bodies)


def _more(batch: Batch, lost: Sequence[int]) -> str | None:
    """What few batches bear, by name."""
    more = {
        "opened": batch.opened,
        "closed": batch.closed,
        "definitions": batch.definitions,
        "lost": lost,
        "starts": [birth(msgspec.structs.replace(run, no=0)) for run in batch.starts],
        "puts": [_put(put) for put in last_of(batch.puts)],
        "letters": [_letter(letter) for letter in each_once(batch.letters)],
        "released": batch.released,
    }
    given = {name: rows for name, rows in more.items() if rows}
    return marked_json(as_json(given)) if given else None


def _put(put: Put) -> tuple[object, ...]:
    return put.kind, put.key, put.body, put.due


def _letter(letter: Letter) -> tuple[object, ...]:
    """The message in two, between which the number of its run stands."""
    message = msgspec.structs.replace(letter.message, no=0)
    before, _, behind = as_json(message).partition(_NUMBER)
    signal = message if isinstance(message, Signal) else None
    named = (signal.name, signal.key) if signal else (None, None)
    return letter.run, kind_of(message), before + _NUMBER[:-1], behind, *named, letter.of
