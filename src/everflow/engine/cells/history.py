"""A run's past: its journal folded up to any of its entries.

Two rules hold here. Nothing is needed but what the store holds: no flow's code, no worker. What was
pruned isn't guessed at: whoever asks for it is told what there is.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

from everflow.core.definition import from_data
from everflow.core.entries import Entry, Kind, body_of, decode_body
from everflow.core.journal import BASES, MOVES, fold, in_force
from everflow.core.machine import Machine
from everflow.core.program import Program
from everflow.core.refs import Ref, compose
from everflow.core.registry import Registry
from everflow.core.state import State
from everflow.errors import NoSuchPoint, StoreDamaged
from everflow.store import EntryRow, RunRow, Status, Store

__all__ = ["History", "definition_at", "status_of"]

PAGE = 1_000


class History:
    """One run's journal, from entry ``first`` to ``last``: nothing between them is missing."""

    def __init__(self, store: Store, row: RunRow) -> None:
        self._store = store
        self._row = row
        self._programs: dict[str, Program] = {}
        rows = self._read()
        self._entries = self._unbroken(rows)
        self.kept = rows[: len(rows) - len(self._entries)]  # from before it, still referred to
        self.first, self.last = self._entries[0][1], self._entries[-1][1]

    def _read(self) -> list[EntryRow]:
        rows: list[EntryRow] = []
        while True:
            first = rows[-1][1] + 1 if rows else 0
            page = self._store.journal(self._row.no, first=first, limit=PAGE)
            rows += page
            if len(page) < PAGE:
                return rows

    def _unbroken(self, rows: Sequence[EntryRow]) -> list[EntryRow]:
        """The latest entries, from the oldest on at which a fold may begin."""
        start = len(rows)
        for place in range(len(rows) - 1, -1, -1):
            _, seq, body, checksum = rows[place]
            if place + 1 < len(rows) and rows[place + 1][1] != seq + 1:
                break
            if zlib.crc32(body.encode()) != checksum:
                raise StoreDamaged(
                    f"entry {seq} is damaged", run=self._row.id, hint="restore a backup"
                )
            if seq == 0 or decode_body(body).kind in BASES:
                start = place
        if start == len(rows):
            raise StoreDamaged("the run has no entry to begin at", run=self._row.id)
        return list(rows[start:])

    def bodies(self, last: int | None = None) -> list[str]:
        """The entries, up to that one; NoSuchPoint when it isn't there."""
        if last is None:
            last = self.last
        if not self.first <= last <= self.last:
            pruned = " (the older ones were pruned)" if self.first else ""
            raise NoSuchPoint(
                f"the run has no entry {last}: there are {self.first} to {self.last}{pruned}",
                run=self._row.id,
                flow=self._row.flow,
                hint="`everflow show RUN` lists them",
            )
        return [body for _, _, body, _ in self._entries[: last - self.first + 1]]

    def machine(self, last: int | None = None) -> Machine:
        """The run as it stood after that entry, or as it stands now."""
        return self._fold(self.bodies(last))

    def fold_of(self, entries: Sequence[Entry]) -> Machine:
        """The machine after entries of another run that began as this one did."""
        return self._fold([body_of(entry) for entry in entries])

    def _fold(self, bodies: Sequence[str]) -> Machine:
        """The machine after these entries, folded from the latest base of them."""
        start = next(
            place
            for place in range(len(bodies) - 1, -1, -1)
            if place == 0 or decode_body(bodies[place]).kind in BASES
        )
        return fold(self.program(bodies[start:]), bodies[start:], self.program_of)

    def program(self, bodies: Sequence[str]) -> Program:
        """The program in force at the first of these entries."""
        return self.program_of(in_force(decode_body(bodies[0])))

    def program_of(self, hash_: str) -> Program:
        """The program of a definition, with no function bound to it."""
        known = self._programs.get(hash_)
        if known is None:
            body = self._store.definition(hash_)
            if body is None:
                raise StoreDamaged(f"the store has no definition {hash_}", run=self._row.id)
            known = self._programs[hash_] = from_data(body, Registry())
        return known

    @property
    def payload_of(self) -> Callable[[Ref], str]:
        """What a ref of any state of this run stands for."""

        def payload(seq: int) -> str:
            if seq >= self.first:
                return decode_body(self._entries[seq - self.first][2]).payload
            return decode_body(self._store.entries(self._row.no, [seq])[seq]).payload

        return lambda ref: compose(ref, payload)


def definition_at(entries: Sequence[Entry]) -> str:
    """The hash of the definition in force after these entries."""
    telling = next(e for e in reversed(entries) if e.kind in MOVES | BASES | {Kind.START})
    return telling.note if telling.kind in MOVES else in_force(telling)


def status_of(state: State) -> Status:
    """The status that a run in that state has, where nothing outside of it says otherwise."""
    if state.outcome is not None:
        return Status(str(state.outcome.__struct_config__.tag))
    if state.cancelling:
        return Status.CANCELLING
    kinds = {str(op.__struct_config__.tag) for op in state.ops.values() if not _asks(op)}
    if "node" in kinds:
        return Status.RUNNING
    return Status.SUSPENDED if "question" in kinds else Status.WAITING


def _asks(op: object) -> bool:
    return bool(getattr(op, "asking", False))
