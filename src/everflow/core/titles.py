"""What people call a flow that a body awaits, in few words.

A title stands in a body's log beside the sign by which a replay knows the flow again. It is for
people only: a replay never compares two titles.
"""

from __future__ import annotations

from typing import Any

from everflow.core.combine.body import Step
from everflow.core.flow import Flow

__all__ = ["side_of", "title_of"]

DEEPEST = 2
MOST_KIDS = 3
LONGEST = 80
_NAMES = ("node", "tag", "name", "flow", "what")  # of a kind's shape: what it is called by


def title_of(flow: Flow[Any, Any]) -> str:
    """``retry (write)``, ``ask 'approval'``; of a node the name in full, of a label the label."""
    found = _bare(flow)
    if not found.children() and "node" in found.shape():
        return str(found.shape()["node"])[:LONGEST]
    title = _title(found, 0)
    return title if len(title) <= LONGEST else f"{title[: LONGEST - 1]}…"


def side_of(sign: str, title: str) -> str:
    """A flow as an error shows it: with as much of a hash as tells two of one title apart."""
    return sign if sign.startswith("=") else f"{title} ({sign[:12]})"


def _bare(flow: Flow[Any, Any]) -> Flow[Any, Any]:
    while isinstance(flow, Step):
        flow = flow.inner
    return flow


def _title(flow: Flow[Any, Any], depth: int) -> str:
    flow = _bare(flow)
    given = flow.label or flow.name_of_flow
    if given:
        return given
    shape = flow.shape()
    called = next((str(shape[key]) for key in _NAMES if isinstance(shape.get(key), str)), "")
    if "node" in shape or "what" in shape:
        return called.rpartition(":")[2]
    if called:
        return f"{flow.kind} {called!r}"
    kids = [kid for _, kid in flow.children()]
    if not kids:
        return flow.kind
    if depth == DEEPEST:
        return f"{flow.kind} (…)"
    within = [_title(kid, depth + 1) for kid in kids[:MOST_KIDS]]
    return f"{flow.kind} ({', '.join(within + ['…'] * (len(kids) > MOST_KIDS))})"
