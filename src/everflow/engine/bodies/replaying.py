"""Replaying: whether today's bodies still await what the logs of a run say.

A body is run from its start and fed what its awaits gave, as by a worker that doesn't hold it. It
does nothing else: what it would await next is only compared. So a check may do it, and what parks a
run at its next message is known before a deploy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from everflow.core.flow import Site
from everflow.core.frames import BodyFrame
from everflow.core.mounting import mount, sites_of
from everflow.core.node import Node
from everflow.core.program import Program
from everflow.core.refs import Ref, compose
from everflow.core.registry import Registry
from everflow.core.state import State
from everflow.engine.bodies.calling import BodyCallee, Wanted
from everflow.engine.bodies.live import Heard, Live, Replay, diverged, heard_of
from everflow.engine.calling.callee import MISFIT, Ended
from everflow.errors import ReplayDiverged, ValueMismatch

__all__ = ["Replayer", "wanted_now"]


class Replayer:
    """Replays the bodies of runs with the code of a registry."""

    def __init__(self, registry: Registry, limit: int) -> None:
        self._registry = registry
        self._limit = limit
        self._callees: dict[int, BodyCallee] = {}

    def misfit(
        self, program: Program, state: State, payload_of: Callable[[int], str]
    ) -> tuple[str, str]:
        """The position of the first body that can't go on with this code, and why; or blanks.

        What it awaits just now is gone, or it doesn't fit its log.
        """
        if not program.bodies:
            return "", ""
        sites = sites_of(program, state)
        for place in (*state.ops.values(), *state.frames.values()):
            node = self._node(sites.get(place.position))
            if node is not None and node.fn is None:  # as whoever loads the run would find
                return place.position, f"no module imported here has {node.name}, which is awaited"
        for frame in state.frames.values():
            if isinstance(frame, BodyFrame):
                callee = self._callee(sites[frame.position])
                if problem := _problem(callee, program, frame, payload_of):
                    return frame.position, _on_one_line(problem)
        return "", ""

    def _node(self, site: Site | None) -> Node[Any, Any] | None:
        """The node of a site, with its function if that is here."""
        if site is None or not isinstance(site.flow, Node):
            return None
        return site.flow if site.flow.fn else self._registry.awaited(site.flow.name)

    def _callee(self, site: Site) -> BodyCallee:
        body: Any = site.flow
        node = body if body.fn else self._registry.awaited(body.name)
        found = self._callees.get(id(node.leaf))
        if found is None:
            bound = body if body.fn else body.bound_to(node)
            found = self._callees[id(node.leaf)] = BodyCallee(bound, self._registry, self._limit)
        return found


def _problem(
    callee: BodyCallee, program: Program, frame: BodyFrame, payload_of: Callable[[int], str]
) -> str:
    try:
        wanted_now(callee, program, frame, lambda refs: [compose(ref, payload_of) for ref in refs])
    except ReplayDiverged as error:
        return str(error)
    return ""


def wanted_now(
    callee: BodyCallee,
    program: Program,
    frame: BodyFrame,
    texts: Callable[[Sequence[Ref]], list[str]],
) -> Wanted | None:
    """What a body awaits by its code, begun again with its log; None where it ends.

    ReplayDiverged where it doesn't fit its log, or awaits something else than what it is said to.
    """
    end, wanted = _end(callee, frame, heard_of(frame.log, texts), texts([frame.input])[0])
    if end.kind == MISFIT:
        raise ReplayDiverged(end.payload)
    if frame.awaited:
        held = mount(program, frame.position, frame.awaited)
        if wanted is None or wanted.sign != held.sign:
            found = f"it ends ({end.kind}): {end.payload:.200}" if wanted is None else wanted.side
            raise diverged(callee.name, frame.count, held.side, found)
    return wanted


def _end(
    callee: BodyCallee, frame: BodyFrame, heard: Sequence[Heard], payload: str
) -> tuple[Ended, Wanted | None]:
    """How far the body comes with its log, and what it awaits then."""
    first = frame.count - bool(frame.awaited) - len(heard)
    if not callee.inline:
        replay = Replay(callee, heard, first, frame.position)
        return replay(payload), replay.wanted
    try:
        live = Live(callee, callee.begin(payload), first)
    except ValueMismatch as error:
        return Ended(MISFIT, str(error)), None
    end = live.advance(heard, frame.position)
    wanted = live.held
    live.close()
    return end, wanted


def _on_one_line(problem: str) -> str:
    """What happened, without what to do about it."""
    first, *others = problem.splitlines()
    sides = [line.strip() for line in others if line.startswith(("  - ", "  + "))]
    return " ".join([first, *sides[:2]])  # what comes after them is the hint
