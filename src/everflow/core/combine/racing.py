"""The first to settle: ``race``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

from everflow.core.combine.joins import parts_of
from everflow.core.faults import ErrorData
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site
from everflow.core.frames import RaceFrame
from everflow.core.refs import Literal, Ref, tuple_of
from everflow.errors import WrongArgument

__all__ = ["Race", "race"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
In = TypeVar("In")


class Race(Flow[Any, Any]):
    """The first to settle wins, the losers are cancelled and waited for.

    Twin: ``Promise.race``, ``select``, "deferred choice" (workflow pattern 16).

    ``named`` says that the winner's name is part of the result.
    """

    kind = "race"

    def __init__(self, parts: tuple[tuple[str, Flow[Any, Any]], ...], *, named: bool) -> None:
        self.parts = parts
        self.named_parts = named

    def children(self) -> Children:
        return list(self.parts)

    def shape(self) -> dict[str, Any]:
        return {"named": True} if self.named_parts else {}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Race(tuple(children), named=bool(shape.get("named")))

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.push(RaceFrame(site.position, path, parent, key, waiting=dict.fromkeys(site.kids)))
        for name, kid in reversed(site.order):
            m.enter(kid, f"{path}/{name}", path, name, value)

    def going(self, frame: RaceFrame, site: Site) -> Iterable[tuple[str, str]]:
        return [(key, f"{frame.path}/{key}") for key in frame.waiting]

    def child_done(self, m: Moves, frame: RaceFrame, key: str, value: Ref) -> None:
        if self.named_parts:
            value = tuple_of(Literal(f'"{key}"'), value)
        frame.value = value
        self._settled(m, frame, key)

    def child_failed(self, m: Moves, frame: RaceFrame, key: str, error: ErrorData) -> None:
        frame.error = error
        self._settled(m, frame, key)

    def child_closed(self, m: Moves, frame: RaceFrame, op: str, error: ErrorData | None) -> None:
        frame.closing.pop(op, None)
        self._end(m, frame)

    def _settled(self, m: Moves, frame: RaceFrame, key: str) -> None:
        frame.winner = key
        del frame.waiting[key]
        frame.closing = m.cancel_under(frame)
        frame.waiting.clear()
        self._end(m, frame)

    def _end(self, m: Moves, frame: RaceFrame) -> None:
        if frame.closing:
            return
        if frame.error is not None:
            m.throw(frame, frame.error)
        else:
            m.leave(frame, frame.value)

    def refit(self, frame: RaceFrame, old: Site, new: Site) -> str:
        added = [key for key in new.kids if key not in old.kids]
        return f"it has begun without its new child {added[0]!r}" if added else ""


@overload
def race(a: FlowLike[In, A], /) -> Flow[In, A]: ...
@overload
def race(a: FlowLike[In, A], b: FlowLike[In, B], /) -> Flow[In, A | B]: ...
@overload
def race(a: FlowLike[In, A], b: FlowLike[In, B], c: FlowLike[In, C], /) -> Flow[In, A | B | C]: ...
@overload
def race(first: FlowLike[In, A], /, *flows: FlowLike[In, A]) -> Flow[In, A]: ...
@overload
def race(**named: FlowLike[In, A]) -> Flow[In, tuple[str, A]]: ...
def race(*flows: Any, **named: Any) -> Any:
    """Run flows at the same time on the same input; the first to settle, by a value or an error.

    The others are cancelled and waited for, and what they raise meanwhile goes nowhere. Gives the
    winner's value; by name, the pair (name, value). An error that settles it is raised: for the
    first that *succeeds* write ``parallel(..., join="first")``.
    """
    if flows and named:
        raise WrongArgument("give the children of race either by order or by name, not both")
    if not flows and not named:
        raise WrongArgument(
            "a race of none has no winner", hint="give race at least one flow; with one it is that"
        )
    return Race(parts_of("race", flows, named), named=bool(named))
