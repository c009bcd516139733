"""Ops: the single things that the core wants from the world, each with its one identity.

An op's id is its dynamic path, minted once when the op is opened: the names from the root down,
with ``~n`` for a loop's round and ``!n`` for a retry's attempt. It is the idempotency key, the
timer, the suspension and the closing entry. It isn't a counter: after a crash the completions that
weren't recorded come in another order.
"""

from __future__ import annotations

import re

import msgspec

from everflow.core.refs import Built, Item, Literal, Ref, Stored

__all__ = [
    "ROOT",
    "CallOp",
    "NodeOp",
    "Op",
    "QuestionOp",
    "ReceiveOp",
    "TimerOp",
    "attempt_of",
    "child_of",
    "input_of",
    "position_of",
    "question_of",
    "stable_key",
]

ROOT = "."
_MARKS = re.compile(r"[~!@]\d+")
_ATTEMPTS = re.compile(r"!(\d+)")

AnyRef = Stored | Literal | Built | Item


class NodeOp(msgspec.Struct, tag="node", omit_defaults=True, gc=False):
    """Run a node. ``since`` is the seq whose commit it waits for, ``ticks`` what is left to it."""

    id: str
    position: str
    parent: str
    key: str
    input: AnyRef
    since: int
    node: str
    ticks: int | None = None
    stopping: bool = False
    asking: bool = False  # it is not to be run until its wait_for question is answered
    answers: tuple[tuple[str, AnyRef], ...] = ()  # of its own wait_for questions so far
    guarded: bool = False  # stopping where something would have caught its error
    whole: bool = False  # its result stands in the ref whole, for the one who asked


class TimerOp(msgspec.Struct, tag="timer", omit_defaults=True, gc=False):
    """Wait until ``due``, in microseconds since the epoch.

    ``wall`` says that it is a point on the wall clock rather than the end of a duration.
    """

    id: str
    position: str
    parent: str
    key: str
    input: AnyRef
    since: int
    due: int
    wall: bool = False


class QuestionOp(msgspec.Struct, tag="question", omit_defaults=True, gc=False):
    """Wait for the answer to (run, ``tag``, ``occurrence``); a ``wait_for`` sets ``asker``."""

    id: str
    position: str
    parent: str
    key: str
    prompt: AnyRef
    since: int
    tag: str
    occurrence: int
    at: int
    due: int | None = None
    asker: str = ""


class ReceiveOp(msgspec.Struct, tag="receive", omit_defaults=True, gc=False):
    """Wait for the next signal of that name."""

    id: str
    position: str
    parent: str
    key: str
    input: AnyRef
    since: int
    name: str
    at: int
    due: int | None = None


class CallOp(msgspec.Struct, tag="call", omit_defaults=True, gc=False):
    """Start a run of ``flow``, and wait for its end; a ``detached`` one has begun, and that's it.

    It is to be closed by the world, as a node's is: ``stopping`` says that the child is cancelled.
    """

    id: str
    position: str
    parent: str
    key: str
    input: AnyRef
    since: int
    flow: str
    detached: bool = False
    stopping: bool = False
    guarded: bool = False  # stopping where something would have caught its error
    peer: str = ""  # the server that is to run it, which accepts it within ``patience`` (in µs)
    patience: int = 0


Op = CallOp | NodeOp | TimerOp | QuestionOp | ReceiveOp


def position_of(op: str) -> str:
    """The static position of an op: its path without rounds and attempts."""
    return _MARKS.sub("", op)


def stable_key(op: str) -> str:
    """The op's path without attempts: the same over retries, another one for each loop round."""
    return _ATTEMPTS.sub("", op)


def attempt_of(op: str) -> int:
    """Which attempt of the innermost retry around it the op belongs to; 1 outside any."""
    found = _ATTEMPTS.findall(op)
    return int(found[-1]) if found else 1


def question_of(op: NodeOp) -> str:
    """The id of the question that a node asks next by ``wait_for``."""
    return f"{op.id}@{len(op.answers) + 1}"


def child_of(op: str, parent: str) -> str:
    """The name of the child of ``parent`` in whose extent the op is."""
    first = op[len(parent) :].split("/", 2)[1] if "/" in op[len(parent) :] else ""
    return _MARKS.sub("", first)


def input_of(ref: Ref) -> int | None:
    """What an entry notes of its op's input: the seq it stands in, or None for a composed one."""
    return ref.seq if type(ref) is Stored else None
