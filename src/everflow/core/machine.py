"""The machine: one run of one definition, as a pure function of its entries.

Three verbs: ``tell`` it an entry, ask for its ``commands`` (the ops that are outstanding), ask for
its ``outcome``. It reads no clock, draws nothing, calls no user code and keeps no queue: all it knows
is ``state``, which is plain data, so that a fold of the entries and a snapshot are the same thing.

The core owns: positions, op ids, what is asked next, what an answer means. The host owns: running
nodes, times, storing entries, and telling each exactly once in the order of their seq.
"""

from __future__ import annotations

from typing import Any

from everflow.core.entries import Entry, Kind
from everflow.core.faults import ErrorData, decode_error, make_error
from everflow.core.flow import Site
from everflow.core.frames import Frame, holds_budget
from everflow.core.mismatch import mismatch
from everflow.core.ops import ROOT, NodeOp, Op, QuestionOp, TimerOp, child_of, input_of
from everflow.core.program import Program
from everflow.core.refs import Ref, stored
from everflow.core.state import Cancelled, Done, Failed, Outcome, State
from everflow.errors import UnresolvedName

__all__ = ["Machine"]

_ENTER, _DONE, _FAILED, _CLOSED = range(4)


class Machine:
    """A run's state and the rules that move it. ``opened`` and ``closed`` tell what the last entry did."""

    __slots__ = ("_work", "closed", "now", "opened", "program", "run", "seq", "state")

    def __init__(self, program: Program, state: State | None = None) -> None:
        self.program = program
        self.state = state if state is not None else State()
        self.seq = self.state.seq
        self.now = self.state.at
        self.run = self.state.run
        self.opened: list[Op] = []
        self.closed: list[Op] = []
        self._work: list[tuple[Any, ...]] = []

    # --- the three verbs

    def tell(self, entry: Entry) -> None:
        """Take one entry in. JournalMismatch, and nothing changed, when it doesn't belong here."""
        state = self.state
        if entry.seq != state.seq + 1:
            raise mismatch(state, entry, f"entry {state.seq + 1}")
        react = _REACTIONS.get(entry.kind)
        if react is None:
            raise mismatch(state, entry, "an entry of a known kind")
        op = state.ops.get(entry.op) if entry.op else None
        react[0](self, entry, op)
        self.opened = []
        self.closed = []
        state.seq = self.seq = entry.seq
        if entry.at > state.at:
            state.at = entry.at
        self.now = state.at
        react[1](self, entry, op)
        if self._work:
            self._settle()

    def commands(self) -> list[Op]:
        """The outstanding ops, in the order in which they were opened: a function of the state."""
        return list(self.state.ops.values())

    @property
    def outcome(self) -> Outcome | None:
        return self.state.outcome

    def expects(self, op: str) -> bool:
        """Whether a result of that op would be taken; if not, it comes late."""
        return op in self.state.ops

    def next_due(self) -> int | None:
        """When the earliest outstanding timer is due."""
        return min((op.due for op in self.state.ops.values() if type(op) is TimerOp), default=None)

    # --- the transitions' side: see flow.Moves

    def site(self, position: str) -> Site:
        try:
            return self.program.sites[position]
        except KeyError:
            raise UnresolvedName(
                f"the definition has no position {position!r}, where this run stands"
            ) from None

    def push(self, frame: Frame) -> None:
        self.state.frames[frame.path] = frame

    def enter(self, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        self._work.append((_ENTER, site, path, parent, key, value))

    def done(self, parent: str, key: str, value: Ref) -> None:
        self._work.append((_DONE, parent, key, value))

    def leave(self, frame: Frame, value: Ref) -> None:
        del self.state.frames[frame.path]
        self._work.append((_DONE, frame.parent, frame.key, value))

    def throw(self, frame: Frame, error: ErrorData) -> None:
        del self.state.frames[frame.path]
        self._work.append((_FAILED, frame.parent, frame.key, error))

    def fail(self, parent: str, key: str, error: ErrorData) -> None:
        self._work.append((_FAILED, parent, key, error))

    def open(self, op: Op) -> None:
        self.state.ops[op.id] = op
        self.opened.append(op)

    def drop(self, op_id: str) -> None:
        op = self.state.ops.pop(op_id, None)
        if op is not None:
            self.closed.append(op)

    def cancel_under(self, frame: Frame, child: str | None = None) -> dict[str, None]:
        root = frame.path if child is None else f"{frame.path}/{child}"
        begin = tuple(root + mark for mark in "/~!@")
        waiting: dict[str, None] = {}
        for op in list(self.state.ops.values()):
            if (op.id == root or op.id.startswith(begin)) and self._stop(op):
                op.parent, op.key = frame.path, child_of(op.id, frame.path)
                waiting[op.id] = None
        self._forget(root, begin, but=frame.path)
        return waiting

    def occurrence(self, tag: str) -> int:
        count = self.state.asked.get(tag, 0) + 1
        self.state.asked[tag] = count
        return count

    def early(self, tag: str) -> Ref | None:
        kept = self.state.early.get(tag)
        if not kept:
            return None
        first = kept.pop(0)
        if not kept:
            del self.state.early[tag]
        return first

    def ticks_left(self, parent: str, key: str) -> int | None:
        if not self.state.budgets:
            return None
        least: int | None = None
        frame = self.state.frames.get(parent)
        while frame is not None:
            own = self.site(frame.position).flow.ticks_for(frame, key)
            if own is not None and (least is None or own < least):
                least = own
            key = frame.key
            frame = self.state.frames.get(frame.parent)
        return None if least is None else max(least, 0)

    # --- how entries are taken in

    def _settle(self) -> None:
        """Work off what follows, without recursion: 10,000 nodes don't grow the stack."""
        work, frames, sites = self._work, self.state.frames, self.program.sites
        while work:
            item = work.pop()
            what = item[0]
            if what == _ENTER:
                _, site, path, parent, key, value = item
                site.flow.enter(self, site, path, parent, key, value)
            elif not item[1]:
                self._end(what, item[3])
            else:
                frame = frames[item[1]]
                flow = sites[frame.position].flow
                if what == _DONE:
                    flow.child_done(self, frame, item[2], item[3])
                elif what == _FAILED:
                    flow.child_failed(self, frame, item[2], item[3])
                else:
                    flow.child_closed(self, frame, item[2], item[3])

    def _end(self, what: int, value: Any) -> None:
        if what == _CLOSED:
            if not self.state.ops:
                self.state.outcome = Cancelled()
        else:
            self.state.outcome = Done(value) if what == _DONE else Failed(value)

    def _stop(self, op: Op) -> bool:
        """Cancel an op. True when the world must close it, False when that closes it."""
        if type(op) is NodeOp and not op.asking:
            if not op.stopping:
                op.stopping = True
                self.opened.append(op)
            return True
        self.drop(op.id)
        return False

    def _forget(self, root: str, begin: tuple[str, ...], but: str) -> None:
        """Take the frames and the unfinished work of a cancelled extent away."""
        frames = self.state.frames
        for path in [p for p in frames if p != but and (p == root or p.startswith(begin))]:
            if holds_budget(frames[path]):
                self.state.budgets -= 1
            del frames[path]
        where = [(item, item[3] if item[0] == _ENTER else item[1]) for item in self._work]
        own = [item[4] if item[0] == _ENTER else item[2] for item in self._work]
        self._work[:] = [
            item
            for (item, parent), key in zip(where, own, strict=True)
            if not (
                parent.startswith(begin)
                or parent == root
                or (parent == but and f"{but}/{key}" == root)
            )
        ]

    def _charge(self, op: NodeOp, ticks: int) -> bool:
        """Charge spent ticks to every budget around the op; True if one of them is overdrawn."""
        outermost: tuple[Any, Frame, str] | None = None
        key, frame = op.key, self.state.frames.get(op.parent)
        while frame is not None:
            flow = self.site(frame.position).flow
            if flow.charge(frame, key, ticks):
                outermost = (flow, frame, key)
            key, frame = frame.key, self.state.frames.get(frame.parent)
        if outermost is None:
            return False
        flow, frame, key = outermost
        flow.expire(self, frame, key)
        return True

    # --- one check and one effect for each kind of entry

    def _check_start(self, entry: Entry, op: Op | None) -> None:
        if self.state.seq != -1:
            raise mismatch(self.state, entry, "anything but a second start")

    def _start(self, entry: Entry, op: Op | None) -> None:
        value = stored(0, entry.payload)
        self.run = self.state.run = entry.note
        self.enter(self.program.root, ROOT, "", "", value)

    def _check_node(self, entry: Entry, op: Op | None) -> None:
        if type(op) is not NodeOp or op.asking:
            raise mismatch(self.state, entry, "the end of an op that is outstanding")
        if entry.node != op.node or entry.input != input_of(op.input):
            raise mismatch(self.state, entry, f"{op.node} with the input of entry {input_of(op.input)}")
        if entry.kind == Kind.STOPPED and not op.stopping:
            raise mismatch(self.state, entry, "no stop: the op wasn't cancelled")

    def _node_ended(self, entry: Entry, op: Any) -> None:
        del self.state.ops[entry.op]
        self.closed.append(op)
        if entry.ticks and self._charge(op, entry.ticks):
            return
        if entry.kind == Kind.RESULT:
            value = stored(entry.seq, entry.payload)
            end = (_CLOSED, op.parent, op.id, None) if op.stopping else (
                _DONE, op.parent, op.key, value)
        elif entry.kind == Kind.ERROR:
            error = decode_error(entry.payload)
            end = (_CLOSED, op.parent, op.id, error) if op.stopping else (
                _FAILED, op.parent, op.key, error)
        else:
            end = (_CLOSED, op.parent, op.id, None)
        self._work.append(end)

    def _check_timer(self, entry: Entry, op: Op | None) -> None:
        if type(op) is not TimerOp:
            raise mismatch(self.state, entry, "a timer that is outstanding")

    def _fired(self, entry: Entry, op: Any) -> None:
        self.drop(op.id)
        self._work.append((_DONE, op.parent, op.key, op.input))

    def _check_question(self, entry: Entry, op: Op | None) -> None:
        if type(op) is not QuestionOp:
            raise mismatch(self.state, entry, "a question that is open")

    def _answered(self, entry: Entry, op: Any) -> None:
        self.drop(op.id)
        value = stored(entry.seq, entry.payload)
        if op.asker:
            self._go_on(op.asker, op.tag, value)
        else:
            self._work.append((_DONE, op.parent, op.key, value))

    def _go_on(self, asker: str, tag: str, value: Ref) -> None:
        """Run a node again that had asked, with one more answer."""
        op = self.state.ops[asker]
        assert type(op) is NodeOp
        op.answers.append((tag, value))
        op.asking = False
        op.since = self.seq
        self.opened.append(op)

    def _check_wanted(self, entry: Entry, op: Op | None) -> None:
        if type(op) is not NodeOp or op.asking:
            raise mismatch(self.state, entry, "a node that is being run")

    def _wanted(self, entry: Entry, op: Any) -> None:
        tag = entry.note
        occurrence = self.occurrence(tag)
        kept = self.early(tag)
        if kept is not None:
            self._go_on(op.id, tag, kept)
            return
        op.asking = True
        prompt = stored(entry.seq, entry.payload)
        name = f"{op.id}@{len(op.answers) + 1}"
        self.open(
            QuestionOp(
                name, op.position, op.parent, op.key, prompt, self.seq, tag, occurrence, self.now,
                asker=op.id,
            )
        )

    def _check_open(self, entry: Entry, op: Op | None) -> None:
        if self.state.outcome is not None and entry.kind == Kind.EARLY:
            raise mismatch(self.state, entry, "nothing: the run is finished")

    def _early(self, entry: Entry, op: Op | None) -> None:
        self.state.early.setdefault(entry.op, []).append(stored(entry.seq, entry.payload))

    def _cancel(self, entry: Entry, op: Op | None) -> None:
        state = self.state
        state.cancelling = True
        state.outcome = None
        state.budgets = 0
        state.frames.clear()
        for op_ in list(state.ops.values()):
            if self._stop(op_):
                op_.parent, op_.key = "", "@cancel"
        if not state.ops:
            state.outcome = Cancelled()

    def _nothing(self, entry: Entry, op: Op | None) -> None:
        """A base or a move to other settings: the state stays as it is."""


_REACTIONS: dict[str, tuple[Any, Any]] = {
    Kind.START: (Machine._check_start, Machine._start),
    Kind.RESULT: (Machine._check_node, Machine._node_ended),
    Kind.ERROR: (Machine._check_node, Machine._node_ended),
    Kind.STOPPED: (Machine._check_node, Machine._node_ended),
    Kind.FIRED: (Machine._check_timer, Machine._fired),
    Kind.ANSWER: (Machine._check_question, Machine._answered),
    Kind.EARLY: (Machine._check_open, Machine._early),
    Kind.WANTED: (Machine._check_wanted, Machine._wanted),
    Kind.CANCEL: (Machine._check_open, Machine._cancel),
    Kind.MOVED: (Machine._check_open, Machine._nothing),
    Kind.BASE: (Machine._check_open, Machine._nothing),
}
