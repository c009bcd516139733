"""One at a time: ``critical``.

Three rules hold here. Of all extents of one name at most one goes on in a run, and the others wait
in the order in which they came. A section is held until all that was begun in it is closed, so that
a cancelled holder makes room only when its nodes are stopped and its undos done. An extent that
could only wait for ever, since the holder waits for it, fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from everflow.core.faults import ErrorData, make_error
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site, check_label, lift
from everflow.core.frames import CriticalFrame
from everflow.core.refs import Ref
from everflow.errors import Deadlock, WrongArgument

__all__ = ["Critical", "critical"]

In = TypeVar("In")
Out = TypeVar("Out")
Lines = dict[str, dict[str, None]]  # by section the paths of those at it; the first is in
_MARKS = frozenset("/~!@")  # what follows a path in the paths of all that is under it


class Critical(Flow[Any, Any]):
    """The body, while no other extent of that name goes on.

    Twin: ``asyncio.Lock``, "critical section" (workflow pattern 39).
    """

    kind = "critical"

    def __init__(self, name: str, body: Flow[Any, Any]) -> None:
        self.name, self.body = name, body

    def children(self) -> Children:
        return [("body", self.body)]

    def shape(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Critical(shape["name"], children[0][1])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        lines: Lines = m.state.sections or {}
        m.state.sections = lines
        line = lines.setdefault(self.name, {})
        if line and _would_wait_for_ever(lines, path, self.name):
            said = f"the critical section {self.name!r} is held by what waits for this"
            m.fail(parent, key, make_error(Deadlock, said, position=site.position))
            return
        frame = CriticalFrame(site.position, path, parent, key, input=value)
        m.push(frame)
        line[path] = None
        if len(line) == 1:
            _go_in(m, frame)

    def child_done(self, m: Moves, frame: CriticalFrame, key: str, value: Ref) -> None:
        self._make_room(m, frame)
        m.leave(frame, value)

    def child_failed(self, m: Moves, frame: CriticalFrame, key: str, error: ErrorData) -> None:
        self._make_room(m, frame)
        m.throw(frame, error)

    def child_closed(
        self, m: Moves, frame: CriticalFrame, op: str, error: ErrorData | None
    ) -> None:
        frame.closing.pop(op, None)
        if frame.error is None:
            frame.error = error
        if not frame.closing:
            self._make_room(m, frame)
            m.close(frame, None if frame.guarded else frame.error)

    def withdrawn(self, m: Moves, frame: CriticalFrame) -> None:
        self._make_room(m, frame)

    def refit(self, frame: CriticalFrame, old: Site, new: Site) -> str:
        return ""

    def _make_room(self, m: Moves, frame: CriticalFrame) -> None:
        """Leave the line; if that was the one in the section, the next goes in."""
        lines: Any = m.state.sections
        line = lines[self.name]
        del line[frame.path]
        if not line:
            del lines[self.name]
            if not lines:
                m.state.sections = msgspec.UNSET
        elif frame.input is None:
            following: Any = m.state.frames[next(iter(line))]
            _go_in(m, following)


def _go_in(m: Moves, frame: CriticalFrame) -> None:
    value: Any = frame.input
    frame.input = None
    kid = m.sites[frame.position].kids["body"]
    m.enter(kid, f"{frame.path}/body", frame.path, "body", value)


def _is_under(path: str, other: str) -> bool:
    return path.startswith(other) and path[len(other) : len(other) + 1] in _MARKS


def _would_wait_for_ever(lines: Lines, path: str, name: str) -> bool:
    """Whether the section's holder waits, itself or by others, for one that is held around path.

    Source: the cycle in a wait-for graph (Coffman, Elphick and Shoshani, 1971).
    """
    holders = {section: next(iter(line)) for section, line in lines.items()}
    if not any(_is_under(path, holder) for holder in holders.values()):
        return False
    seen: set[str] = set()
    wanted = {name}
    while wanted:
        section = wanted.pop()
        seen.add(section)
        holder = holders[section]
        if _is_under(path, holder):
            return True
        waits = {other for other, line in lines.items() for at in line if _is_under(at, holder)}
        wanted |= {other for other in waits if not _is_under(holders[other], holder)} - seen
    return False


def critical(name: str, body: FlowLike[In, Out]) -> Flow[In, Out]:
    """Run ``body`` while nothing else goes on in this run under ``critical`` of that name.

    Others wait in the order in which they came. The section is free again once the body has ended,
    by a value, by an error or by a cancel, and whatever it began is closed. Sections may be nested,
    each in others only and everywhere in the same order: what would wait for ever raises
    ``Deadlock``. Between runs a queue with limit 1 does the same.
    """
    check_label(name, "section's name")
    inner = lift(body, "critical")
    below = [inner]
    while below:
        flow = below.pop()
        if isinstance(flow, Critical) and flow.name == name:
            raise WrongArgument(f"the critical section {name!r} would wait for itself")
        below += [child for _, child in flow.children()]
    return Critical(name, inner)
