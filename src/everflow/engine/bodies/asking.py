"""Asking: of which types the questions are that stand in what a body awaits.

An awaited flow is data in the journal, which names no types, and an answer is journaled as a value
of the type that it was asked for. So the code that asks must be known when the answer comes. It is,
if a body awaited that flow in this process before; else the body is begun again for it, as it would
be once the answer leads it on. Where its code doesn't fit, the answer waits for code that does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from everflow.core.flow import Flow, Site
from everflow.core.frames import BodyFrame
from everflow.core.mounting import Mount, mount
from everflow.core.ops import Op
from everflow.core.program import lay_out
from everflow.engine.bodies.live import Entries, texts_of
from everflow.engine.bodies.replaying import wanted_now
from everflow.engine.calling.callee import Callee
from everflow.engine.cells.cell import Cell

__all__ = ["learn"]


def learn(cell: Cell, op: Op, callee_of: Callable[[Site], Callee], entries: Entries) -> None:
    """Give the questions around an op their types, where the op is in what a body awaits.

    ReplayDiverged where the body's code doesn't fit its log.
    """
    frame = _body_around(cell, op)
    if frame is None:
        return
    awaited = mount(cell.machine.program, frame.position, frame.awaited)
    if awaited.learnt or not any(_asks(site.flow) for site in awaited.sites.values()):
        return
    callee: Any = callee_of(cell.machine.sites[frame.position])  # a body's
    flow = callee.awaited.get(frame.awaited)
    if flow is None:
        wanted: Any = wanted_now(
            callee, cell.machine.program, frame, lambda refs: texts_of(cell, refs, entries)
        )
        flow = wanted.flow  # one that ended would have diverged
    _teach(awaited, flow)


def _body_around(cell: Cell, op: Op) -> BodyFrame | None:
    """The nearest body around an op, which awaits what the op is in."""
    frames = cell.machine.state.frames
    frame = frames.get(op.parent)
    while frame is not None and not isinstance(frame, BodyFrame):
        frame = frames.get(frame.parent)
    return frame


def _asks(flow: Flow[Any, Any]) -> bool:
    return getattr(flow, "schema", None) is not None


def _teach(awaited: Mount, flow: Flow[Any, Any]) -> None:
    for position, site in lay_out(flow, awaited.root.position).items():
        if _asks(site.flow) and position in awaited.sites:
            known: Any = awaited.sites[position].flow
            known.answers = site.flow.answers  # type: ignore[attr-defined]  # what asks has it
    awaited.learnt = True
