"""Firing: what happens when a timer of a run in memory is due.

A deadline that passes doesn't overrule an answer that was acknowledged: the question is closed in
the store first, and the expiry journaled only if no answer is in the inbox then. Neither does it
overrule a signal: the inbox is read to its end first. A timeout lets a node that is being settled
end first; one that isn't by then never will be.
"""

from __future__ import annotations

from collections.abc import Callable

from everflow.core.entries import Kind
from everflow.core.ops import Op, QuestionOp, TimerOp
from everflow.engine.cells.cell import Cell, Cells
from everflow.engine.cells.recorder import Recorder
from everflow.engine.cells.timers import Timers
from everflow.errors import FlowError
from everflow.store import QuestionClosed

__all__ = ["Firing"]


class Firing:
    """``take`` reads the inbox and says whether there is more; ``block`` parks a run.

    ``shut`` keeps the nodes of a run within a path from being settled, and says whether it could.
    """

    def __init__(
        self,
        timers: Timers,
        cells: Cells,
        recorder: Recorder,
        *,
        take: Callable[[], bool],
        block: Callable[[Cell, str, str], None],
        shut: Callable[[int, str], bool],
    ) -> None:
        self._timers = timers
        self._cells = cells
        self._recorder = recorder
        self._take = take
        self._block = block
        self._shut = shut
        self._waiting: list[tuple[Cell, TimerOp]] = []  # for nodes that are being settled

    def look(self) -> None:
        """Fire what is due."""
        waiting, self._waiting = self._waiting, []
        for cell, op in [*waiting, *self._timers.due()]:
            if cell.paused or cell.dropped or cell.machine.state.ops.get(op.id) is not op:
                continue  # or closed by one that fired before it
            self._cells.wake(cell)
            question = cell.machine.state.ops.get(f"{op.parent}/@question")
            if op.key == "@deadline":
                self._expire(cell, op, question)
            elif op.key != "@within" or self._shut(cell.row.no, op.parent):
                self._record(cell, op)
            else:
                self._waiting.append((cell, op))

    def _record(self, cell: Cell, op: TimerOp) -> None:
        try:
            self._recorder.record(cell, Kind.FIRED, op.id)
        except FlowError as error:
            self._block(cell, "code", str(error))

    def _expire(self, cell: Cell, op: TimerOp, question: Op | None) -> None:
        """Close a question whose deadline passed; the rest follows once that is on disk."""
        no = cell.row.no
        cell.held += 1
        draft = self._recorder.draft
        if type(question) is QuestionOp:  # and not one that waits for a signal
            draft.closed.append(QuestionClosed(no, question.tag, question.occurrence, "expired"))
        draft.after.append(lambda: self.expired(cell, op))

    def expired(self, cell: Cell, op: TimerOp) -> None:
        """The question is closed: journal its expiry, unless an answer was faster."""
        more = True
        while more:  # a long inbox is read to its end: the answer may stand there
            more = self._take()
        cell.held -= 1
        if cell.dropped:
            return
        self._recorder.touch(cell)
        if cell.machine.state.ops.get(op.id) is op:
            self._record(cell, op)
