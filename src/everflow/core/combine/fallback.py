"""Alternatives: ``fallback`` tries flows one after another until one gives a value.

Each gets the value that the first one got. What it moves on from is an error alone: a suspension
is waited for, and a cancel or a budget that is used up ends all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

from everflow.core.faults import ErrorData, Errors, attached, error_names, is_among
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site, lift
from everflow.core.frames import FallbackFrame
from everflow.core.refs import Ref
from everflow.errors import WrongArgument

__all__ = ["Fallback", "fallback"]

In = TypeVar("In")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


class Fallback(Flow[Any, Any]):
    """The first alternative's value that is one. Twin: ``orElse`` (ZIO).

    ``on``: names or codes of the errors that it moves on from; of all, where there are none.
    """

    kind = "fallback"

    def __init__(self, options: tuple[Flow[Any, Any], ...], on: tuple[str, ...]) -> None:
        self.options, self.on = options, on

    def children(self) -> Children:
        return [(str(number), option) for number, option in enumerate(self.options)]

    def settings(self) -> dict[str, Any]:
        return {"on": list(self.on)} if self.on else {}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Fallback(tuple(child for _, child in children), tuple(settings.get("on", ())))

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        frame = FallbackFrame(site.position, path, parent, key, input=value)
        m.push(frame)
        m.enter(site.kids["0"], f"{path}/0", path, "0", value)

    def going(self, frame: FallbackFrame, site: Site) -> Iterable[tuple[str, str]]:
        key = str(frame.index)
        return [(key, f"{frame.path}/{key}")]

    def catches(self, frame: FallbackFrame, key: str) -> bool:
        return frame.index + 1 < len(self.options)

    def child_failed(self, m: Moves, frame: FallbackFrame, key: str, error: ErrorData) -> None:
        if frame.index + 1 >= len(self.options) or not is_among(error, self.on):
            m.throw(frame, attached(error, frame.errors))
            return
        frame.errors = (*frame.errors, error)
        frame.index += 1
        key = str(frame.index)
        kid = m.sites[frame.position].kids[key]
        m.enter(kid, f"{frame.path}/{key}", frame.path, key, frame.input)

    def refit(self, frame: FallbackFrame, old: Site, new: Site) -> str:
        return ""


@overload
def fallback(a: FlowLike[In, A], /, *, on: Errors = ...) -> Flow[In, A]: ...
@overload
def fallback(a: FlowLike[In, A], b: FlowLike[In, B], /, *, on: Errors = ...) -> Flow[In, A | B]: ...
@overload
def fallback(
    a: FlowLike[In, A], b: FlowLike[In, B], c: FlowLike[In, C], /, *, on: Errors = ...
) -> Flow[In, A | B | C]: ...
@overload
def fallback(*options: FlowLike[In, Any], on: Errors = ...) -> Flow[In, Any]: ...
def fallback(*options: Any, on: Errors = ()) -> Flow[Any, Any]:
    """Try flows in their order, each with the same value; the first that doesn't raise gives it.

    The last one's error propagates, with those of the others attached. ``on`` limits what it moves
    on from to error classes (or codes, or names); any other error propagates at once. Never caught:
    a suspension, a cancellation, the expiry of a budget around it, a ``Failure``. Twin: a
    "fallback" policy (Polly), ``orElse`` (ZIO).
    """
    if not options:
        raise WrongArgument("fallback takes at least one flow", hint="fallback(first, second)")
    return Fallback(tuple(lift(option, "fallback") for option in options), error_names(on))
