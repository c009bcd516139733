"""The state of a run: plain data, the fold of its entries and nothing else.

``frames`` and ``ops`` are flat tables by path. A snapshot is this struct as JSON; its version
stands in ``version``, and the frames carry versions of their own.
"""

from __future__ import annotations

import msgspec

from everflow.core.faults import ErrorData
from everflow.core.frames import AnyFrame
from everflow.core.ops import AnyRef, CallOp, NodeOp, QuestionOp, ReceiveOp, TimerOp
from everflow.core.refs import seqs
from everflow.errors import StoreDamaged, UnknownFrame

__all__ = [
    "VERSION",
    "Called",
    "Cancelled",
    "Done",
    "Failed",
    "Kept",
    "Outcome",
    "State",
    "live_refs",
    "live_seqs",
    "state_of",
]

VERSION = 1


class Done(msgspec.Struct, tag_field="kind", tag="done", frozen=True):
    """The run ended with a value."""

    value: AnyRef


class Failed(msgspec.Struct, tag_field="kind", tag="failed", frozen=True):
    """The run ended with an error."""

    error: ErrorData


class Cancelled(msgspec.Struct, tag_field="kind", tag="cancelled", frozen=True):
    """The run was cancelled, and all of its ops are closed."""


Outcome = Done | Failed | Cancelled


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What a body awaited that was cancelled itself, while there is something to be undone."""

    position: str
    awaited: str
    given: tuple[AnyRef, ...] = ()


class Called(msgspec.Struct, frozen=True, gc=False):
    """Who waits for the run: its caller's op; and how many callers are above it."""

    op: str
    depth: int


class State(msgspec.Struct, gc=False):
    """``seq`` is the last entry taken in, -1 before the start; ``at`` the latest time seen.

    ``generation`` counts the retries in place: an op is (run, generation, path).
    ``sections``: by name the paths of the frames that are at a critical section; the first is in.
    """

    version: int = VERSION
    run: str = ""
    seq: int = -1
    at: int = 0
    frames: dict[str, AnyFrame] = {}
    ops: dict[str, CallOp | NodeOp | TimerOp | QuestionOp | ReceiveOp] = {}
    asked: dict[str, int] = {}
    early: dict[str, list[AnyRef]] = {}
    signals: dict[str, list[AnyRef]] = {}
    budgets: int = 0
    cancelling: bool = False
    kept: dict[str, Kept] | msgspec.UnsetType = msgspec.UNSET  # left out while there is none
    sections: dict[str, dict[str, None]] | msgspec.UnsetType = msgspec.UNSET  # likewise
    outcome: Done | Failed | Cancelled | None = None
    generation: int = 0
    called: Called | msgspec.UnsetType = msgspec.UNSET  # left out where nobody waits

    @property
    def depth(self) -> int:
        """How many runs wait for this one, each for the next."""
        return self.called.depth if self.called else 0


class _Version(msgspec.Struct):
    version: int


_state_decoder = msgspec.json.Decoder(State)
_version_decoder = msgspec.json.Decoder(_Version)


def state_of(payload: str) -> State:
    """The state of a snapshot, for those who only look at it.

    Raises UnknownFrame for what a newer release wrote, StoreDamaged for text that isn't a snapshot.
    """
    try:
        version = _version_decoder.decode(payload).version
        if version != VERSION:
            raise UnknownFrame(
                f"the run's snapshot is of version {version}; this release reads {VERSION}",
                hint="the run loses nothing and goes on where the release that wrote it, or a newer"
                " one, is installed",
            )
        return _state_decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise UnknownFrame(
            f"the run's snapshot holds what this release doesn't know: {error}",
            hint="the run loses nothing and goes on where a release that knows it is installed",
        ) from error
    except (ValueError, RecursionError) as error:
        raise StoreDamaged(f"the run's snapshot can't be read: {error}") from error


def live_refs(state: State, *, logs: bool = True) -> list[AnyRef]:
    """The values that the run still holds; its bodies' logs can be left out."""
    found: list[AnyRef] = [ref for kept in state.early.values() for ref in kept]
    found += [ref for kept in state.signals.values() for ref in kept]
    for op in state.ops.values():
        if type(op) is QuestionOp:
            found.append(op.prompt)
        else:
            found.append(op.input)  # type: ignore[union-attr]  # all other ops have one
        if type(op) is NodeOp:
            found += [ref for _, ref in op.answers]
    for frame in state.frames.values():
        for name in ("input", "value", "prompt", "answer"):
            ref = getattr(frame, name, None)
            if ref is not None:
                found.append(ref)
        found += getattr(frame, "results", {}).values()
        found += getattr(frame, "given", ())
        if logs:
            found += [item.value for item in getattr(frame, "log", ()) if item.value]
    if state.kept:
        found += [ref for kept in state.kept.values() for ref in kept.given]
    if type(state.outcome) is Done:
        found.append(state.outcome.value)
    return found


def live_seqs(state: State, *, logs: bool = True) -> set[int]:
    """The entries whose payloads the run may still need; its bodies' logs can be left out."""
    return {seq for ref in live_refs(state, logs=logs) for seq in seqs(ref)}
