"""What bodies in direct style await: the part of a drawing that only a run's state knows.

Three rules hold here. A body's code is never looked into: what it would await hangs on values, so
that a flow by itself says only that this shows as it runs. The latest awaits are drawn, those
before are counted. Where several stand in one body (in an ``each``), what goes on is drawn alone.
"""

from __future__ import annotations

from typing import NamedTuple

from everflow.core.drawing.elision import Gap, Kid, shown
from everflow.core.drawing.standing import Mark, Standing, stand
from everflow.core.flow import Site
from everflow.core.frames import BodyFrame
from everflow.core.mounting import mount
from everflow.core.program import Program
from everflow.core.state import State

__all__ = ["UNKNOWN", "Past", "Tree"]

RECENT = 6  # awaits that are over and drawn, unless all are asked for
UNKNOWN = Gap("what it awaits shows as it runs")


class Past(NamedTuple):
    """What a body awaited and got: the number of the await, and how it ended."""

    name: str
    title: str
    mark: Mark


class Tree:
    """A flow as it is drawn: what stands below what. ``most`` is as ``elide`` in ``outline``."""

    def __init__(self, program: Program, state: State | None, most: int | None) -> None:
        self.root = program.root
        self.stands: dict[str, Standing] = stand(program, state)
        self._program = program
        self._most = most
        self._bodies: dict[str, list[BodyFrame]] = {}
        self._gone: dict[str, list[Site]] = {}
        if state is not None:
            self._see(state)

    def _see(self, state: State) -> None:
        for frame in state.frames.values():
            if type(frame) is BodyFrame:
                self._bodies.setdefault(frame.position, []).append(frame)
        for kept in (state.kept or {}).values():
            awaited = self._awaited(kept.position, kept.awaited)
            self._gone.setdefault(kept.position, []).append(awaited)

    def below(self, site: Site) -> list[Kid | Gap | Past]:
        """What is drawn below a flow, in order."""
        if site.flow.kind == "body":
            return self._below_body(site)
        return [*self.some(site.order)]

    def some(self, order: list[tuple[str, Site]]) -> list[Kid | Gap]:
        """Those of these children that are drawn."""
        return shown([(name, stepped(kid)) for name, kid in order], self.stands, self._most)

    def _below_body(self, site: Site) -> list[Kid | Gap | Past]:
        bodies = self._bodies.get(site.position, [])
        gone = self._gone.get(site.position, [])
        if len(bodies) == 1 and not gone:
            return self._log(bodies[0])
        going = [self._awaited(body.position, body.awaited) for body in bodies if body.awaited]
        if going or gone:
            sites = {kid.position: kid for kid in (*gone, *going)}
            return [*self.some([("awaits", kid) for kid in sites.values()])]
        return [] if site.position in self.stands else [UNKNOWN]

    def _log(self, body: BodyFrame) -> list[Kid | Gap | Past]:
        first = body.count - len(body.log) - bool(body.awaited)
        left_out = 0 if self._most is None else max(len(body.log) - RECENT, 0)
        over = (
            Past(f"{first + at + 1:,}", body.log[at].title, _end(failed=bool(body.log[at].error)))
            for at in range(left_out, len(body.log))
        )
        drawn: list[Kid | Gap | Past] = [*over]
        if first + left_out:
            drawn.insert(0, Gap(f"{first + left_out:,} earlier"))
        if body.awaited:
            site = self._awaited(body.position, body.awaited)
            drawn.append(Kid(f"{body.count:,}", site))
        return drawn

    def _awaited(self, position: str, note: str) -> Site:
        return stepped(mount(self._program, position, note).root)


def _end(*, failed: bool) -> Mark:
    return Mark.FAILED if failed else Mark.DONE


def stepped(site: Site) -> Site:
    """The flow itself, where a step brings along a value for it."""
    while site.flow.kind == "step":
        site = site.kids["of"]
    return site
