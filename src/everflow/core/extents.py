"""Extents: what a cancel reaches, as ops to be stopped and frames to be taken away.

Three rules hold here. To look costs as much as the extent is large, not the run: a thousand
timeouts in one run may expire. A frame that owes an undo or is in a critical section stays; what
goes on under it is told to it, and its own end to whoever cancelled. What is being undone is
reached by no cancel.
"""

from __future__ import annotations

from typing import Self

from everflow.core.flow import Site
from everflow.core.frames import AnyFrame, Lasting, is_ending, outlives
from everflow.core.ops import NodeOp, Op, question_of
from everflow.core.state import State

__all__ = ["Extent"]


class Extent:
    """``ops``, ``gone`` and ``staying``, as (what, guarded, owner).

    ``owner`` is the path of the frame that its end is told to, "" for the run itself; ``guarded``
    says whether something in between would catch its error. Of staying frames the outer ones come
    first.
    """

    __slots__ = ("_frames", "_ops", "_sites", "gone", "ops", "staying")

    def __init__(self, state: State, sites: dict[str, Site]) -> None:
        self._frames = state.frames
        self._ops = state.ops
        self._sites = sites
        self.ops: list[tuple[Op, bool, str]] = []
        self.gone: list[AnyFrame] = []
        self.staying: dict[str, tuple[Lasting, bool, str]] = {}

    def under(self, root: AnyFrame, child: str | None) -> Self:
        """What goes on under a frame, or under one child of it."""
        if child is None:
            self._look_closing(root, root.path, guarded=False)
        below = self._going(root, root.path, child, guarded=False, root=True)
        self._walk(below)
        return self

    def whole(self) -> Self:
        """Everything that goes on."""
        self.ops += [(op, False, "") for op in self._ops.values() if not op.parent]
        self._walk([(frame, False, "") for frame in self._frames.values() if not frame.parent])
        return self

    def _walk(self, below: list[tuple[AnyFrame, bool, str]]) -> None:
        while below:
            frame, guarded, owner = below.pop()
            if outlives(frame):
                self.staying.setdefault(frame.path, (frame, guarded, owner))
                if is_ending(frame):
                    continue
                guarded, owner = False, frame.path
            else:
                self.gone.append(frame)
            self._look_closing(frame, owner, guarded=guarded)
            below += self._going(frame, owner, None, guarded=guarded)

    def _look_closing(self, frame: AnyFrame, owner: str, *, guarded: bool) -> None:
        """What a frame waits for, because it cancelled that before."""
        for name in getattr(frame, "closing", ()):
            op, lasting = self._ops.get(name), self._frames.get(name)
            if op is not None:
                self.ops.append((op, guarded, owner))
            elif lasting is not None and outlives(lasting):
                self.staying[name] = lasting, guarded, owner

    def _going(
        self, frame: AnyFrame, owner: str, child: str | None, *, guarded: bool, root: bool = False
    ) -> list[tuple[AnyFrame, bool, str]]:
        """The frames of children that go on; the ops among them are noted."""
        site = self._sites[frame.position]
        found = []
        for key, path in site.flow.going(frame, site):
            if child not in {None, key}:
                continue
            caught = guarded or (not root and site.flow.catches(frame, key))
            inner = _standing(site.flow.kid(self._sites, site, key), path)
            if inner in self._frames:
                found.append((self._frames[inner], caught, owner))
            elif inner in self._ops:
                op = self._ops[inner]
                self.ops.append((op, caught, owner))
                if type(op) is NodeOp and op.asking:
                    self.ops.append((self._ops[question_of(op)], caught, owner))
        return found


def _standing(site: Site | None, path: str) -> str:
    """Where a child stands that may be a flow without a frame of its own."""
    while site is not None and site.flow.passes:
        path = f"{path}/{site.flow.passes}"
        site = site.kids[site.flow.passes]
    return path
