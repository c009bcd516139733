"""The watchdog's words: what holds the scheduler, and what to do about it.

They are found from another thread while the code runs, so nothing here changes or waits for a run.
"""

from __future__ import annotations

from everflow.core.combine.body import ADVANCE
from everflow.core.frames import BodyFrame
from everflow.core.ops import NodeOp
from everflow.engine.bodies.live import Live
from everflow.engine.cells.cell import Cell

__all__ = ["what_holds"]


def what_holds(cell: Cell, op: NodeOp) -> str:
    """A sentence on the code that an op runs on the scheduler's own thread."""
    frame = cell.machine.state.frames.get(op.parent)
    if op.key != ADVANCE or not isinstance(frame, BodyFrame):
        return f"the inline node {op.node} holds the scheduler: make it without inline= and pure="
    live: Live | None = cell.bodies.get(frame.path)
    return (
        f"the body {op.node} holds the scheduler{_since(frame, live)}, in run {cell.row.id}: other"
        " runs wait while it computes; let a node do that: await step(fn, ...)"
    )


def _since(frame: BodyFrame, live: Live | None) -> str:
    """Since which of its awaits, and where its code is."""
    if live is None:
        return ""
    fed, line = live.fed, live.line
    if not 0 < fed <= len(frame.log):
        return f" since it began{line}"
    return f" since its await {live.first + fed}, {frame.log[fed - 1].title}{line}"
