"""Leasing: leased runs come into memory as their leases begin to hold, and leave it as they end.

So does a run that was taken from this worker: another instance has it now, or it came to be leased.
Whatever a pool still tells of such a run comes late.
"""

from __future__ import annotations

from collections.abc import Callable

from everflow.engine.cells.draft import Draft
from everflow.engine.owning.parking import Parking
from everflow.engine.owning.parts import Parts
from everflow.store import OUTCOMES, RunRow

__all__ = ["Leasing"]


class Leasing:
    """``again`` has what may be claimed looked for."""

    def __init__(self, parts: Parts, parking: Parking, again: Callable[[], None]) -> None:
        self._parts = parts
        self._leases = parts.leases
        self._parking = parking
        self._again = again
        self.told = False  # something of a batch was refused

    def look(self) -> None:
        """Let go of runs whose leases ended, and of those that were taken from this worker."""
        for no in self._leases.lapsed():
            self._parking.let_go(no)
        if self.told or self._parts.ownership.taken:
            self._look_for_taken()
            self.told = self._parts.ownership.taken = False

    def follow(self, run: str) -> None:
        """A run's lease may hold or is over for good, or the run was handed over."""
        self.told = True
        row = self._parts.store.find(run)
        if row is None:
            return
        if row.leased and row.status not in OUTCOMES:
            self._leases.follow(row)
        else:
            self._leases.forget(row.no)
        self._again()

    def _look_for_taken(self) -> None:
        nos = self._parts.store.taken_from(self._parts.ownership.worker)
        for row in self._parts.store.rows([no for no in nos if not self._leases.is_leaving(no)]):
            self._leases.let_go(row.no, row.id)
            self._parking.let_go(row.no)

    def leaves(self, row: RunRow) -> bool:
        """Whether a run isn't to be taken up, as its lease doesn't hold."""
        return row.leased and self._leases.is_over(row.no)

    def committed(self, draft: Draft) -> None:
        """Runs were released: a lease that holds again has them claimed again."""
        if self._leases.released(draft.released):
            self._again()
