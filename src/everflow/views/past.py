"""A run as it stood after one of its entries: what was outstanding, where, and with what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from everflow.core.machine import Machine
from everflow.core.ops import NodeOp, QuestionOp, TimerOp, attempt_of
from everflow.core.refs import Ref
from everflow.core.state import Done, Failed
from everflow.engine.cells.history import status_of
from everflow.views.rows import View, error_view, plain_value
from everflow.views.times import instant

__all__ = ["past_view"]

PayloadOf = Callable[[Ref], str]


def past_view(machine: Machine, payload_of: PayloadOf) -> View:
    """What the machine says of itself, as plain data."""
    state, outcome = machine.state, machine.outcome
    ended = outcome.value if isinstance(outcome, Done) else None
    return {
        "seq": state.seq,
        "time": instant(state.at),
        "status": str(status_of(state)),
        "generation": state.generation,
        "outstanding": [_op_view(op, payload_of) for op in machine.commands()],
        "within": [
            {"position": frame.position, "path": frame.path, "kind": _kind(frame)}
            for frame in state.frames.values()
        ],
        "result": None if ended is None else plain_value(payload_of(ended)),
        "error": error_view(outcome.error) if isinstance(outcome, Failed) else None,
    }


def _kind(frame: Any) -> str:
    return str(frame.__struct_config__.tag).partition("/")[0]


def _op_view(op: Any, payload_of: PayloadOf) -> View:
    value = op.prompt if isinstance(op, QuestionOp) else op.input
    due = getattr(op, "due", None)
    return {
        "kind": str(op.__struct_config__.tag),
        "op": op.id,
        "position": op.position,
        "attempt": attempt_of(op.id),
        "node": op.node if isinstance(op, NodeOp) else "",
        "tag": op.tag if isinstance(op, QuestionOp) else "",
        "occurrence": op.occurrence if isinstance(op, QuestionOp) else None,
        "state": _state_of(op),
        "due": None if due is None else instant(due),
        "value": None if isinstance(op, TimerOp) else plain_value(payload_of(value)),
    }


def _state_of(op: Any) -> str:
    if isinstance(op, NodeOp):
        return "stopping" if op.stopping else "asking" if op.asking else "running"
    return "asked" if isinstance(op, QuestionOp) else "waiting"
