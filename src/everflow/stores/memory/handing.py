"""Handing: what is here of a run that other instances have, too, and what becomes of it.

``_revs`` holds a run's revision and what was beside its entries at that: whoever asks sees whether
it changed since. So nothing that writes has to count.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from everflow.errors import NoSuchRun, StoreDamaged, StoreError
from everflow.store import (
    BRANCH,
    COPY,
    TENURE,
    Branch,
    Hand,
    Imported,
    Put,
    RunRow,
    Slice,
    Status,
    Tenure,
    as_copy,
    definitions_in,
    kept_of,
    pack,
    resumed,
    unpack,
)
from everflow.stores.memory.keeping import Keeping
from everflow.stores.memory.tables import copied, locked
from everflow.stores.memory.writing import Writing


class Handing(Writing, Keeping):
    """The verbs for runs that more than one instance has."""

    @locked
    def tenures(self, runs: Sequence[str]) -> list[Tenure]:
        """What is here of these runs."""
        return [self._tenure(run) for run in runs]

    def _tenure(self, run: str) -> Tenure:
        record = self._records.get((TENURE, run))
        row = self._row_of(run)
        return Tenure(
            run=run,
            body="" if record is None else record.body,
            version=0 if record is None else record.version,
            seq=0 if row is None else self._next(row.no),
            rev=0 if row is None else self._rev(row),
            status=None if row is None else row.status,
        )

    def _row_of(self, run: str) -> RunRow | None:
        return self._runs.get(self._ids.get(run, 0))

    def _next(self, no: int) -> int:
        return max(self._entries[no], default=-1) + 1

    def _rev(self, row: RunRow) -> int:
        """The revision of what is beside the entries, one higher where it changed since."""
        side = self._side(row)
        if side is None:
            return 0
        if (TENURE, row.id) not in self._records:
            return 1
        rev, known = self._revs.get(row.no, (1, side))  # 1: its tenure began just now
        self._revs[row.no] = rev + (known != side), side
        return self._revs[row.no][0]

    def _side(self, row: RunRow) -> str | None:
        """All but the entries as one text; None where nothing of it is here."""
        if row.status is not Status.HANDED_OFF:
            return pack(self._beside(row))
        copy = self._records.get((COPY, row.id))
        return None if copy is None else copy.body

    def _beside(self, row: RunRow) -> Imported:
        return Imported(
            row=copied(row),
            entries=[],
            questions=[self._today(q) for q in self._questions.values() if q.no == row.no],
            arrivals=[arrival.message for arrival in self._arrivals({row.no})],
            heard=list(self._heard[row.no]),
        )

    @locked
    def slice(self, run: str, after: int) -> Slice:
        """What is shipped of a run."""
        row = self._row_of(run)
        side = None if row is None else self._side(row)
        if row is None or side is None:
            raise NoSuchRun(f"nothing whole of the run {run} is here", run=run)
        entries = [
            self._entry(row.no, seq) for seq in sorted(self._entries[row.no]) if seq >= after
        ]
        whole = replace(unpack(side), entries=entries)
        named = definitions_in(whole.row, entries)
        return Slice(
            after=after,
            whole=whole,
            definitions=[(h, self._definitions[h]) for h in named if h in self._definitions],
            seq=self._next(row.no),
            rev=self._rev(row),
        )

    @locked
    def hand(self, act: Hand, *, at: int) -> bool:
        """Write a tenure and what follows from it."""
        seen = self._tenure(act.run)
        if (seen.version, seen.seq, seen.rev) != (act.version, act.seq, act.rev):
            return False
        kept = kept_of(seen.seq, seen.rev, act.keep)
        add = act.add if act.add and (act.add.seq > kept[0] or act.add.rev > kept[1]) else None
        self._check(act, kept, add)
        row = self._row_of(act.run)
        changes = kept != (seen.seq, seen.rev) or add is not None
        if row is not None and row.status is not Status.HANDED_OFF and (changes or not act.here):
            self._fence(row, seen.rev, at)
        if row is not None and kept != (seen.seq, seen.rev):
            self._cut(row, kept[0], act.branch, at)
        if add is not None:
            row = self._grow(row, add, kept, at)
        put = Put(kind=TENURE, key=act.run, body=act.body, due=act.due)
        self._put([put], at)
        if row is not None:
            self._settle(row, act, at)
            self._rev(self._runs[row.no])
        return True

    def _check(self, act: Hand, kept: tuple[int, int], add: Slice | None) -> None:
        """Refuse what can't be done before anything is written."""
        row = self._row_of(act.run)
        if add is not None:
            if add.whole.row.id != act.run or add.after > kept[0]:
                raise StoreError("what is shipped doesn't fit what is here", run=act.run)
            for _, seq, body, checksum in add.whole.entries:
                if zlib.crc32(body.encode()) != checksum:
                    raise StoreDamaged(f"entry {seq} was shipped damaged", run=act.run)
        whole = kept[1] or (add is not None and add.rev)
        if act.here and not (row is not None and row.status is not Status.HANDED_OFF) and not whole:
            raise StoreError("nothing whole of the run is here that could go on", run=act.run)

    def _fence(self, row: RunRow, rev: int, at: int) -> None:
        """Make a copy of a run that is run here."""
        side = pack(self._beside(row))
        self._unown(row)
        self._lose(row)
        self._put([Put(kind=COPY, key=row.id, body=side)], at)
        self._runs[row.no] = as_copy(row, "")
        self._revs[row.no] = rev, side

    def _unown(self, row: RunRow) -> None:
        """Take a run from its owner, who writes nothing of it any more."""
        if self._lives(row.owner):
            self._taken.setdefault(row.owner, {})[row.no] = row.id
        row.owner = 0

    def _lose(self, row: RunRow) -> None:
        """Delete what is beside a run's row and entries."""
        self._questions = {place: q for place, q in self._questions.items() if q.no != row.no}
        self._inbox = {id_: a for id_, a in self._inbox.items() if a.no != row.no}
        self._heard[row.no] = []
        self._unfit.pop(row.no, None)

    def _cut(self, row: RunRow, first: int, label: str, at: int) -> None:
        """Set aside the entries from the first on, and all that is beside."""
        side = self._side(self._runs[row.no])
        whole = Imported(row=copied(self._runs[row.no]), entries=[], questions=[], arrivals=[])
        whole = whole if side is None else unpack(side)
        rest = [seq for seq in sorted(self._entries[row.no]) if seq >= first]
        whole.entries = [self._entries[row.no].pop(seq) for seq in rest]
        branch = Branch(
            run=row.id, label=label, at=at, first=first, sides=side is not None, whole=whole
        )
        key = f"{row.id}/{label}"
        while (BRANCH, key) in self._records:
            key += "'"
        body = msgspec.json.encode(branch).decode()
        self._put([Put(kind=BRANCH, key=key, body=body), _no_copy(row.id)], at)
        self._revs.pop(row.no, None)
        if self._runs[row.no].base >= first:
            self._runs[row.no].base = 0

    def _grow(self, row: RunRow | None, add: Slice, kept: tuple[int, int], at: int) -> RunRow:
        """Add what is new of a slice to a copy, which may be the first of it here."""
        self._define(add.definitions)
        copy = as_copy(add.whole.row, "")
        copy.no, copy.key = (0, None) if row is None else (row.no, row.key)
        if row is None:
            self._add(copy)
        self._runs[copy.no] = copy
        for _, seq, body, checksum in add.whole.entries:
            if seq >= kept[0]:
                self._entries[copy.no][seq] = (copy.no, seq, body, checksum)
        if add.rev > kept[1]:
            side = pack(add.whole)
            self._put([Put(kind=COPY, key=copy.id, body=side)], at)
            self._revs[copy.no] = add.rev, side
        return copy

    def _settle(self, row: RunRow, act: Hand, at: int) -> None:
        """Let the run go on here, or say who has it."""
        row = self._runs[row.no]
        copy = self._records.get((COPY, row.id))
        if row.status is not Status.HANDED_OFF:
            if row.leased != act.leased:
                self._unown(row)
                row.leased = act.leased
            return
        if not act.here:
            self._runs[row.no] = as_copy(row, act.holder)
        elif copy is not None:
            rev, _ = self._revs[row.no]
            self._resume(row, unpack(copy.body))
            self._runs[row.no].leased = act.leased
            self._put([_no_copy(row.id)], at)
            self._revs[row.no] = rev, pack(self._beside(self._runs[row.no]))

    def _resume(self, old: RunRow, whole: Imported) -> None:
        row = replace(resumed(whole.row), no=old.no)
        row.key = old.key if row.key is None else row.key
        other = None if row.key is None else self._keys.setdefault((row.flow, row.key), row.no)
        if other not in {None, row.no}:
            row.origin = f"{row.origin} without its key {row.key}, which another run has".strip()
            row.key = None
        self._runs[row.no] = row
        self._heard[row.no] = list(whole.heard)
        for question in whole.questions:
            self._questions[row.no, question.tag, question.occurrence] = replace(
                question, no=row.no
            )
        for message in whole.arrivals:
            self._post(replace(message, no=row.no))

    @locked
    def branches(self, run: str) -> list[Branch]:
        """What was set aside of a run."""
        found = [
            record
            for (kind, key), record in self._records.items()
            if kind == BRANCH and key.startswith(f"{run}/")
        ]
        found.sort(key=lambda record: record.version)
        branches = [msgspec.json.decode(record.body, type=Branch) for record in found]
        return [branch for branch in branches if branch.run == run]


def _no_copy(run: str) -> Put:
    return Put(kind=COPY, key=run, body=None)
