"""Draining: a worker that is to end lets go of its runs, while what it has begun may end.

Three rules hold here. From the first moment nothing is claimed, admitted or begun any more. A run
of which nothing is begun is released at once, any other as soon as what was begun is recorded, so
that others go on with it within their next look. What rests is theirs as this worker retires, or
as a message or a timer concerns it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable

from everflow.engine.owning.aside import is_still, let_go, put_aside
from everflow.engine.owning.parking import Parking
from everflow.engine.owning.parts import Parts
from everflow.store import RunRow

__all__ = ["Draining"]

_log = logging.getLogger("everflow.engine")


class Draining:
    """``active`` once the worker drains; there is no way back for this worker."""

    def __init__(self, parts: Parts, parking: Parking) -> None:
        self._parts = parts
        self._parking = parking
        self.active = False
        self.released = 0

    def begin(self, coming: Iterable[int], claimed: deque[list[RunRow]]) -> None:
        """Drain from now on. ``coming`` are runs on their way into memory, ``claimed`` others."""
        if self.active:
            return
        self.active = True
        worker = self._parts.ownership.worker
        _log.info("worker %d drains: it begins nothing more", worker)
        self.give_back(coming)
        self.give_back(row.no for rows in claimed for row in rows)
        claimed.clear()

    def give_back(self, nos: Iterable[int]) -> None:
        """Release runs that aren't in memory."""
        self.released += let_go(self._parts, self._parking, nos)

    def look(self) -> None:
        """Release those of which nothing is begun any more."""
        for cell in self._parts.cells.active() if self.active else ():
            if is_still(cell) and cell.machine.outcome is None:
                put_aside(self._parts, self._parking, cell)
                self.released += 1

    @property
    def is_done(self) -> bool:
        """Whether all that was begun has ended, and is in no draft any more."""
        parts = self._parts
        left = parts.dispatcher.unrecorded or parts.recorder.draft or self.restless
        return self.active and not left

    @property
    def restless(self) -> bool:
        """Whether a look would release something."""
        if not self.active:
            return False
        return any(
            is_still(cell) and cell.machine.outcome is None for cell in self._parts.cells.active()
        )
