"""Tenures: runs that are leased from another instance, which takes them over when the lease ends.

The engine knows no instances. Whoever keeps leases (the federation, where it is open) is its
``Tenures``, and the engine holds four rules.

* **A leased run is in memory only while its lease holds**, by the boot clock. That is looked at
  before each of its nodes begins, and right before each commit that bears something of it.
* **Once a lease was seen to be over, it is over for all that is in memory**, whatever comes after:
  what was learnt and isn't written is written nowhere. A new lease begins with what the store has.
* **A run whose lease ended is given back** with the next batch, and isn't loaded before it stands.
* **Nobody is told what the lessee doesn't have.** A call for a leased run waits for it, and says so
  when that takes too long: what was asked is kept here all the same, so that it may be asked again.

Other runs pay for none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from everflow.clock import Clock
from everflow.core.definition import Definition
from everflow.core.machine import Machine
from everflow.engine.cells.cell import Cell
from everflow.errors import NotSafeYet
from everflow.store import OUTCOMES, Batch, Released, RunRow, SideRow, Store, left_out

__all__ = ["LeasedCell", "Leases", "Tenures", "may_tell", "not_safe", "told"]

PAGE = 1_000


class Tenures(Protocol):
    """Who keeps leases. All is asked from any thread, and answered at once but for ``safe``."""

    def until(self, run: str) -> int | None:
        """Up to when a leased run may be run here, by the boot clock in µs; None: not now."""

    def is_leased(self, run: str) -> bool:
        """Whether a run is leased, also where its row doesn't say so yet."""

    def leases(self, flow: str) -> bool:
        """Whether runs of that flow are leased from their start."""

    def safe(self, run: str, seconds: float) -> bool:
        """Wait until the lessee has all that the store has of a run now; False in vain.

        With 0 seconds it only looks. Raises where the run isn't this instance's any more.
        """


class _Grant:
    """A lease as it is held for what is in memory. Once ``over``, it stays so."""

    __slots__ = ("over", "run")

    def __init__(self, run: str) -> None:
        self.run = run
        self.over = False


class LeasedCell(Cell):
    """A leased run in memory: it begins nothing once its lease was seen to be over."""

    __slots__ = ("_over", "_rests")

    def __init__(
        self, row: RunRow, definition: Definition, machine: Machine, over: Callable[[int], bool]
    ) -> None:
        self._over = over
        super().__init__(row, definition, machine)

    @property
    def paused(self) -> bool:
        """Whether it begins nothing more, by a pause or for want of a lease."""
        return self._rests or self._over(self.row.no)

    @paused.setter
    def paused(self, rests: bool) -> None:
        self._rests = rests


class Leases:
    """What a worker knows of the leases of its runs, and the way of its batches to the store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._followed: dict[int, str] = {}  # by number: the ids of runs whose leases may hold
        self._grants: dict[int, _Grant] = {}
        self._leaving: dict[int, str] = {}  # lapsed, and not yet released by a batch
        self.tenures: Tenures | None = None

    # --- on the scheduler's thread

    def follow(self, row: RunRow) -> None:
        """Take a leased run up whenever its lease holds, for as long as it has no end."""
        self._followed[row.no] = row.id

    def forget(self, no: int) -> None:
        """The run isn't leased any more, or isn't here."""
        self._followed.pop(no, None)

    def held(self) -> list[int]:
        """The runs whose leases hold: they may be claimed."""
        for no, run in self._followed.items():
            if no not in self._grants and no not in self._leaving and self._lasts(run):
                self._grants[no] = _Grant(run)
        return [no for no in self._grants if not self.is_over(no)] if self._grants else []

    def lapsed(self) -> list[int]:
        """The runs whose leases were seen to be over since the last look."""
        found = [no for no in self._grants if self.is_over(no)] if self._grants else []
        for no in found:
            self.let_go(no, self._grants[no].run)
        return found

    def let_go(self, no: int, run: str) -> None:
        """Write nothing of a run from now on, until a batch has released it."""
        self._leaving[no] = run
        self._grants.pop(no, None)

    def is_leaving(self, no: int) -> bool:
        """Whether a run was let go, and no batch has released it yet."""
        return no in self._leaving

    def released(self, released: Iterable[Released]) -> bool:
        """A batch is written: nothing of these is in the making any more. True for one of these."""
        gone = [self._leaving.pop(one.no, None) for one in released] if self._leaving else []
        return any(gone)

    def clear(self) -> None:
        """The worker begins anew: nothing is in memory."""
        self._leaving.clear()
        self._grants.clear()

    def cell(self, row: RunRow, definition: Definition, machine: Machine) -> Cell:
        """The cell of a run that comes into memory."""
        if row.leased:
            return LeasedCell(row, definition, machine, self.is_over)
        return Cell(row, definition, machine)

    # --- from any thread

    def is_over(self, no: int) -> bool:
        """Whether a leased run may not be run here now; what was over stays so."""
        grant = self._grants.get(no)
        if grant is None:
            return True
        grant.over = grant.over or not self._lasts(grant.run)
        return grant.over

    def _lasts(self, run: str) -> bool:
        until = None if self.tenures is None else self.tenures.until(run)
        return until is not None and until > self._clock.boot()

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        """Write a batch without what it bears of leased runs that may not be run here now."""
        if self._grants or self._leaving:
            over = {no: grant.run for no, grant in list(self._grants.items()) if self.is_over(no)}
            over |= self._leaving
            if over:
                batch = self._without(batch, over)
        return self._store.append(batch, side_rows)

    def _without(self, batch: Batch, over: Mapping[int, str]) -> Batch:
        kept, _ = left_out(batch, over)
        applied, after = set(batch.arrivals), min(batch.arrivals, default=0) - 1
        while applied:  # what they haven't applied stays in their inboxes
            found = self._store.arrivals(batch.worker, after=after, limit=PAGE)
            applied -= {arrival.id for arrival in found if arrival.no in over}
            after = found[-1].id if found else 0
            if len(found) < PAGE or after >= max(batch.arrivals):
                break
        return replace(kept, arrivals=[id_ for id_ in batch.arrivals if id_ in applied])

    # --- acknowledging

    def is_safe(self, row: RunRow, seconds: float = 0.0) -> bool:
        """Whether what the store has of a run may be told, within so many seconds."""
        tenures = self.tenures
        if tenures is None:
            return not row.leased
        return not (row.leased or tenures.is_leased(row.id)) or tenures.safe(row.id, seconds)

    def wait(self, row: RunRow, seconds: float) -> None:
        """Wait until what the store has of a run may be told; NotSafeYet in vain."""
        if not self.is_safe(row, seconds):
            raise not_safe(row)


def may_tell(row: RunRow, leases: Leases | None) -> bool:
    """Whether it may be told where a run stands: that it ended, once its lessee has that."""
    if row.status not in OUTCOMES:
        return True
    return not row.leased if leases is None else leases.is_safe(row)


def told(row: RunRow, leases: Leases | None) -> RunRow:
    """The row, unless it may not be told: then NotSafeYet."""
    if not may_tell(row, leases):
        raise not_safe(row)
    return row


def not_safe(row: RunRow) -> NotSafeYet:
    """What is said of a leased run whose lessee doesn't have yet what is here."""
    return NotSafeYet(
        "this is kept here, and the server that the run is leased from doesn't have it yet",
        run=row.id,
        flow=row.flow,
        hint="ask again, with the same key: what was taken once isn't taken again",
    )
