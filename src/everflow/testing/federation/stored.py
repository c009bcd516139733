"""A shelf that is a real store: what the simulation says of a run is asked of its verbs.

The run is one of the engine's, with a worker of its own who writes entries and rests; its inbox is
the messages that were accepted.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from everflow.core.algebra import suspend
from everflow.core.definition import Definition
from everflow.core.program import Program
from everflow.federation.carrying.kept import extent_of, read_kept
from everflow.federation.protocol.lineage import NEVER, Epoch, Extent
from everflow.federation.protocol.standing import Standing
from everflow.store import (
    Batch,
    EntryRow,
    NewRun,
    Released,
    RunChange,
    RunRow,
    Signal,
    Status,
    Verdict,
)
from everflow.store.handing import Hand
from everflow.stores.memory import MemoryStore
from everflow.testing.federation.shelf import Branch, Entry, Shelf

__all__ = ["RUN", "HandedStore", "StoredShelf"]

RUN = "01kays0000" + "0" * 16
_DEFINED = Definition(Program(suspend("approval"), "f"))
DEFINITION = _DEFINED.hash
_START = Entry(NEVER, 0)


class HandedStore(MemoryStore):
    """A store that tells of each act of a handoff before and after it, and may be made to lie."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[Standing, bool], object] = lambda _old, _done: None

    def hand(self, act: Hand, *, at: int) -> bool:
        """Write a tenure and what follows from it."""
        (old,) = self.tenures([act.run])
        self.before()
        done = super().hand(act, at=at)
        self.after(read_kept(old).standing, done)
        return done


class StoredShelf(Shelf):
    """One run's rows in one store."""

    def __init__(self, store: HandedStore) -> None:
        self._store = store
        self._at = 1
        self._number = 0
        self._worker = store.enlist(host="", pid=0, at=1)

    def start(self) -> None:
        """The run begins here."""
        body, checksum = _body(_START)
        new = NewRun(id=RUN, flow="f", definition=DEFINITION, body=body, sum=checksum, at=self._at)
        self._store.start([new], [(DEFINITION, _DEFINED.body)])

    # --- what there is

    @property
    def _tenure(self) -> Any:
        (found,) = self._store.tenures([RUN])
        return found

    @property
    def standing(self) -> Standing:  # type: ignore[override]  # a store is asked each time
        """What stands in its tenure."""
        return read_kept(self._tenure).standing

    @property
    def named(self) -> frozenset[str]:  # type: ignore[override]  # a store is asked each time
        """Whom its standings ever named."""
        return frozenset(read_kept(self._tenure).named)

    @property
    def have(self) -> Extent:
        """How much there is."""
        return extent_of(self._tenure)

    @property
    def entries(self) -> list[Entry]:  # type: ignore[override]  # a store is asked each time
        """All of them."""
        row = self._row
        return [] if row is None else [_entry(found) for found in self._store.journal(row.no)]

    @property
    def side(self) -> tuple[int, ...]:  # type: ignore[override]  # a store is asked each time
        """The messages that were accepted."""
        if not self.have.rev:
            return ()
        return _messages(self._store.slice(RUN, self.have.seq).whole.arrivals)

    @property
    def aside(self) -> list[Branch]:  # type: ignore[override]  # a store is asked each time
        """What was set aside."""
        return [
            Branch(
                Epoch(*_label(one.label)),
                one.first,
                tuple(map(_entry, one.whole.entries)),
                _messages(one.whole.arrivals),
            )
            for one in self._store.branches(RUN)
        ]

    @property
    def lives(self) -> bool:
        """Whether the run may be run here, as far as the store goes."""
        row = self._row
        return row is not None and row.status is not Status.HANDED_OFF

    @property
    def _row(self) -> RunRow | None:
        return self._store.find(RUN)

    # --- what the engine does

    def commit(self, entry: Entry, *, rests: bool) -> bool:
        """The engine writes an entry, if the run is its own; at a rest it writes beside it, too."""
        row = self._claimed()
        if row is None:
            return False
        body, checksum = _body(entry)
        change = RunChange(
            no=row.no, status=Status.SUSPENDED, until="", reason="", due=None, base=0, ended=None,
            outcome=None, definition=DEFINITION, deaths=0,
        )  # fmt: skip
        written = [(row.no, self.have.seq, body, checksum)]
        return not self._append(entries=written, changes=[change] if rests else [])

    def accept(self, message: int) -> bool:
        """A message comes into the inbox."""
        row = self._row
        if row is None:
            return False
        return self._send(row, "m", message)

    def _send(self, row: RunRow, name: str, message: int) -> bool:
        self._at += 1
        signal = Signal(
            no=row.no, name=name, payload=str(message), key=str(message), at=self._at, by=""
        )
        return self._store.accept([signal]) == [Verdict.ACCEPTED]

    def _claimed(self) -> RunRow | None:
        """The run's row, if it is the worker's own or may be."""
        row = self._row
        if row is not None and row.owner != self._worker.id:
            taken = self._store.taken_from(self._worker.id)
            if taken:
                self._append(released=[Released(no) for no in taken])
            self._send(row, "wake", self._at)  # one that rests is claimed for a message
            self._store.claim(self._worker.id, now=self._at, limit=9, leased=[row.no])
            row = self._row
        return row if row is not None and row.owner == self._worker.id else None

    def _append(self, **what: Any) -> list[int]:
        self._at += 1
        self._number += 1
        batch = Batch(
            worker=self._worker.id,
            epoch=self._worker.epoch,
            number=self._number,
            at=self._at,
            **what,
        )
        return self._store.append(batch)


def _body(entry: Entry) -> tuple[str, int]:
    body = msgspec.json.encode([entry.epoch.number, entry.epoch.owner, entry.no]).decode()
    return body, zlib.crc32(body.encode())


def _entry(row: EntryRow) -> Entry:
    number, owner, no = msgspec.json.decode(row[2])
    return Entry(Epoch(number, owner), no)


def _messages(arrivals: Any) -> tuple[int, ...]:
    return tuple(
        int(one.payload) for one in arrivals if isinstance(one, Signal) and one.name == "m"
    )


def _label(label: str) -> tuple[int, str]:
    number, _, rest = label.partition("-")
    return int(number), rest.rpartition("-")[0]
