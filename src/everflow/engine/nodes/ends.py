"""Ends: what becomes of an attempt that ended, or that is to end.

Two rules hold here. An op is recorded as stopped only when nothing of its attempt can come after
that: an async node is waited for, a thread's end is late, and one that is being settled ends as the
store says. An end that bears an older token is late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msgspec.structs import replace

from everflow.clock import Clock
from everflow.config import Config
from everflow.core.entries import Kind
from everflow.core.ops import NodeOp, input_of
from everflow.engine.calling.callee import MISFIT, REFUSED, Ended
from everflow.engine.cells.cell import Cell, Cells
from everflow.engine.cells.recorder import Recorder
from everflow.engine.nodes.attempts import Attempt
from everflow.engine.nodes.dispatcher import Dispatcher
from everflow.engine.nodes.settling import LOST, UNSETTLED, SettlingCallee, settles
from everflow.errors import FlowError

__all__ = ["Ends"]


class Ends:
    """Records ends. ``block`` parks a run, ``again`` has the inboxes read once more."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        cells: Cells,
        recorder: Recorder,
        dispatcher: Dispatcher,
        *,
        block: Callable[[Cell, str, str], None],
        again: Callable[[], None],
    ) -> None:
        self._grace = round(config.grace_s * 1_000_000)
        self._clock = clock
        self._cells = cells
        self._recorder = recorder
        self._dispatcher = dispatcher
        self._block = block
        self._again = again
        self._graces: deque[tuple[int, Cell, NodeOp]] = deque()  # cancelled, until when

    def next_in(self, least: int) -> int:
        """Microseconds until the next of those that were cancelled is given up, at most that."""
        if not self._graces:
            return least
        return min(least, max(self._graces[0][0] - self._clock.boot(), 0))

    def stop(self, cell: Cell, op: NodeOp) -> None:
        """Stop an op that was cancelled; record that, unless its pool still tells its end."""
        if cell.dropped or cell.machine.state.ops.get(op.id) is not op:
            return
        if self._dispatcher.stop(cell, op):
            self.record(cell, op, Ended(Kind.STOPPED, "null"))
        else:
            self._graces.append((self._clock.boot() + self._grace, cell, op))

    def look(self) -> None:
        """Give up async nodes that were cancelled and go on all the same: their ends come late."""
        boot = self._clock.boot()
        while self._graces and self._graces[0][0] <= boot:
            _, cell, op = self._graces.popleft()
            if not cell.dropped and self._dispatcher.give_up(cell, op):
                self.record(cell, op, Ended(Kind.STOPPED, "null"))

    def told(self, attempt: Attempt, end: Ended | None) -> None:
        """A pool tells the end of an attempt; None says that it was cancelled.

        Raises StoreError while it isn't known how one ended that is being settled.
        """
        end = self._known(attempt, end)
        recorder, dispatcher = self._recorder, self._dispatcher
        if not dispatcher.finished(attempt):
            self._late(end)
            return
        cell = self._cells.get(attempt.no)
        op = cell.machine.state.ops.get(attempt.op) if cell is not None else None
        mine = cell is not None and cell.running.pop(attempt.op, 0) == attempt.token
        if cell is None or not mine or type(op) is not NodeOp or _is(end, LOST):
            self._late(end)
            recorder.draft.recorded += 1
            return
        if _is(end, Kind.STOPPED):
            end = None
        if op.stopping and (end is None or end.kind not in {Kind.RESULT, Kind.ERROR}):
            end = Ended(Kind.STOPPED, "null")
        if end is not None:
            recorder.draft.recorded += 1
            if end.started:
                self._again()  # nobody owns what it started
            self.record(cell, op, end)
        else:  # cancelled by its loop, not by us: it has no result, so it is run again
            dispatcher.recorded(1)
            dispatcher.ready(cell, op)

    def _known(self, attempt: Attempt, end: Ended | None) -> Ended | None:
        """How it ended, from the store where that isn't known here."""
        mine = settles(attempt.run)
        unknown = _is(end, UNSETTLED) or (end is None and mine is not None and mine.passed)
        if not unknown or not isinstance(attempt.callee, SettlingCallee):
            return end
        if not self._dispatcher.is_begun(attempt):
            return end
        return attempt.callee.again(attempt.run)

    def _late(self, end: Ended | None) -> None:
        self._recorder.late += 1
        if end is not None and end.arrival:
            self._again()  # it stands in the inbox, whoever is to journal it

    def record(self, cell: Cell, op: NodeOp, end: Ended) -> None:
        """Journal how an op ended."""
        if end.kind == MISFIT:
            self._block(cell, "code", f"{op.node} at {op.position}: {end.payload}")
            return
        if end.kind == REFUSED:
            why = f"{end.payload} (what {op.node} at {op.position} settles)"
            self._block(cell, "operator", f"{why}; see to that, then: everflow adopt RUN")
            return
        source = input_of(op.input)
        draft = self._recorder.draft
        try:
            self._recorder.record(
                cell, end.kind, op.id, end.payload, op.node, source, end.ticks, end.note
            )
        except FlowError as error:
            self._block(cell, "code", str(error))
            return
        draft.puts += [replace(put, source=cell.no) for put in end.puts]
        if end.arrival:
            draft.arrivals[end.arrival] = cell.no


def _is(end: Ended | None, kind: str) -> bool:
    return end is not None and end.kind == kind
