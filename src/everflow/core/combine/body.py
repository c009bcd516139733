"""Direct style: a body is a Python function that awaits flows, and the machine sees its awaits.

The body itself is code, which the machine never runs: it asks the host to advance it (an op under
the key ``@advance``) and is told that the body awaits a flow, goes on with a new state, or ended.
What the awaited flows gave is the body's log. A host that doesn't hold the body any more begins it
again and feeds it the log, so the same body with the same log must await the same flows.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from everflow.core.combine.waiting import moment_payload
from everflow.core.entries import Entry, Kind
from everflow.core.faults import ErrorData, make_error
from everflow.core.flow import Children, Flow, Moves, Names, Site
from everflow.core.forbidden import check_code
from everflow.core.frames import BodyFrame, Logged
from everflow.core.node import Node, node_of, unhandled
from everflow.core.ops import NodeOp
from everflow.core.refs import Literal, Ref, is_failure, stored
from everflow.core.state import Kept, State
from everflow.errors import BodyTooDeep, NotAFlow, WrongArgument

__all__ = ["ADVANCE", "Ambient", "Body", "Step"]

In = TypeVar("In")
Out = TypeVar("Out")
ADVANCE = "@advance"
DEEPEST = 100  # bodies within one another
_NULL: Ref = Literal("null")
_parts = msgspec.json.Decoder(list[msgspec.Raw])


class Body(Node[In, Out]):
    """A function that awaits flows. Twin: a "workflow function" (Temporal), "handler" (Restate)."""

    kind = "body"
    asks: Mapping[str, Any] = MappingProxyType({})  # by tag the schema of what it says it asks
    asked: Mapping[str, Any] = MappingProxyType({})  # and the type where code is

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "asks": dict(self.asks)} if self.asks else super().settings()

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        made: Any = super().build(shape, settings, children, names)
        types = getattr(names(shape["node"]), "asked", {})
        body: Body[Any, Any] = made.asking(settings.get("asks", {}), types)
        return body

    def asking(self, schemas: Mapping[str, Any], types: Mapping[str, Any]) -> Body[In, Out]:
        """The same body, which says by tag what it will ask."""
        made: Body[In, Out] = self.copied()
        made.asks, made.asked = dict(schemas), dict(types)
        return made

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        if not self.leaf.failure and is_failure(value):
            m.fail(parent, key, unhandled(self.leaf.name, site.position))
            return
        if _depth(m.state, parent) >= DEEPEST:
            said = f"{DEEPEST} bodies await one another, and the last of them {self.leaf.name}"
            m.fail(parent, key, make_error(BodyTooDeep, said, position=site.position))
            return
        frame = BodyFrame(site.position, path, parent, key, input=value)
        m.push(frame)
        self._advance(m, frame)

    def _advance(self, m: Moves, frame: BodyFrame) -> None:
        frame.awaited, frame.mounted, frame.given = "", "", ()
        path = f"{frame.path}~{frame.count + 1}/{ADVANCE}"
        name = self.leaf.name
        m.open(NodeOp(path, frame.position, frame.path, ADVANCE, frame.input, m.seq, name))

    def child_said(self, m: Moves, frame: BodyFrame, key: str, entry: Entry) -> None:
        value = stored(entry.seq, entry.payload)
        if entry.kind == Kind.CONTINUED:
            frame.input, frame.log = value, []
            frame.count += 1  # so that no op has the id of the one that this ended
            self._advance(m, frame)
            return
        mount = m.mount(frame.position, entry.note)
        frame.count += 1
        frame.awaited, frame.mounted = entry.note, mount.key
        path = f"{frame.path}~{frame.count}/{mount.key}"
        if not mount.plain:
            parts = _parts.decode(entry.payload)
            frame.given = tuple(Literal(bytes(part).decode()) for part in parts)
        m.enter(mount.root, path, frame.path, mount.key, value if mount.plain else _NULL)

    def child_done(self, m: Moves, frame: BodyFrame, key: str, value: Ref) -> None:
        if key == ADVANCE:
            m.leave(frame, value)
        else:
            self._hear(m, frame, value, None)

    def child_failed(self, m: Moves, frame: BodyFrame, key: str, error: ErrorData) -> None:
        if key == ADVANCE:
            m.throw(frame, error)
        else:
            self._hear(m, frame, None, error)

    def _hear(self, m: Moves, frame: BodyFrame, value: Ref | None, error: ErrorData | None) -> None:
        logged = m.unmount(frame.position, frame.awaited)
        frame.log.append(Logged(logged, value, error))
        self._advance(m, frame)

    def going(self, frame: BodyFrame, site: Site) -> Iterable[tuple[str, str]]:
        if not frame.awaited:
            return [(ADVANCE, f"{frame.path}~{frame.count + 1}/{ADVANCE}")]
        return [(frame.mounted, f"{frame.path}~{frame.count}/{frame.mounted}")]

    def kid(self, sites: Mapping[str, Site], site: Site, key: str) -> Site | None:
        return sites.get(f"{site.position}/{key}")

    def catches(self, frame: BodyFrame, key: str) -> bool:
        return key != ADVANCE  # its code may: nobody knows before it is told

    def refit(self, frame: BodyFrame, old: Site, new: Site) -> str:
        return ""  # whether another function fits the log shows when it is replayed


def _depth(state: State, path: str) -> int:
    """In how many bodies a path is; each makes the positions within it longer."""
    depth = 0
    while (frame := state.frames.get(path)) is not None:
        depth += type(frame) is BodyFrame
        path = frame.parent
    return depth


class Step(Flow[Any, Out]):
    """A flow with the value that it is to get. It stands for that flow wherever a body awaits it.

    The value is no part of the definition, so that one await in a loop is one definition.
    """

    kind = "step"
    passes = "of"

    def __init__(self, inner: Flow[Any, Out], value: object = None, index: int = 0) -> None:
        self.inner, self.value, self.index = inner, value, index

    def children(self) -> Children:
        return [("of", self.inner)]

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Step(children[0][1])

    @property
    def holds_steps(self) -> bool:
        """Whether there are others inside of it."""
        found = [self.inner]
        while found:
            flow = found.pop()
            if isinstance(flow, Step):
                return True
            found += [child for _, child in flow.children()]
        return False

    def at(self, index: int) -> Step[Out]:
        """The step whose value is the one of that place in what the body gave."""
        return Step(self.inner, None, index)

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        given = _given_around(m.state, path)[self.index]
        m.enter(site.kids["of"], f"{path}/of", parent, key, given)


def _given_around(state: State, path: str) -> tuple[Ref, ...]:
    """What the nearest body around a path gave; it may be gone, while that is still undone."""
    while True:
        path = path.rpartition("/")[0]
        body = path.rpartition("~")[0]
        frame = state.frames.get(body) or (state.kept or {}).get(body)
        if isinstance(frame, BodyFrame | Kept):
            return frame.given


class Ambient(Flow[Any, Out]):
    """What a body must not ask Python for, told by the run itself: the same at every replay.

    Twins: ``workflow.now``, ``workflow.random`` and ``workflow.uuid4`` (Temporal).
    """

    kind = "ambient"

    def __init__(self, what: str) -> None:
        if what not in _AMBIENT:
            raise WrongArgument(f"{what!r:.60} is nothing that a run can tell")
        self.what = what

    def shape(self) -> dict[str, Any]:
        return {"what": self.what}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Ambient(shape["what"])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.done(parent, key, Literal(_AMBIENT[self.what](m, path)))


def _seed(m: Moves, path: str) -> bytes:
    return sha256(f"{m.run} {path}".encode()).digest()


def _now(m: Moves, _path: str) -> str:
    return moment_payload(m.now)


def _random(m: Moves, path: str) -> str:
    return repr((int.from_bytes(_seed(m, path)[:7]) >> 3) * 2.0**-53)


def _uuid(m: Moves, path: str) -> str:
    return f'{{"$":"uuid","v":"{UUID(bytes=_seed(m, path)[:16], version=4)}"}}'


_AMBIENT = {"now": _now, "random": _random, "uuid": _uuid}


def body_of(fn: Any) -> Body[Any, Any]:
    """The body of a function: an ``async def`` or a plain one, of one parameter at most."""
    if isinstance(fn, Flow) or not inspect.isfunction(fn):
        raise NotAFlow(
            f"@flow stands over a function, and {fn!r:.80} is none",
            hint='to name a flow write flow("name", body)',
        )
    if inspect.isasyncgenfunction(fn) or inspect.isgeneratorfunction(fn):
        raise NotAFlow(f"{fn.__qualname__!r:.80} yields, and a body returns its result")
    leaf = node_of(fn).leaf
    signature = leaf.signature
    if signature.run or signature.needs or signature.free:
        other = next(iter(("run",) if signature.run else (*signature.needs, *signature.free)))
        raise WrongArgument(
            f"the body {fn.__qualname__!r:.80} asks for {other!r}, and it gets one value only",
            hint="give what it needs to a node: await step(fn, ...)",
        )
    check_code(fn)
    return Body(leaf)
