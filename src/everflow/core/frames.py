"""Frames: what a combinator remembers while its children run. Plain, versioned data.

A frame is found by its dynamic path, and names its parent by path, so that the state is one flat
table that can be written down at any moment. The number in a tag is the frame's version: a change
of a frame's meaning is a new class with the next number, and snapshots of every release are kept as
golden files. A tag that this release doesn't know stops the load; it is never guessed at.
"""

from __future__ import annotations

from typing import TypeGuard

import msgspec

from everflow.core.faults import ErrorData
from everflow.core.ops import AnyRef
from everflow.core.refs import Literal

__all__ = [
    "AnyFrame",
    "AskFrame",
    "BodyFrame",
    "BranchFrame",
    "CachedFrame",
    "CatchFrame",
    "ChooseFrame",
    "CriticalFrame",
    "DagFrame",
    "EachFrame",
    "FallbackFrame",
    "Frame",
    "KeepFrame",
    "Lasting",
    "Logged",
    "LoopFrame",
    "ParallelFrame",
    "RaceFrame",
    "ReceiveFrame",
    "RetryFrame",
    "SagaFrame",
    "SequenceFrame",
    "TicksFrame",
    "TimeoutFrame",
    "holds_budget",
    "is_ending",
    "outlives",
    "owes_undo",
    "shields",
]


class Frame(msgspec.Struct, omit_defaults=True, gc=False):
    """``position`` is static, ``path`` dynamic; by ``key`` the parent knows it."""

    position: str
    path: str
    parent: str
    key: str


class SequenceFrame(Frame, tag="sequence/1"):
    """``index`` is the place of the step that goes on."""

    index: int = 0


class KeepFrame(Frame, tag="keep/1", kw_only=True):
    """``input`` becomes the first of the pair."""

    input: AnyRef


class BranchFrame(Frame, tag="branch/1", kw_only=True):
    """``input`` goes to the chosen branch."""

    input: AnyRef


class ChooseFrame(Frame, tag="choose/1", kw_only=True):
    """``input`` goes to the chosen case."""

    input: AnyRef


class LoopFrame(Frame, tag="loop/1", kw_only=True):
    """``round`` counts from 1; ``value`` is the state."""

    round: int
    value: AnyRef


class CatchFrame(Frame, tag="try_catch/1", kw_only=True):
    """``input`` goes to what catches, beside the error."""

    input: AnyRef


class RetryFrame(Frame, tag="retry/1", kw_only=True):
    """``attempt`` counts from 1; each gets ``input``."""

    attempt: int
    input: AnyRef


class FallbackFrame(Frame, tag="fallback/1", kw_only=True):
    """Alternative number ``index`` goes on, from 0; those before failed. Each gets ``input``."""

    input: AnyRef
    index: int = 0
    errors: tuple[ErrorData, ...] = ()


class TicksFrame(Frame, tag="ticks/1", kw_only=True):
    """``left`` of the budget; below 0 it is used up and ``closing`` is waited for."""

    left: int
    closing: dict[str, None] = {}


class TimeoutFrame(Frame, tag="timeout/1", kw_only=True):
    """``closing``: the ops under it that are still to be closed once the time is up."""

    closing: dict[str, None] = {}


class ParallelFrame(Frame, tag="parallel/1", kw_only=True):
    """``waiting``: children that go on; ``closing``: ops of cancelled ones that aren't closed."""

    waiting: dict[str, None]
    results: dict[str, AnyRef] = {}
    errors: dict[str, ErrorData] = {}
    closing: dict[str, None] = {}
    shares: dict[str, int] = {}


class RaceFrame(Frame, tag="race/1", kw_only=True):
    """``winner`` settled by ``value`` or ``error``; ``closing``: ops of the losers."""

    waiting: dict[str, None]
    winner: str = ""
    value: AnyRef = Literal("null")
    error: ErrorData | None = None
    closing: dict[str, None] = {}


class EachFrame(Frame, tag="each/1", kw_only=True):
    """``count`` is -1 until the list is counted; ``begun`` how many items were.

    ``small`` and ``failures`` are what is known of the elements, ``errors`` those of the lowest
    indexes.
    """

    input: AnyRef
    count: int = -1
    begun: int = 0
    small: list[str | None] = []
    failures: dict[int, None] = {}
    waiting: dict[int, None] = {}
    results: dict[int, AnyRef] = {}
    succeeded: int = 0
    failed: int = 0
    errors: dict[int, ErrorData] = {}
    closing: dict[str, None] = {}


class DagFrame(Frame, tag="dag/1", kw_only=True):
    """As ``ParallelFrame``; ``input`` goes to the vertices that ask for it."""

    input: AnyRef
    waiting: dict[str, None]
    results: dict[str, AnyRef] = {}
    errors: dict[str, ErrorData] = {}
    closing: dict[str, None] = {}


class CachedFrame(Frame, tag="cached/1", kw_only=True):
    """``address`` is the key, once a look-up found nothing; ``value`` what is to be kept by it.

    The address is "-" where the body was changed by an upgrade since, so that nothing is to be.
    """

    input: AnyRef
    address: str = ""
    value: AnyRef | None = None


class AskFrame(Frame, tag="ask/1", kw_only=True):
    """``answer`` or ``error`` is set once it is decided; ``closing`` holds the notifier."""

    input: AnyRef
    answer: AnyRef = Literal("null")
    error: ErrorData | None = None
    closing: dict[str, None] = {}


class ReceiveFrame(Frame, tag="receive/1"):
    """It waits for a signal, and for a deadline."""


class SagaFrame(Frame, tag="saga/1", kw_only=True):
    """``results`` holds (input, output) of each step that is done and can be undone, in order.

    While it goes forward, ``index`` is the place of the step that goes on and ``input`` what that
    was given. Once ``undoing``, ``closing`` is waited for before the first undo, and ``attempt``
    counts the tries of undos. ``cancelled``: its end is told as that of an op that was cancelled,
    with ``error`` unless something in between would have caught that (``guarded``).
    """

    input: AnyRef
    index: int = 0
    results: dict[str, AnyRef] = {}
    error: ErrorData | None = None
    undoing: bool = False
    cancelled: bool = False
    guarded: bool = False
    closing: dict[str, None] = {}
    attempt: int = 1


class CriticalFrame(Frame, tag="critical/1", kw_only=True):
    """``input`` is what its body is to get, None once it has got it and the section is held.

    ``cancelled``, ``guarded``, ``error`` and ``closing`` are as those of a saga: the section is
    held until all is closed that was begun in it.
    """

    input: AnyRef | None = None
    error: ErrorData | None = None
    cancelled: bool = False
    guarded: bool = False
    closing: dict[str, None] = {}


Lasting = SagaFrame | CriticalFrame


def owes_undo(frame: Frame) -> TypeGuard[SagaFrame]:
    """Whether the frame outlives a cancel of its extent, because something is to be undone."""
    return type(frame) is SagaFrame and (frame.undoing or bool(frame.results))


def outlives(frame: Frame) -> TypeGuard[Lasting]:
    """Whether the frame stays when its extent is cancelled, until it is through with its end."""
    return owes_undo(frame) or (type(frame) is CriticalFrame and frame.input is None)


def is_ending(frame: Lasting) -> bool:
    """Whether its end has begun, so that no further cancel reaches what goes on under it."""
    return frame.undoing if type(frame) is SagaFrame else frame.cancelled


def shields(frame: Frame) -> bool:
    """Whether budgets around the frame don't count for what is under it, as for an undo."""
    return type(frame) is SagaFrame and frame.undoing


class Logged(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a body got from one await: a value or an error.

    ``flow`` is the sign by which a replay knows what was awaited again: ``=NAME`` of a node (see
    ``mounting``), else a hash, with what people call it behind a space.
    """

    flow: str
    value: AnyRef | None = None
    error: ErrorData | None = None

    @property
    def sign(self) -> str:
        """By what a replay knows the flow again."""
        return self.flow if self.flow.startswith("=") else self.flow.partition(" ")[0]

    @property
    def title(self) -> str:
        """What people call the flow."""
        if self.flow.startswith("="):
            return self.flow[1:].partition("!")[0]
        return self.flow.partition(" ")[2]


class BodyFrame(Frame, tag="body/1", kw_only=True):
    """``log``: what the body's awaits gave since it began, or since it went on with a new state.

    ``count`` numbers its awaits through all of that. ``awaited`` is the flow that goes on, empty
    while the body itself is to be advanced, ``mounted`` the name of its place, and ``given`` what
    the body gave to the steps in it.
    """

    input: AnyRef
    count: int = 0
    log: list[Logged] = []
    awaited: str = ""
    mounted: str = ""
    given: tuple[AnyRef, ...] = ()


def holds_budget(frame: Frame) -> bool:
    """Whether the frame limits the ticks of what is under it."""
    return type(frame) is TicksFrame or (type(frame) is ParallelFrame and bool(frame.shares))


AnyFrame = (
    SequenceFrame
    | KeepFrame
    | BranchFrame
    | ChooseFrame
    | LoopFrame
    | CatchFrame
    | RetryFrame
    | FallbackFrame
    | TicksFrame
    | TimeoutFrame
    | ParallelFrame
    | RaceFrame
    | EachFrame
    | DagFrame
    | CachedFrame
    | AskFrame
    | SagaFrame
    | BodyFrame
    | ReceiveFrame
    | CriticalFrame
)
