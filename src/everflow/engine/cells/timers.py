"""Timers of the runs in memory: a heap by the runs' time. Resting runs' wait in the store."""

from __future__ import annotations

import heapq

from everflow.clock import RunClock
from everflow.core.ops import TimerOp
from everflow.engine.cells.cell import Cell, Cells

__all__ = ["Timers"]

ROOM = 1_000  # timers that may be watched before those of dropped cells are looked for
RECHECK = 1_000_000  # a point on the wall clock is looked at again at least so often: it may jump


class Timers:
    """``due`` gives the timers to fire now, without those of dropped cells and closed ops."""

    def __init__(self, clock: RunClock, cells: Cells) -> None:
        self._clock = clock
        self._cells = cells
        self._heap: list[tuple[int, int, str]] = []
        self._limit = ROOM

    def add(self, cell: Cell, op: TimerOp) -> None:
        """Watch a timer of a run in memory."""
        due = op.due
        if op.wall:
            left = self._clock.until(op.due, wall=True)
            due = self._clock.now() + min(max(left, 0), RECHECK)
        heapq.heappush(self._heap, (due, cell.row.no, op.id))
        if len(self._heap) > self._limit:
            self._prune()

    def _prune(self) -> None:
        """Forget the timers of dropped cells, and what stands there twice."""
        self._heap = [entry for entry in set(self._heap) if self._op(entry[1], entry[2])]
        heapq.heapify(self._heap)
        self._limit = max(2 * len(self._heap), ROOM)

    def _op(self, no: int, op_id: str) -> tuple[Cell, TimerOp] | None:
        cell = self._cells.get(no)
        op = cell.machine.state.ops.get(op_id) if cell is not None else None
        return (cell, op) if cell is not None and type(op) is TimerOp else None

    def next_in(self) -> int | None:
        """Microseconds until the next look."""
        return max(self._heap[0][0] - self._clock.now(), 0) if self._heap else None

    def due(self) -> list[tuple[Cell, TimerOp]]:
        """The timers that are due, taken off the heap, in the order of their times."""
        now = self._clock.now()
        found: list[tuple[Cell, TimerOp]] = []
        again: list[tuple[Cell, TimerOp]] = []
        while self._heap and self._heap[0][0] <= now:
            _, no, op_id = heapq.heappop(self._heap)
            known = self._op(no, op_id)
            if known is not None:
                left = self._clock.until(known[1].due, wall=known[1].wall)
                (found if left <= 0 else again).append(known)
        for cell, op in again:
            self.add(cell, op)
        return found
