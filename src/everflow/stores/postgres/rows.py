"""Rows of the views ``run_shown`` and ``question_shown`` as the contract's structs.

A row is a tuple in the order of the view's columns; what a query appends to them is passed over.
So one function reads them, whatever query or function they came from.
"""

from __future__ import annotations

from typing import Any

from everflow.store import EntryRow, QuestionRow, RunRow, Status
from everflow.stores.postgres.marking import MARK, unmarked

__all__ = ["RUN_COLUMNS", "entry_row", "question_row", "run_row"]

Values = tuple[Any, ...]

RUN_COLUMNS = 27  # of run_shown, that of the era included
_OF_RUN, _OF_QUESTION = RunRow.__struct_fields__, QuestionRow.__struct_fields__
_STATUSES = {status.value: status for status in Status}


def run_row(values: Values) -> RunRow:
    """A row of ``run_shown``, and whatever follows its columns."""
    row = RunRow(**dict(zip(_OF_RUN, values, strict=False)))
    row.status = _STATUSES[row.status]
    # One look at all of them, for hardly any row has one.
    texts = (row.id, row.flow, row.definition, row.until, row.reason, row.origin, row.queue)
    more = (row.lane, row.key or "", row.parent or "")
    if MARK in "".join(texts + more) or (row.outcome is not None and MARK in row.outcome):
        _unmark(row)
    if row.labels and MARK in "".join((*row.labels, *row.labels.values())):
        row.labels = {unmarked(name): unmarked(value) for name, value in row.labels.items()}
    return row


def question_row(values: Values) -> QuestionRow:
    """A row of ``question_shown``, and whatever follows its columns."""
    row = QuestionRow(**dict(zip(_OF_QUESTION, values, strict=False)))
    texts = (row.run, row.flow, row.definition, row.tag, row.op, row.position, row.schema)
    if MARK in "".join((*texts, row.key or "")) or MARK in row.prompt:
        _unmark(row)
    return row


def entry_row(values: Values) -> EntryRow:
    """An entry as ``(run, seq, body, sum)``."""
    run, seq, body, checksum = values
    return run, seq, unmarked(body), checksum


def _unmark(row: RunRow | QuestionRow) -> None:
    for field in row.__struct_fields__:
        value = getattr(row, field)
        if type(value) is str:
            setattr(row, field, unmarked(value))
