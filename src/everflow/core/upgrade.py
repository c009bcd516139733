"""An upgrade: what changes in a run's state when it goes on under another shape.

Two rules hold here. An upgrade is the outcome of matching, not a request to match: it holds the
frames and ops that changed as they are from then on, so that every later release folds it to the
same state. It changes no path and no id: see ``program.Lineage``.
"""

from __future__ import annotations

import msgspec

from everflow.core.frames import AnyFrame
from everflow.core.ops import CallOp, NodeOp, QuestionOp, TimerOp
from everflow.core.state import State

__all__ = ["Upgrade", "apply", "read_upgrade", "upgrade_text"]


class Upgrade(msgspec.Struct, omit_defaults=True):
    """``positions``: of those where the run stands, the places in the new flow that differ.

    ``by``: who asked for it.
    """

    frames: list[AnyFrame] = []
    ops: list[CallOp | NodeOp | TimerOp | QuestionOp] = []
    positions: dict[str, str] = {}
    by: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Upgrade)


def upgrade_text(upgrade: Upgrade) -> str:
    """An upgrade as the payload of its entry."""
    return _encoder.encode(upgrade).decode()


def read_upgrade(payload: str) -> Upgrade:
    """The upgrade of a payload; ValueError when it isn't one, or one of a later release."""
    return _decoder.decode(payload)


def apply(upgrade: Upgrade, state: State) -> None:
    """Change the state. Ops stay the objects that they are, since the host may hold them."""
    for frame in upgrade.frames:
        state.frames[frame.path] = frame
    for op in upgrade.ops:
        known = state.ops[op.id]
        for field in op.__struct_fields__:
            setattr(known, field, getattr(op, field))
