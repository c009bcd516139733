"""The machine: one run of one definition, as a pure function of its entries.

Three verbs: ``tell`` it an entry, ask for its ``commands`` (the ops that are outstanding), ask for
its ``outcome``. It reads no clock, draws nothing, calls no user code and keeps no queue: all it
knows is ``state``, which is plain data, so that a fold of the entries and a snapshot are the same.

The core owns: positions, op ids, what is asked next, what an answer means. The host owns: running
nodes, times, storing entries, and telling each exactly once in the order of their seq.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from everflow.core.combine.body import ADVANCE
from everflow.core.combine.call import child_error, child_run
from everflow.core.entries import Entry, Kind
from everflow.core.faults import decode_error
from everflow.core.mismatch import mismatch
from everflow.core.mounting import mount, sites_of
from everflow.core.ops import ROOT, CallOp, NodeOp, Op, QuestionOp, ReceiveOp, TimerOp, question_of
from everflow.core.program import Program
from everflow.core.refs import Ref, Stored, stored
from everflow.core.state import Called, Cancelled, Failed, Outcome, state_of
from everflow.core.stepping import CLOSED, FAILED, Stepper
from everflow.core.upgrade import apply, read_upgrade
from everflow.errors import JournalMismatch

__all__ = ["Machine"]


class Machine(Stepper):
    """A run's state and the rules that move it.

    ``opened`` and ``closed`` say what the last entry did: the ops that are wanted since (those to
    be stopped and those that go on after a ``wait_for`` stand there again), and those that are no
    longer.
    """

    __slots__ = ()

    # --- the three verbs

    def tell(self, entry: Entry) -> None:
        """Take one entry in. JournalMismatch, and nothing changed, when it doesn't belong here."""
        if entry.seq != self.seq + 1:
            raise mismatch(self.state, entry, f"entry {self.seq + 1}")
        react = self._REACTIONS.get(entry.kind)
        if react is None:
            raise mismatch(self.state, entry, "an entry of a known kind")
        react(self, entry)
        if self._work:
            self._settle()
        if self._withdrawn:
            self._withdraw()

    def commands(self) -> list[Op]:
        """The outstanding ops, in the order in which they were opened: a function of the state.

        A node's op with ``asking`` set isn't to be run until its question is answered, one with
        ``stopping`` set is to be stopped.
        """
        return list(self.state.ops.values())

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended, or None while it goes on."""
        return self.state.outcome

    def expects(self, op: str) -> bool:
        """Whether a result of that op would be taken; if not, it comes late."""
        return op in self.state.ops

    def next_due(self) -> int | None:
        """When the earliest outstanding timer is due, in microseconds since the epoch."""
        return min((op.due for op in self.state.ops.values() if type(op) is TimerOp), default=None)

    def move(self, program: Program) -> None:
        """Go on under another program: of the same shape, or that an upgrade was made for."""
        self.program = program
        self.sites = sites_of(program, self.state)

    # --- one reaction for each kind of entry: first the checks, then ``_begin``, then the effect

    def _begin(self, entry: Entry) -> None:
        """The entry belongs here: from now on the state changes."""
        state = self.state
        state.seq = self.seq = entry.seq
        if entry.at > state.at:
            state.at = self.now = entry.at
        self.opened = []
        self.closed = []
        self.answered = []
        self.gone = []

    def _mismatch(self, entry: Entry, wanted: str) -> JournalMismatch:
        return mismatch(self.state, entry, wanted)

    def _start(self, entry: Entry) -> None:
        if self.seq != -1:
            raise self._mismatch(entry, "anything but a second start")
        self._begin(entry)
        self.run = self.state.run = entry.note
        if entry.op:
            self.state.called = Called(entry.op, entry.ticks)
        self.enter(self.program.root, ROOT, "", "", stored(entry.seq, entry.payload))

    def _close_node(self, entry: Entry) -> NodeOp | None:
        """Close the op of a node's end; None when a budget that it overdrew made its end void."""
        op = self.state.ops.get(entry.op)
        if type(op) is not NodeOp or op.asking:
            raise self._mismatch(entry, "the end of an op that is outstanding")
        value = op.input
        source = value.seq if type(value) is Stored else None
        if entry.node != op.node or entry.input != source:
            on = "a composed input" if source is None else f"the input of entry {source}"
            raise self._mismatch(entry, f"{op.node} with {on}")
        self._begin(entry)
        del self.state.ops[op.id]
        self.closed.append(op)
        if entry.ticks and self._charge(op, entry.ticks):
            return None
        return op

    def _result(self, entry: Entry) -> None:
        op = self._close_node(entry)
        if op is not None:
            if op.stopping:
                self._work.append((CLOSED, op.parent, op.id, None))
            else:
                whole = Stored(entry.seq, entry.payload) if op.whole else None
                self._tell_done(op.parent, op.key, whole or stored(entry.seq, entry.payload))

    def _error(self, entry: Entry) -> None:
        try:
            error = decode_error(entry.payload)
        except ValueError:
            raise self._mismatch(entry, "an error as payload") from None
        op = self._close_node(entry)
        if op is not None:
            if op.stopping:
                own = None if op.guarded else error
                self._work.append((CLOSED, op.parent, op.id, own))
            else:
                self._work.append((FAILED, op.parent, op.key, error))

    def _stopped(self, entry: Entry) -> None:
        known = self.state.ops.get(entry.op)
        if type(known) is NodeOp and not known.stopping:
            raise self._mismatch(entry, "no stop: the op wasn't cancelled")
        op = self._close_node(entry)
        if op is not None:
            self._work.append((CLOSED, op.parent, op.id, None))

    def _child(self, entry: Entry) -> None:
        """A child run ended, or a detached one has begun."""
        op = self.state.ops.get(entry.op)
        if type(op) is not CallOp:
            raise self._mismatch(entry, "the end of a run that was called")
        error = None
        if entry.note != "result":
            child = child_run(self.run, self.state.generation, op.id)
            try:
                error = child_error(op, child, entry.note, entry.payload)
            except ValueError:
                raise self._mismatch(entry, "an error as payload") from None
        self._begin(entry)
        del self.state.ops[op.id]
        self.closed.append(op)
        if op.stopping:
            own = None if op.guarded or entry.note == "cancelled" else error
            self._work.append((CLOSED, op.parent, op.id, own))
        elif error is not None:
            self._work.append((FAILED, op.parent, op.key, error))
        else:
            self._tell_done(op.parent, op.key, stored(entry.seq, entry.payload))

    def _fired(self, entry: Entry) -> None:
        op = self.state.ops.get(entry.op)
        if type(op) is not TimerOp:
            raise self._mismatch(entry, "a timer that is outstanding")
        self._begin(entry)
        self.drop(op.id)
        self._tell_done(op.parent, op.key, op.input)

    def _answer(self, entry: Entry) -> None:
        op = self.state.ops.get(entry.op)
        if type(op) is not QuestionOp:
            raise self._mismatch(entry, "a question that is open")
        self._begin(entry)
        self.drop(op.id)
        value = stored(entry.seq, entry.payload)
        if op.asker:
            self._go_on(op.asker, op.tag, value)
        else:
            self._tell_done(op.parent, op.key, value)

    def _go_on(self, asker: str, tag: str, value: Ref) -> None:
        """Run a node again that had asked, with one more answer."""
        op: Any = self.state.ops[asker]
        op.answers = (*op.answers, (tag, value))
        op.asking = False
        op.since = self.seq
        self.opened.append(op)

    def _wanted(self, entry: Entry) -> None:
        op = self.state.ops.get(entry.op)
        if type(op) is not NodeOp or op.asking:
            raise self._mismatch(entry, "a node that is being run")
        self._begin(entry)
        if op.stopping:  # it left its thread by asking, which closes it as well as a stop
            op.asking = True
            self.drop(op.id)
            self._work.append((CLOSED, op.parent, op.id, None))
            return
        tag = entry.note
        question = QuestionOp(
            id=question_of(op),
            position=op.position,
            parent=op.parent,
            key=op.key,
            prompt=stored(entry.seq, entry.payload),
            since=self.seq,
            tag=tag,
            occurrence=self.occurrence(tag),
            at=self.now,
            asker=op.id,
        )
        kept = self.early(question)
        if kept is not None:
            self._go_on(op.id, tag, kept)
            return
        op.asking = True
        self.open(question)

    def _said(self, entry: Entry) -> None:
        """A body awaits a flow, or goes on with a new state: that closes what advanced it."""
        op = self.state.ops.get(entry.op)
        if type(op) is not NodeOp or not op.id.endswith(ADVANCE):
            raise self._mismatch(entry, "the end of an op that advances a body")
        if entry.kind == Kind.AWAITED:
            mount(self.program, op.position, entry.note)  # it can be read, else nothing changes
        self._close_node(entry)
        if op.stopping:
            self._work.append((CLOSED, op.parent, op.id, None))
            return
        frame = self.state.frames[op.parent]
        self._flow_of(frame).child_said(self, frame, op.key, entry)

    def _early(self, entry: Entry) -> None:
        if self.seq == -1 or self.state.outcome is not None:
            raise self._mismatch(entry, "a run that goes on")
        self._begin(entry)
        self.state.early.setdefault(entry.op, []).append(stored(entry.seq, entry.payload))

    def _signal(self, entry: Entry) -> None:
        """The op that waits longest takes it; else it is kept for the next one."""
        if self.seq == -1 or self.state.outcome is not None:
            raise self._mismatch(entry, "a run that goes on")
        self._begin(entry)
        value = stored(entry.seq, entry.payload)
        for op in self.state.ops.values():
            if type(op) is ReceiveOp and op.name == entry.op:
                self.drop(op.id)
                self._tell_done(op.parent, op.key, value)
                return
        self.state.signals.setdefault(entry.op, []).append(value)

    def _cancel(self, entry: Entry) -> None:
        """End the run. An outcome that it had meanwhile is void: the cancel was acknowledged."""
        self._after_start(entry)
        state = self.state
        state.cancelling = True
        state.outcome = None
        state.early.clear()
        state.signals.clear()
        if not self.cancel_all():
            state.outcome = Cancelled()

    def _retried(self, entry: Entry) -> None:
        """Open the next generation: the state to go on from was found by whoever asked for it."""
        before = self.state
        if type(before.outcome) is not Failed:
            raise self._mismatch(entry, "no retry: the run hasn't failed")
        state = state_of(entry.payload)
        if (state.run, state.seq) != (before.run, before.seq):
            raise self._mismatch(entry, "a retry of this very run as it is")
        if state.generation != before.generation + 1:
            raise self._mismatch(entry, f"the retry to generation {before.generation + 1}")
        self.state, self.now = state, state.at
        self._begin(entry)
        self.opened = list(state.ops.values())

    def _after_start(self, entry: Entry) -> None:
        """A base, a fork, a move to other settings: the state stays as it is."""
        if self.seq == -1:
            raise self._mismatch(entry, "the start")
        self._begin(entry)

    def _upgraded(self, entry: Entry) -> None:
        """The run goes on under another shape, where it stood. The host moves the machine then."""
        state = self.state
        try:
            upgrade = read_upgrade(entry.payload)
        except ValueError:
            raise self._mismatch(entry, "an upgrade that this release can read") from None
        known = state.frames.keys() | state.ops.keys()
        touched = {frame.path for frame in upgrade.frames} | {op.id for op in upgrade.ops}
        if self.seq == -1 or not touched <= known:
            raise self._mismatch(entry, "an upgrade of where the run stands")
        self._begin(entry)
        apply(upgrade, state)

    _REACTIONS: ClassVar[dict[str, Callable[[Machine, Entry], None]]] = {
        Kind.START: _start,
        Kind.RESULT: _result,
        Kind.ERROR: _error,
        Kind.STOPPED: _stopped,
        Kind.FIRED: _fired,
        Kind.ANSWER: _answer,
        Kind.EARLY: _early,
        Kind.WANTED: _wanted,
        Kind.AWAITED: _said,
        Kind.CONTINUED: _said,
        Kind.CHILD: _child,
        Kind.SIGNAL: _signal,
        Kind.CANCEL: _cancel,
        Kind.MOVED: _after_start,
        Kind.UPGRADED: _upgraded,
        Kind.BASE: _after_start,
        Kind.RETRIED: _retried,
        Kind.FORKED: _after_start,
    }
