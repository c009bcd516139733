"""How flows and their children end in the reference: values, errors, and what nobody decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from everflow.core.combine.cached import LOOK_UP
from everflow.core.elements import elements
from everflow.core.entries import Entry, Kind
from everflow.core.faults import ErrorData, Settled
from everflow.core.machine import Machine
from everflow.core.ops import QuestionOp
from everflow.store import Answer

__all__ = ["ERROR", "Raised", "Undecided", "found_in", "last_under", "question_of", "settled"]

ERROR = ErrorData(type="Error", message="some error or other")


class Raised(Exception):
    """The flow fails here."""


class Undecided(Exception):
    """The flow waits here for what the world didn't decide."""


def settled(end: Any) -> Settled[Any]:
    """How a child ended, as a value."""
    if isinstance(end, Raised):
        return Settled(ok=False, error=ERROR)
    return Settled(ok=True, value=end)


def last_under(journal: Sequence[Entry], path: str) -> int:
    """The last entry of what is at a path or under it: once it settled, there is no later."""
    under = tuple(path + mark for mark in "/~!@")
    return max((e.seq for e in journal if e.op == path or e.op.startswith(under)), default=-1)


def found_in(journal: Sequence[Entry]) -> set[str]:
    """The paths of what was found in the cache rather than computed."""
    end = f"/{LOOK_UP}"
    told = (e for e in journal if e.kind == Kind.RESULT and e.op.endswith(end))
    return {e.op.removesuffix(end) for e in told if len(elements(e.payload)) > 1}


def question_of(machine: Machine, message: Answer) -> QuestionOp | None:
    """The question that an answer is for, as long as it is open."""
    for op in machine.state.ops.values():
        if type(op) is QuestionOp and (op.tag, op.occurrence) == (message.tag, message.occurrence):
            return op
    return None
