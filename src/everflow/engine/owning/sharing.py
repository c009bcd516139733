"""Sharing: how much of the work a worker takes while others live.

Alone it takes whatever there is. Beside others three rules hold. Nothing more is taken while
something waits here for a place, or for the scheduler. Bites grow as long as they are worked off,
as far as there are places, and by what is worked off in a moment beyond that: quick nodes keep a
worker fed, slow ones aren't hoarded. And what has waited for a place here from one look to the next
is given back, the youngest too, so that whoever has a free place may have it: a run that was
answered, or was started here, isn't stuck behind those that its owner runs, or tries. Suspects
stay: who takes them from a living worker wouldn't know what they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from everflow.core.definition import Definition
from everflow.engine.cells.cell import Cell
from everflow.engine.owning.aside import is_still, let_go, put_aside
from everflow.engine.owning.parking import Parking
from everflow.engine.owning.parts import Parts
from everflow.store import RunRow

__all__ = ["Born", "Sharing"]

Born = tuple[RunRow, Definition, int, str]  # started here and not in memory: when, on what
FIRST, MOST = 8, 500  # runs of a bite
LOOK = 500_000  # microseconds between looks at what waits
AHEAD = 10  # a tenth of what ran between two looks runs in a moment


class Sharing:
    """Beside others this worker takes no more than it works off; ``again`` has it claim."""

    def __init__(
        self, parts: Parts, parking: Parking, born: deque[Born], again: Callable[[], None]
    ) -> None:
        self._parts = parts
        self._again = again
        self._born = born
        self._parking = parking
        self._bite = FIRST
        self._ahead = 0
        self._ran = 0
        self._next = 0
        self._starts = 0  # since the last turn
        self._waited: set[int] = set()  # runs that waited at the last look
        self.given_back = 0

    @property
    def beside_others(self) -> bool:
        """Whether other workers live."""
        return bool(self._parts.ownership.others)

    @property
    def room(self) -> int:
        """How many runs to take at most now, claimed or started here."""
        if not self.beside_others:
            return MOST
        dispatcher, config = self._parts.dispatcher, self._parts.config
        if len(dispatcher.pooled) or dispatcher.inline_waiting >= config.batch:
            return 0
        if dispatcher.trial is not None:  # of suspects: others begin at once what would wait here
            return 0
        if dispatcher.unrecorded:
            return min(self._bite, dispatcher.places + self._ahead)
        return self._bite

    def took(self, room: int, count: int) -> None:
        """A claim for so many gave that many."""
        if count == room:
            self._bite = min(2 * self._bite, MOST)

    def takes_start(self) -> bool:
        """Whether a run that starts in this process is taken here at once; from any thread."""
        if not self.beside_others:
            return True
        self._starts += 1
        return self._starts <= self._bite and not len(self._parts.dispatcher.pooled)

    def look(self, boot: int) -> None:
        """Give back what waits for a place since the last look."""
        self._starts = 0
        if boot < self._next:
            return
        self._next = boot + LOOK
        dispatcher = self._parts.dispatcher
        ran, self._ran = dispatcher.ran - self._ran, dispatcher.ran
        self._ahead = ran // AHEAD
        if not self.beside_others:
            self._waited = set()
            return
        waiting = {cell.no: cell for cell, _, _ in dispatcher.pooled if not cell.doubted}
        coming = {row.no for row, *_ in self._born}
        late = not self._waited.isdisjoint([*waiting, *coming])
        self._waited = {*waiting, *coming}
        if late:
            self._bite = FIRST
            for cell in waiting.values():
                self._give_back(cell)
            mine = self._parts.ownership.worker
            started = [row.no for row, *_ in self._born if row.owner == mine]
            self.given_back += let_go(self._parts, self._parking, started)
            self._born.clear()
            self._parts.recorder.draft.after.append(self._again)  # maybe nobody else has a place

    def _give_back(self, cell: Cell) -> None:
        leaves = not (cell.dropped or cell.paused or cell.row.leased)
        if leaves and is_still(cell) and cell.machine.outcome is None:
            put_aside(self._parts, self._parking, cell)
            self.given_back += 1
