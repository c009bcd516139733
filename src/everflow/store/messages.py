"""What reaches a run from outside, and from other runs.

All of it goes through one inbox and is judged by ``judge`` alone. How much of it a run holds is
bounded: at most ``SIGNALS`` signals wait for a run, and as many of their keys are remembered.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SIGNALS = 1000  # that wait for one run at most, and keys of signals that it remembers


class Answer(msgspec.Struct, kw_only=True, tag="answer"):
    """An answer to one question. ``key`` is never empty: a caller without one gets a random one."""

    no: int
    tag: str
    occurrence: int
    payload: str
    key: str
    at: int
    by: str = ""


class Early(msgspec.Struct, kw_only=True, tag="early"):
    """An answer by tag alone: to the only open question of that tag, else kept for the next one.

    ``seen`` is the occurrence of the question that its sender saw open and means, if one was.
    """

    no: int
    tag: str
    payload: str
    key: str
    at: int
    by: str = ""
    seen: int | None = None


class Cancel(msgspec.Struct, kw_only=True, tag="cancel"):
    """The wish to end a run."""

    no: int
    at: int
    by: str = ""


class Pause(msgspec.Struct, kw_only=True, tag="pause"):
    """The wish that a run begins nothing more; it waits in the inbox until the run is paused."""

    no: int
    at: int
    by: str = ""


class Unpause(msgspec.Struct, kw_only=True, tag="unpause"):
    """The wish that a run which is paused, or about to be, goes on."""

    no: int
    at: int
    by: str = ""


class Signal(msgspec.Struct, kw_only=True, tag="signal"):
    """A named message to a run, which takes those of a name one by one, in their order.

    Many may wait. ``key`` is never empty, and counts for the run and the name: sent again, it is a
    repetition, also once the run took it.
    """

    no: int
    name: str
    payload: str
    key: str
    at: int
    by: str = ""


class ChildEnded(msgspec.Struct, kw_only=True, tag="child"):
    """What became of a run that another one called; ``op`` is the caller's op."""

    no: int
    op: str
    kind: Literal["result", "error", "cancelled"]
    payload: str
    at: int


class Settled(msgspec.Struct, kw_only=True, tag="settled"):
    """What a node gave whose own writes were committed with it, see ``settling``; ``op`` is its op.

    It comes from the node's worker alone: ``accept`` doesn't take it.
    """

    no: int
    op: str
    payload: str
    at: int
    ticks: int = 0


class UpgradeTo(msgspec.Struct, kw_only=True, tag="upgrade"):
    """The wish that a run goes on under another definition; the store has it, by that hash.

    Whether the run can is for its owner to say, when it applies the message.
    """

    no: int
    definition: str
    at: int
    by: str = ""


Message = Answer | Early | Cancel | Pause | Unpause | Signal | ChildEnded | Settled | UpgradeTo
ORDERS = (Cancel, Pause, Unpause, UpgradeTo)  # they may be obeyed where no code fits
AT_ONCE = (Settled, *ORDERS)  # what is so whatever the run's code says


class Letter(msgspec.Struct, kw_only=True):
    """A message from one run to another, by its public id; the message's ``no`` counts for nothing.

    ``of`` names the run whose outcome it tells, if it tells one: where that outcome is refused, the
    letter isn't sent either. ``source`` names the run that sends it; where that was taken from the
    worker, it isn't sent.
    """

    run: str
    message: Signal | ChildEnded | Cancel
    of: int = 0
    source: int = 0


class Arrival(msgspec.Struct, kw_only=True):
    """An accepted message in the inbox of a run.

    ``id`` grows with time. One may become visible after a higher one, where several write at once:
    ``Store.arrivals`` gives it then.
    """

    id: int
    no: int
    message: Message


def sameness(message: Signal | ChildEnded | Cancel) -> tuple[object, ...]:
    """Letters to one run that are alike in this are one, the first of them."""
    if isinstance(message, Signal):
        return message.no, message.name, message.key
    return message.no, message.op if isinstance(message, ChildEnded) else None
