"""Batches of more than the server takes in one call: 256 MB in a document, 1 GB in a text.

Many runs may end at once, each within the limit of a value. Such a batch goes in several calls
within its one transaction: first what fences it and what is judged, then piece by piece the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from everflow.store import Batch

__all__ = ["HEAVY", "beside", "concerned", "light"]

T = TypeVar("T")
HEAVY = 32_000_000  # characters of a piece, each of up to 4 bytes


def light(batch: Batch) -> Batch:
    """A batch without what may be large: that is written beside it."""
    changes = [
        change if change.outcome is None else msgspec.structs.replace(change, outcome=None)
        for change in batch.changes
    ]
    return msgspec.structs.replace(
        batch, entries=[], changes=changes, opened=[], closed=[], starts=[], puts=[], letters=[]
    )


def concerned(batch: Batch) -> dict[str, list[tuple[object]]]:
    """Whose rows the pieces want held, as ``do_hold`` takes it."""
    return {
        "opened": [(question.no,) for question in batch.opened],
        "closed": [(question.no,) for question in batch.closed],
        "letters": [(letter.run,) for letter in batch.letters],
    }


def beside(batch: Batch, refused: Iterable[int]) -> Iterator[Batch | tuple[int, str]]:
    """The rest in its order: parts of the batch, and outcomes of runs, each of its own."""
    bare = msgspec.structs.replace(light(batch), changes=[], definitions=[], released=[])

    def piece(**parts: Any) -> Batch:
        return msgspec.structs.replace(bare, **parts)

    for entries in _pieces(batch.entries, lambda entry: len(entry[2])):
        yield piece(entries=entries)
    told = set(refused)
    for change in {change.no: change for change in batch.changes}.values():
        if change.outcome is not None and change.no not in told:
            yield change.no, change.outcome
    for opened in _pieces(batch.opened, lambda question: len(question.prompt)):
        yield piece(opened=opened)
    if batch.closed:
        yield piece(closed=batch.closed)
    for starts in _pieces(batch.starts, lambda run: len(run.body)):
        yield piece(starts=starts)
    for puts in _pieces(batch.puts, lambda put: len(put.body or "")):
        yield piece(puts=puts)
    for letters in _pieces(batch.letters, lambda letter: len(msgspec.json.encode(letter.message))):
        yield piece(letters=letters)


def _pieces(rows: Sequence[T], weigh: Callable[[T], int]) -> Iterator[list[T]]:
    """Rows in pieces that are no heavier than one may be, but where a single row is."""
    piece, weight = list[T](), 0
    for row in rows:
        more = weigh(row)
        if piece and weight + more > HEAVY:
            yield piece
            piece, weight = [], 0
        piece.append(row)
        weight += more
    if piece:
        yield piece
