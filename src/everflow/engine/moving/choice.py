"""Which runs go, in parts that one transaction may take; and who goes along with whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from everflow.errors import NoSuchRun
from everflow.store import OUTCOMES, RunQuery, RunRow, Status, Store

__all__ = ["GOING", "Choice", "chosen", "family", "parts"]

RUNS = 500  # in one transaction
ENTRIES = 20_000  # in one transaction, about
HERE = tuple(sorted(set(Status) - {Status.HANDED_OFF}))
GOING = frozenset(set(HERE) - OUTCOMES)


class Choice(msgspec.Struct, kw_only=True, frozen=True):
    """What goes: these runs, those that a query finds, or, with neither, all that a store holds."""

    runs: tuple[str, ...] = ()
    query: RunQuery | None = None

    @property
    def whole(self) -> bool:
        """Whether everything goes."""
        return not self.runs and self.query is None


def chosen(store: Store, choice: Choice) -> Iterator[list[RunRow]]:
    """The chosen runs that are here, in pages, oldest first; NoSuchRun for an id that isn't."""
    if choice.runs:
        rows = [_found(store, run) for run in dict.fromkeys(choice.runs)]
        yield [row for row in rows if row.status is not Status.HANDED_OFF]
        return
    query = choice.query or RunQuery()
    query = replace(query, status=query.status or HERE, limit=RUNS, newest_first=False)
    while page := store.runs(query):
        yield [row for row in page if row.status is not Status.HANDED_OFF]
        query = replace(query, after=page[-1].no)


def _found(store: Store, run: str) -> RunRow:
    row = store.find(run)
    if row is None:
        raise NoSuchRun(f"there is no run {run!r:.80} in {store.info().place}")
    return row


def parts(store: Store, rows: Sequence[RunRow]) -> Iterator[list[RunRow]]:
    """The same rows in parts of not too many entries."""
    part: list[RunRow] = []
    size = 0
    tenures = store.tenures([row.id for row in rows])
    for row, tenure in zip(rows, tenures, strict=True):
        if part and size + tenure.seq > ENTRIES:
            yield part
            part, size = [], 0
        part.append(row)
        size += tenure.seq
    if part:
        yield part


def family(store: Store, rows: Iterable[RunRow]) -> list[RunRow]:
    """These runs with all that wait for them, or that they wait for, directly or not."""
    found = {row.id: row for row in rows}
    near = [row for row in found.values() if row.status in GOING]
    while near:
        row = near.pop()
        caller = None if row.parent is None else store.find(row.parent)
        for other in (*_called(store, row), *(() if caller is None else (caller,))):
            if other.status in GOING and other.id not in found:
                found[other.id] = other
                near.append(other)
    return list(found.values())


def _called(store: Store, row: RunRow) -> Iterator[RunRow]:
    query = RunQuery(parent=row.id, limit=RUNS)
    while page := store.runs(query):
        yield from page
        if len(page) < RUNS:
            return
        query = replace(query, after=page[-1].no)
