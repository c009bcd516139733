"""Steps: what follows from one entry, worked off on a stack of its own.

Two rules hold here. Nothing recurses: a transition only notes what comes next, so that neither
10,000 nodes in a row nor 2,000 nested combinators grow Python's stack. A cancelled extent is gone
at once, with its frames and with what was noted for it. Only ops that the world has begun stay
until it closes them, and frames that outlive a cancel until they are through with their end; their
ends are told to the frame that cancelled them.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from everflow.core.extents import Extent
from everflow.core.faults import ErrorData, make_error
from everflow.core.flow import Flow, Site
from everflow.core.frames import (
    AnyFrame,
    BodyFrame,
    Lasting,
    SagaFrame,
    holds_budget,
    is_ending,
    outlives,
    shields,
)
from everflow.core.mounting import Mount, mount, sites_of
from everflow.core.ops import CallOp, NodeOp, Op, QuestionOp, child_of
from everflow.core.program import Program
from everflow.core.refs import Built, Ref, oversize
from everflow.core.state import Cancelled, Done, Failed, Kept, State
from everflow.errors import ValueRefused

__all__ = ["Stepper"]

# What is noted for later: (what, parent, key, ...). The end of a child is told to its parent.
ENTER, DONE, FAILED, CLOSED = range(4)


class Stepper:
    """A run's state and its transitions' moves (``flow.Moves``), without the entries' side."""

    __slots__ = (
        "_withdrawn",
        "_work",
        "answered",
        "closed",
        "gone",
        "now",
        "opened",
        "program",
        "run",
        "seq",
        "sites",
        "state",
    )

    def __init__(self, program: Program, state: State | None = None) -> None:
        self.program = program
        self.state = state if state is not None else State()
        self.sites = sites_of(program, self.state)
        self.seq = self.state.seq
        self.now = self.state.at
        self.run = self.state.run
        self.opened: list[Op] = []
        self.closed: list[Op] = []
        self.answered: list[QuestionOp] = []  # not opened: their answers were there before them
        self.gone: list[str] = []  # the paths of bodies that were cancelled
        self._work: list[tuple[Any, ...]] = []
        self._withdrawn = False

    # --- the transitions' side: see flow.Moves

    def push(self, frame: AnyFrame) -> None:
        """Put a frame into the table."""
        self.state.frames[frame.path] = frame

    def enter(self, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        """Begin a child."""
        self._work.append((ENTER, parent, key, site, path, value))

    def done(self, parent: str, key: str, value: Ref) -> None:
        """End a child that needs no frame."""
        self._work.append((DONE, parent, key, value))

    def fail(self, parent: str, key: str, error: ErrorData) -> None:
        """End a child that has no frame with an error."""
        self._work.append((FAILED, parent, key, error))

    def leave(self, frame: AnyFrame, value: Ref) -> None:
        """Take a frame off the table; its parent is told the value, unless that grew too large."""
        if type(value) is Built and (reason := oversize(value)) is not None:
            self.throw(frame, make_error(ValueRefused, reason, position=frame.position))
            return
        del self.state.frames[frame.path]
        self._work.append((DONE, frame.parent, frame.key, value))

    def throw(self, frame: AnyFrame, error: ErrorData) -> None:
        """Take a frame off the table; its parent is told the error."""
        del self.state.frames[frame.path]
        self._work.append((FAILED, frame.parent, frame.key, error))

    def open(self, op: Op) -> None:
        """Ask for an op."""
        self.state.ops[op.id] = op
        self.opened.append(op)

    def drop(self, op_id: str) -> None:
        """Close an op by consequence."""
        op = self.state.ops.pop(op_id)
        if op.since == self.seq:
            self._withdrawn = True  # opened by this very entry: the world needn't hear of it
        else:
            self.closed.append(op)

    def cancel_under(self, frame: AnyFrame, child: str | None = None) -> dict[str, None]:
        """Cancel one child, or all; give what has to be closed first: ops and undoing frames."""
        extent = Extent(self.state, self.sites).under(frame, child)
        waiting, begun = self._cancel_extent(extent, frame.path)
        if self._work:
            self._forget(frame.path, child, {lasting.path for lasting in begun})
        self._work += _kicks(begun)
        return waiting

    def cancel_all(self) -> dict[str, None]:
        """Cancel everything; give what has to be closed before the run is."""
        waiting, begun = self._cancel_extent(Extent(self.state, self.sites).whole(), "")
        self._work += _kicks(begun)
        return waiting

    def close(self, frame: AnyFrame, error: ErrorData | None) -> None:
        """Take a frame off the table that outlived its cancel; who cancelled it is told."""
        del self.state.frames[frame.path]
        self._work.append((CLOSED, frame.parent, frame.path, error))

    def occurrence(self, tag: str) -> int:
        """Count a question of that tag."""
        count = self.state.asked.get(tag, 0) + 1
        self.state.asked[tag] = count
        return count

    def early(self, op: QuestionOp) -> Ref | None:
        """Take an answer that came before this question, which then isn't opened."""
        kept = self.state.early.get(op.tag)
        if not kept:
            return None
        first = kept.pop(0)
        if not kept:
            del self.state.early[op.tag]
        self.answered.append(op)
        return first

    def mount(self, position: str, note: str) -> Mount:
        """Lay out what a body awaits."""
        made = mount(self.program, position, note)
        self.sites.update(made.sites)
        return made

    def unmount(self, position: str, note: str) -> str:
        """Take away what a body has awaited; gives how it is logged."""
        made = mount(self.program, position, note)
        for place in made.sites:
            self.sites.pop(place, None)
        return made.logged

    def signal(self, name: str) -> Ref | None:
        """Take the oldest signal of that name that came before it was waited for."""
        kept = self.state.signals.get(name)
        if not kept:
            return None
        first = kept.pop(0)
        if not kept:
            del self.state.signals[name]
        return first

    def budget(self, change: int) -> None:
        """Count frames that hold a budget of ticks in (+1) and out (-1)."""
        self.state.budgets += change

    def ticks_left(self, parent: str, key: str) -> int | None:
        """The smallest budget of ticks that holds for a child, or None outside any."""
        if not self.state.budgets:
            return None
        frames, least = self.state.frames, None
        frame = frames.get(parent)
        while frame is not None:
            own = self._flow_of(frame).ticks_for(frame, key)
            if own is not None and (least is None or own < least):
                least = own
            if shields(frame):
                break
            key, frame = frame.key, frames.get(frame.parent)
        return None if least is None else max(least, 0)

    # --- the entries' side

    def _settle(self) -> None:
        """Work off what was noted, the latest first: a child's consequences before its sibling."""
        work, frames, sites = self._work, self.state.frames, self.sites
        while work:
            item = work.pop()
            what = item[0]
            parent = item[1]
            if what == ENTER:
                site = item[3]
                site.flow.enter(self, site, item[4], parent, item[2], item[5])
            elif not parent:
                self._end(what, item[3])
            else:
                frame = frames[parent]
                flow = sites[frame.position].flow
                if what == DONE:
                    flow.child_done(self, frame, item[2], item[3])
                elif what == FAILED:
                    flow.child_failed(self, frame, item[2], item[3])
                else:
                    flow.child_closed(self, frame, item[2], item[3])

    def _withdraw(self) -> None:
        """Leave out of ``opened`` what the same entry opened and closed."""
        ops = self.state.ops
        self.opened = [op for op in self.opened if op.id in ops]
        self._withdrawn = False

    def _tell_done(self, parent: str, key: str, value: Ref) -> None:
        """Tell a parent at once what an entry ended: nothing is noted before it."""
        frame = self.state.frames.get(parent)
        if frame is None:
            self._end(DONE, value)
        else:
            self.sites[frame.position].flow.child_done(self, frame, key, value)

    def _end(self, what: int, value: Any) -> None:
        if what == DONE:
            self.state.outcome = Done(value)
        elif what == FAILED:
            self.state.outcome = Failed(value)
        elif not (self.state.ops or self.state.frames):
            self.state.outcome = Cancelled()

    def _flow_of(self, frame: AnyFrame) -> Flow[Any, Any]:
        return self.sites[frame.position].flow

    def _stop(self, op: Op) -> TypeGuard[NodeOp | CallOp]:
        """Cancel an op. True when the world must close it, False when that closes it."""
        asks = type(op) is NodeOp and op.asking
        if isinstance(op, NodeOp | CallOp) and not asks and op.since != self.seq:
            if not op.stopping:
                op.stopping = True
                self.opened.append(op)
            return True
        self.drop(op.id)
        return False

    def _cancel_extent(self, extent: Extent, root: str) -> tuple[dict[str, None], list[Lasting]]:
        """Cancel what an extent holds: what ``root`` waits for, and the frames that now end."""
        waiting: dict[str, dict[str, None]] = {root: {}}
        begun = []
        for frame, guarded, owner in extent.staying.values():
            waiting[owner][frame.path] = None
            frame.parent, frame.key = owner, _key_of(frame.path, owner)
            frame.guarded = frame.guarded or guarded
            if not is_ending(frame):
                if type(frame) is SagaFrame:
                    frame.undoing = True
                frame.closing = waiting[frame.path] = {}
                begun.append(frame)
            frame.cancelled = True
        for op, guarded, owner in extent.ops:
            if self._stop(op):
                op.guarded = op.guarded or guarded
                op.parent, op.key = owner, _key_of(op.id, owner)
                waiting[owner][op.id] = None
        for gone in extent.gone:
            if holds_budget(gone):
                self.state.budgets -= 1
            elif type(gone) is BodyFrame:
                self._leave_body(gone, extent)
            del self.state.frames[gone.path]
            self._flow_of(gone).withdrawn(self, gone)
        return waiting[root], begun

    def _leave_body(self, body: BodyFrame, extent: Extent) -> None:
        """A body is cancelled; what it awaited stays known where that is still to be undone."""
        self.gone.append(body.path)
        if any(path.startswith(f"{body.path}~") for path in extent.staying):
            self.state.kept = self.state.kept or {}
            self.state.kept[body.path] = Kept(body.position, body.awaited, body.given)

    def _forget(self, owner: str, child: str | None, begun: set[str]) -> None:
        """Take away what was noted of a cancelled extent: of frames that are gone or now end.

        What is noted of frames that were ending before stays: their ends are waited for.
        """
        frames = self.state.frames
        self._work[:] = [
            item
            for item in self._work
            if not item[1]
            or (
                item[1] in frames
                and item[1] not in begun
                and (item[1] != owner or child not in {None, item[2]})
            )
        ]

    def _charge(self, op: NodeOp, ticks: int) -> bool:
        """Charge spent ticks to every budget around the op.

        True when one is overdrawn: then the outermost of those has ended its extent, and what the
        op gave is void. The frame that waits for a stopping op is past its own end, so it is
        charged but not ended again.
        """
        frames = self.state.frames
        overdrawn: tuple[AnyFrame, str] | None = None
        key, frame, ended = op.key, frames.get(op.parent), op.stopping
        while frame is not None:
            if self._flow_of(frame).charge(frame, key, ticks) and not ended:
                overdrawn = frame, key
            if shields(frame):
                break
            ended = ended and outlives(frame)  # then who waits for it is past its end, too
            key, frame = frame.key, frames.get(frame.parent)
        if overdrawn is None:
            return False
        frame, key = overdrawn
        self._flow_of(frame).expire(self, frame, key)
        return True


def _kicks(begun: list[Lasting]) -> list[tuple[Any, ...]]:
    """What begins the end of frames that have nothing to wait for."""
    return [(CLOSED, frame.path, "", None) for frame in begun if not frame.closing]


def _key_of(path: str, owner: str) -> str:
    """The key under which the end of what stands at ``path`` is told to who cancelled it."""
    return child_of(path, owner) if owner else "@cancel"
