"""Left to right: ``sequence``, ``identity``, ``const``, ``keep``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site, lift
from everflow.core.frames import KeepFrame, SequenceFrame
from everflow.core.refs import Literal, Ref, tuple_of

__all__ = ["Const", "Identity", "Keep", "Sequence", "identity", "keep", "sequence"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")


class Sequence(Flow[Any, Any]):
    """Output to input, left to right; empty is identity. Twin: ``Kleisli composition`` (>=>)."""

    kind = "sequence"
    ordered = labels = True

    def __init__(self, steps: tuple[Flow[Any, Any], ...]) -> None:
        self.steps = steps

    def children(self) -> Children:
        return [(step.label or str(i), step) for i, step in enumerate(self.steps)]

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Sequence(tuple(child for _, child in children))

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        if not site.order:
            m.done(parent, key, value)
            return
        m.push(SequenceFrame(site.position, path, parent, key))
        name, first = site.order[0]
        m.enter(first, f"{path}/{name}", path, name, value)

    def going(self, frame: SequenceFrame, site: Site) -> Iterable[tuple[str, str]]:
        name, _ = site.order[frame.index]
        return [(name, f"{frame.path}/{name}")]

    def child_done(self, m: Moves, frame: SequenceFrame, key: str, value: Ref) -> None:
        order = m.sites[frame.position].order
        frame.index = index = frame.index + 1
        if index == len(order):
            m.leave(frame, value)
            return
        name, step = order[index]
        path = frame.path
        # Not noted by m.enter but begun here and now, since every flow's enter only notes: that
        # takes a fifth off the time of a node.
        step.flow.enter(m, step, f"{path}/{name}", path, name, value)

    def refit(self, frame: SequenceFrame, old: Site, new: Site) -> str:
        """The step that goes on has its place; what comes after it was never run before."""
        keys = [key for key, _ in new.order]
        index = keys.index(old.order[frame.index][0])
        done = {key for key, _ in old.order[: frame.index]}
        again = next((key for key in keys[index + 1 :] if key in done), None)
        if again is not None:
            return f"the step {again!r} is done and would come again after this one"
        frame.index = index
        return ""

    def passed_by(self, frame: SequenceFrame, old: Site, new: Site) -> list[str]:
        before = new.order[: frame.index]
        return [site.position for key, site in before if key not in old.kids]


class Identity(Flow[Any, Any]):
    """Gives its input."""

    kind = "identity"

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Identity()

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.done(parent, key, value)


class Const(Flow[Any, Any]):
    """Ignores its input and gives one value, written into the definition as a payload."""

    kind = "const"

    def __init__(self, payload: str) -> None:
        self.payload = payload

    def settings(self) -> dict[str, Any]:
        return {"value": self.payload}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Const(settings["value"])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.done(parent, key, Literal(self.payload))


class Keep(Flow[Any, Any]):
    """Gives (input, output). Twin: ``zip`` with the identity, ``&&&`` (Haskell's Arrow)."""

    kind = "keep"

    def __init__(self, body: Flow[Any, Any]) -> None:
        self.body = body

    def children(self) -> Children:
        return [("body", self.body)]

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Keep(children[0][1])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.push(KeepFrame(site.position, path, parent, key, input=value))
        m.enter(site.kids["body"], f"{path}/body", path, "body", value)

    def child_done(self, m: Moves, frame: KeepFrame, key: str, value: Ref) -> None:
        m.leave(frame, tuple_of(frame.input, value))

    def refit(self, frame: KeepFrame, old: Site, new: Site) -> str:
        return ""


identity: Flow[Any, Any] = Identity()


def keep(body: FlowLike[A, B]) -> Flow[A, tuple[A, B]]:
    """The flow that gives (input, output of ``body``)."""
    return Keep(lift(body, "keep"))


@overload
def sequence() -> Flow[Any, Any]: ...
@overload
def sequence(a: FlowLike[A, B], /) -> Flow[A, B]: ...
@overload
def sequence(a: FlowLike[A, B], b: FlowLike[B, C], /) -> Flow[A, C]: ...
@overload
def sequence(
    a: FlowLike[A, B],
    b: FlowLike[B, C],
    c: FlowLike[C, D],
    /,
) -> Flow[A, D]: ...
@overload
def sequence(
    a: FlowLike[A, B],
    b: FlowLike[B, C],
    c: FlowLike[C, D],
    d: FlowLike[D, E],
    /,
) -> Flow[A, E]: ...
@overload
def sequence(
    a: FlowLike[A, B],
    b: FlowLike[B, C],
    c: FlowLike[C, D],
    d: FlowLike[D, E],
    e: FlowLike[E, F],
    /,
) -> Flow[A, F]: ...
@overload
def sequence(
    a: FlowLike[A, Any],
    b: FlowLike[Any, Any],
    c: FlowLike[Any, Any],
    d: FlowLike[Any, Any],
    e: FlowLike[Any, Any],
    f: FlowLike[Any, Any],
    /,
    *flows: FlowLike[Any, Any],
) -> Flow[A, Any]: ...
def sequence(*flows: Any) -> Flow[Any, Any]:
    """Run flows one after the other, each on the output of the one before; none is identity.

    Nesting equals flat: a sequence without a label of its own inside another is taken apart.
    """
    steps: list[Flow[Any, Any]] = []
    for given in flows:
        step = lift(given, "sequence")
        if isinstance(step, Sequence) and step.label is None:
            steps += step.steps
        elif not isinstance(step, Identity) or step.label is not None:
            steps.append(step)
    if len(steps) == 1:
        return steps[0]
    return Sequence(tuple(steps)) if steps else identity
