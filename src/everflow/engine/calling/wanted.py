"""What is asked of a cell's state about one of its ops, before it is begun and after it ended."""

from __future__ import annotations

import msgspec

from everflow.core.faults import decode_error, encode_error
from everflow.core.frames import shields
from everflow.core.ops import NodeOp, TimerOp
from everflow.engine.calling.callee import Ended
from everflow.engine.cells.cell import Cell

__all__ = ["deadline_of", "is_wanted", "placed"]


def is_wanted(cell: Cell, op: NodeOp) -> bool:
    """Whether the op is still to be run: not stopped, closed, dropped or paused meanwhile."""
    known = cell.machine.state.ops.get(op.id)
    return known is op and not (op.stopping or op.asking or cell.dropped or cell.paused)


def placed(end: Ended, op: NodeOp) -> Ended:
    """An error's end that names the position, which a node without a view doesn't know."""
    error = decode_error(end.payload)
    payload = encode_error(msgspec.structs.replace(error, position=op.position))
    return Ended(end.kind, payload, end.ticks, end.note)


def deadline_of(cell: Cell, op: NodeOp) -> int | None:
    """When the nearest timeout around an op is due."""
    frames, ops = cell.machine.state.frames, cell.machine.state.ops
    least: int | None = None
    parent = frames.get(op.parent)
    while parent is not None:
        timer = ops.get(f"{parent.path}/@within")
        if type(timer) is TimerOp and (least is None or timer.due < least):
            least = timer.due
        if shields(parent):
            break
        parent = frames.get(parent.parent)
    return least
