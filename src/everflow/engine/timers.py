"""Timers of the runs in memory: a heap by the runs' time. Resting runs' timers wait in the store."""

from __future__ import annotations

import heapq

from everflow.clock import RunClock
from everflow.core.ops import TimerOp
from everflow.engine.cell import Cell, Cells

__all__ = ["Timers"]

RECHECK = 1_000_000  # a point on the wall clock is looked at again at least so often: it may jump


class Timers:
    """``due`` gives the timers to fire now; those of dropped cells and closed ops are passed over."""

    def __init__(self, clock: RunClock, cells: Cells) -> None:
        self._clock = clock
        self._cells = cells
        self._heap: list[tuple[int, int, str]] = []

    def add(self, cell: Cell, op: TimerOp) -> None:
        """Watch a timer of a run in memory."""
        due = op.due
        if op.wall:
            left = self._clock.until(op.due, wall=True)
            due = self._clock.now() + min(max(left, 0), RECHECK)
        heapq.heappush(self._heap, (due, cell.row.no, op.id))

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
            cell = self._cells.get(no)
            op = cell.machine.state.ops.get(op_id) if cell is not None else None
            if cell is None or type(op) is not TimerOp:
                continue
            left = self._clock.until(op.due, wall=op.wall)
            (found if left <= 0 else again).append((cell, op))
        for cell, op in again:
            self.add(cell, op)
        return found
