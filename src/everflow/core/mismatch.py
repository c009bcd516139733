"""JournalMismatch as a diff: what the flow asks for at this point, and what the journal holds."""

from __future__ import annotations

from everflow.core.entries import Entry
from everflow.core.ops import CallOp, NodeOp, QuestionOp, position_of
from everflow.core.state import State
from everflow.errors import JournalMismatch

__all__ = ["mismatch"]

SHOWN = 8


def mismatch(state: State, entry: Entry, wanted: str) -> JournalMismatch:
    """The error for an entry that doesn't belong where it stands; its message is a small diff."""
    lines = [f"the journal doesn't fit the flow at entry {entry.seq}: expected {wanted}"]
    lines += [f"  - {_asks(op)}" for op in list(state.ops.values())[:SHOWN]]
    if len(state.ops) > SHOWN:
        lines.append(f"  - ... and {len(state.ops) - SHOWN} more")
    if not state.ops:
        lines.append("  - (the flow asks for nothing here)")
    source = "" if entry.input is None else f" on entry {entry.input}"
    name = f" of {entry.node}" if entry.node else ""
    lines.append(f"  + {entry.kind}{name} {entry.op or '(the run)'}{source}")
    return JournalMismatch(
        "\n".join(lines),
        position=position_of(entry.op),
        hint="- is what the flow asks for, + what was recorded; the run loses nothing and goes on"
        " when code that fits is there",
    )


def _asks(op: object) -> str:
    if isinstance(op, NodeOp):
        return f"node {op.node} {op.id}{' (stopping)' if op.stopping else ''}"
    if isinstance(op, QuestionOp):
        return f"question {op.tag!r} ({op.occurrence}) {op.id}"
    if isinstance(op, CallOp):
        at = f" at {op.peer}" if op.peer else ""
        return f"call of {op.flow}{at} {op.id}{' (stopping)' if op.stopping else ''}"
    return f"timer {getattr(op, 'id', '')}"
