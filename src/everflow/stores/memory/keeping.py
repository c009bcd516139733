"""Keeping: copies, export and import, adoption, pruning."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec.structs import replace as changed

from everflow.errors import NoSuchRun, StoreError
from everflow.store import ACTIVE, TENURE, EntryRow, Imported, RunRow, Status
from everflow.stores.memory.tables import Tables, copied, locked

Installed = Literal["new", "same", "conflict", "replaced"]


class Keeping(Tables):
    """The verbs of people who look after a store."""

    @locked
    def backup(self, place: str, progress: Callable[[int, int], None] | None = None) -> None:
        """A copy of the store under ``backups[place]``."""
        if place in self.backups:
            raise StoreError(f"{place} is there already", hint="name a place that isn't there")
        twin = type(self)()
        own = {"lock", "backups"}
        for name, value in vars(self).items():
            if name not in own:
                setattr(twin, name, copy.deepcopy(value))
        self.backups[place] = twin
        if progress is not None:
            progress(len(self._runs), len(self._runs))

    @locked
    def export(self, no: int) -> Imported:
        """A run whole."""
        if no not in self._runs:
            raise NoSuchRun(f"there is no run number {no}")
        return Imported(
            row=copied(self._runs[no]),
            entries=[self._entry(no, seq) for seq in sorted(self._entries[no])],
            questions=[self._today(q) for q in self._questions.values() if q.no == no],
            arrivals=[arrival.message for arrival in self._arrivals({no})],
            heard=list(self._heard[no]),
        )

    @locked
    def install(
        self,
        runs: Sequence[Imported],
        definitions: Sequence[tuple[str, str]],
        *,
        replace: bool = False,
    ) -> list[Installed]:
        """Import runs under new numbers, unowned."""
        self._define(definitions)
        self._version += 1
        return [self._install(run, replace=replace) for run in runs]

    def _install(self, run: Imported, *, replace: bool) -> Installed:
        old = self._ids.get(run.row.id)
        if old is not None and self._holds(old, run.entries):
            return "same"
        key = None if run.row.key is None else self._keys.get((run.row.flow, run.row.key))
        if key not in {None, old}:
            return "conflict"
        if (TENURE, run.row.id) in self._records:
            return "conflict"
        if old is not None and self._runs[old].status is Status.HANDED_OFF:
            return "conflict"
        if old is not None and (not replace or self._is_busy(self._runs[old])):
            return "conflict"
        if old is not None:
            self._delete(self._runs[old])
        self._restore(run)
        return "new" if old is None else "replaced"

    def _holds(self, no: int, entries: Sequence[EntryRow]) -> bool:
        mine = self._entries[no]
        both = [entry for entry in entries if entry[1] in mine]
        last = max((entry[1] for entry in entries), default=0)
        return bool(both) and last <= max(mine) and all(mine[e[1]][2] == e[2] for e in both)

    def _is_busy(self, run: RunRow) -> bool:
        return run.status in ACTIVE and self._lives(run.owner)

    def _restore(self, run: Imported) -> None:
        row = copied(run.row)
        row.no = row.owner = 0
        row.leased = False
        self._add(row)
        for _, seq, body, checksum in run.entries:
            self._entries[row.no][seq] = (row.no, seq, body, checksum)
        for question in run.questions:
            mine = changed(question, no=row.no, run=row.id, flow=row.flow)
            self._questions[row.no, mine.tag, mine.occurrence] = mine
        self._heard[row.no] = list(run.heard)
        for message in run.arrivals:
            self._post(changed(message, no=row.no))

    @locked
    def adopt(self, nos: Sequence[int]) -> list[bool]:
        """Queue runs that were set aside."""
        return [no in self._runs and self._adopt(self._runs[no]) for no in nos]

    def _adopt(self, run: RunRow) -> bool:
        aside = run.status is Status.BLOCKED and run.until == "operator"
        if run.status is not Status.PAUSED and (not aside or self._lives(run.owner)):
            return False
        run.status = Status.QUEUED
        run.until = run.reason = ""
        run.deaths = 0
        self._version += 1
        return True

    @locked
    def prune(self, no: int, *, before: int, keep: Sequence[int]) -> int:
        """Delete what no load needs any more."""
        run = self._runs.get(no)
        if run is None or run.status is Status.HANDED_OFF or (TENURE, run.id) in self._records:
            return 0
        before = min(before, run.base)
        old = [seq for seq in self._entries[no] if seq < before and seq not in keep]
        for seq in old:
            del self._entries[no][seq]
        return len(old)
