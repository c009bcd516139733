"""The store that keeps large values aside, by content, in the transaction of their entry.

``load`` leaves them where they are, since a run that is loaded needs few of its values;
``entries``, ``journal`` and ``export`` bring them. Each writing of a value renews its record's
version, so that a sweep can't take what was just referred to again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec.structs import replace

from everflow.errors import StoreDamaged
from everflow.store import (
    Batch,
    Branch,
    EntryRow,
    Hand,
    Imported,
    Letter,
    NewRun,
    Put,
    RunRow,
    Settled,
    Settlement,
    SideRow,
    Slice,
    Store,
)
from everflow.stores.aside.values import BLOB, address_of, put_aside, put_back
from everflow.stores.layer import Layer

__all__ = ["AsideStore"]

PAGE = 16  # values that are read at once
ENTRIES = 1_000


class AsideStore(Layer):
    """A store whose entries hold no payload of more than ``over`` characters."""

    def __init__(self, inner: Store, over: int) -> None:
        super().__init__(inner)
        self._over = over

    # --- writing

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        over = self._over
        large = any(len(body) > over for _, _, body, _ in batch.entries)
        if not large and not batch.starts:
            return self.inner.append(batch, side_rows)
        blobs: dict[str, str] = {}
        entries = [self._aside(row, blobs) for row in batch.entries]
        starts = [self._new(run, blobs) for run in batch.starts]
        puts = [*batch.puts, *_puts(blobs)]
        kept = replace(batch, entries=entries, starts=starts, puts=puts)
        return self.inner.append(kept, side_rows)

    def start(
        self, runs: Sequence[NewRun], definitions: Sequence[tuple[str, str]] = ()
    ) -> list[RunRow]:
        blobs: dict[str, str] = {}
        kept = [self._new(run, blobs) for run in runs]
        if not blobs:
            return self.inner.start(kept, definitions)
        latest = max(run.at for run in runs)
        rows = self.inner.write(_puts(blobs), at=latest, starts=kept, definitions=definitions)
        return rows or []

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
        blobs: dict[str, str] = {}
        kept = [self._new(run, blobs) for run in starts]
        return self.inner.write(
            [*puts, *_puts(blobs)],
            at=at,
            starts=kept,
            definitions=definitions,
            letters=letters,
            admit=admit,
        )

    def settle(
        self,
        settled: Settled | None,
        statements: Sequence[SideRow] = (),
        *,
        worker: int = 0,
        epoch: int = 0,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        within: object = None,
    ) -> Settlement | None:
        """What a node gave stays whole in the inbox; its entry goes aside."""
        blobs: dict[str, str] = {}
        kept = [self._new(run, blobs) for run in starts]
        if blobs:
            # Not in the transaction: a sweep leaves them alone while they are new.
            self.inner.write(_puts(blobs), at=max(run.at for run in starts))
        return super().settle(
            settled,
            statements,
            worker=worker,
            epoch=epoch,
            starts=kept,
            definitions=definitions,
            within=within,
        )

    def _aside(self, row: EntryRow, blobs: dict[str, str]) -> EntryRow:
        kept, blob = put_aside(row, self._over)
        if blob is not None:
            blobs[blob[0]] = blob[1]
        return kept

    def _new(self, run: NewRun, blobs: dict[str, str]) -> NewRun:
        if len(run.body) <= self._over:
            return run
        _, _, body, checksum = self._aside((0, 0, run.body, run.sum), blobs)
        return replace(run, body=body, sum=checksum)

    # --- reading

    def entries(self, no: int, seqs: Sequence[int]) -> dict[int, str]:
        bodies = self.inner.entries(no, seqs)
        rows = self._back([(no, seq, body, 0) for seq, body in bodies.items()])
        return {seq: body for _, seq, body, _ in rows}

    def journal(self, no: int, *, first: int = 0, limit: int = 1000) -> list[EntryRow]:
        return self._back(self.inner.journal(no, first=first, limit=limit), whole=False)

    def export(self, no: int) -> Imported:
        found = self.inner.export(no)
        return replace(found, entries=self._back(found.entries))

    def _back(self, rows: list[EntryRow], *, whole: bool = True) -> list[EntryRow]:
        """The rows with the values that are aside; StoreDamaged where one is missing."""
        wanted = {row[1]: address for row in rows if (address := address_of(row[2])) is not None}
        if not wanted:
            return rows
        found = self._values(set(wanted.values()))
        missing = [seq for seq, address in wanted.items() if address not in found]
        if missing and whole:
            raise StoreDamaged(
                f"the value of entry {missing[0]}, which is kept aside, is missing",
                run=self._name(rows[0][0]),
                hint="restore a backup",
            )
        return [
            put_back(row, found[wanted[row[1]]]) if wanted.get(row[1]) in found else row
            for row in rows
        ]

    def _values(self, addresses: Iterable[str]) -> dict[str, str]:
        keys = sorted(addresses)
        return {
            record.key: record.body
            for first in range(0, len(keys), PAGE)
            for record in self.inner.records(BLOB, keys=keys[first : first + PAGE], limit=PAGE)
        }

    def _name(self, no: int) -> str:
        return next((row.id for row in self.inner.rows([no])), str(no))

    # --- keeping

    def install(
        self,
        runs: Sequence[Imported],
        definitions: Sequence[tuple[str, str]],
        *,
        replace: bool = False,
    ) -> list[Literal["new", "same", "conflict", "replaced"]]:
        blobs: dict[str, str] = {}
        kept = [self._arriving(run, blobs) for run in runs]
        if blobs:
            # Not in the transaction of the import: a sweep leaves them alone while they are new.
            self.inner.write(_puts(blobs), at=max(run.row.updated for run in runs))
        return self.inner.install(kept, definitions, replace=replace)

    def _arriving(self, run: Imported, blobs: dict[str, str]) -> Imported:
        """A run to be installed; what is here already stays as it is here, aside or not."""
        here = self.inner.find(run.row.id)
        known = {} if here is None else {row[1]: row for row in self._raw(here.no)}
        entries = []
        for row in run.entries:
            aside, blob = put_aside(row, self._over)
            mine = known.get(row[1])
            if mine is not None and mine[2] in {row[2], _marked_like(row)}:
                aside, blob = (row[0], *mine[1:]), None
            if blob is not None:
                blobs[blob[0]] = blob[1]
            entries.append(aside)
        return _with_entries(run, entries)

    # --- runs that other instances have, too

    def slice(self, run: str, after: int) -> Slice:
        """With the values that are aside."""
        found = self.inner.slice(run, after)
        entries = self._back(found.whole.entries)
        return replace(found, whole=_with_entries(found.whole, entries))

    def hand(self, act: Hand, *, at: int) -> bool:
        """Large values go aside, as at an import."""
        (act,) = self._handed([act], at)
        return self.inner.hand(act, at=at)

    def _handed(self, acts: Sequence[Hand], at: int) -> list[Hand]:
        blobs: dict[str, str] = {}
        kept = [
            act if act.add is None else replace(act, add=self._small(act.add, blobs))
            for act in acts
        ]
        if blobs:
            self.inner.write(_puts(blobs), at=at)
        return kept

    def _small(self, add: Slice, blobs: dict[str, str]) -> Slice:
        entries = [self._aside(row, blobs) for row in add.whole.entries]
        return replace(add, whole=_with_entries(add.whole, entries))

    def slices(self, runs: Sequence[str]) -> list[Slice]:
        """With the values that are aside."""
        return [
            replace(one, whole=_with_entries(one.whole, self._back(one.whole.entries)))
            for one in self.inner.slices(runs)
        ]

    def hand_all(
        self, acts: Sequence[Hand], *, at: int, puts: Sequence[Put] = (), families: bool = False
    ) -> bool:
        """Large values go aside, as at an import."""
        return self.inner.hand_all(self._handed(acts, at), at=at, puts=puts, families=families)

    def branches(self, run: str) -> list[Branch]:
        """With the values that are aside, but those that are missing."""
        return [
            replace(
                branch,
                whole=_with_entries(branch.whole, self._back(branch.whole.entries, whole=False)),
            )
            for branch in self.inner.branches(run)
        ]

    def _raw(self, no: int) -> Iterable[EntryRow]:
        first = 0
        while page := self.inner.journal(no, first=first, limit=ENTRIES):
            yield from page
            first = page[-1][1] + 1

    def forget(self, no: int) -> int:
        """Delete the values of a run that no other can share, since they are sealed; how many."""
        gone = {address for row in self._raw(no) if (address := address_of(row[2])) is not None}
        puts = [Put(kind=BLOB, key=key, body=None) for key in sorted(gone)]
        if puts:
            self.inner.write(puts, at=self.inner.info().highest)
        return len(puts)


def _with_entries(run: Imported, entries: list[EntryRow]) -> Imported:
    return replace(run, entries=entries)


def _marked_like(row: EntryRow) -> str:
    """The row's body as it would be with its value aside, whatever its size."""
    return put_aside(row, 0)[0][2]


def _puts(blobs: dict[str, str]) -> list[Put]:
    return [Put(kind=BLOB, key=key, body=payload) for key, payload in blobs.items()]
