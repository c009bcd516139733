"""Generations: the state from which a failed run goes on, found by folding its journal.

Three rules hold here. Nothing is undone in the journal: the state that is found is the payload of a
new entry, and only the state forgets what failed. What was recorded stays recorded: the fold is
told every entry but those by which the run failed, so that a sibling's result which came while the
failure was on its way counts, and only what has no result runs again. Time isn't lost twice: a
limit that passed meanwhile begins anew.

A run fails by one entry: the end of a node, of a timer, of a question. A join that waits for its
cancelled siblings fails later, at the end of the last of them, so that the way back goes from there
to the entry that had it cancelled, and so on. The op of the first one is outstanding again, and
with it whatever the failure had cancelled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from everflow.core.combine.saga import UNDO
from everflow.core.entries import Entry, Kind, decode_body
from everflow.core.frames import AnyFrame
from everflow.core.journal import BASES, ProgramOf, in_force, restore, snapshot, take
from everflow.core.machine import Machine
from everflow.core.ops import CallOp, NodeOp, Op, QuestionOp, TimerOp, input_of
from everflow.core.program import Program
from everflow.core.state import Failed, State, state_of
from everflow.errors import JournalMismatch, NotRetryable

__all__ = ["LIMITS", "reopened_state"]

LIMITS = frozenset({"@within", "@deadline"})  # timers that bound something else that goes on
_ENDS = frozenset({Kind.ERROR, Kind.STOPPED})


def reopened_state(
    program: Program, bodies: Iterable[str], program_of: ProgramOf | None = None, *, now: int
) -> State:
    """The state to go on from after a failure: the payload of the entry that opens a generation.

    ``bodies`` are the run's entries, as many of the latest as there are without a gap; ``program``
    is the one in force at the first. Limits that are over at ``now`` (microseconds since the epoch)
    get their whole length again. Raises NotRetryable where there is nothing to go back to.
    """
    entries = [decode_body(body) for body in bodies]
    for first in _beginnings(entries):
        story = _Story(program, entries[first:], program_of)
        found = story.reopened()
        if found is not None:
            return _renewed(found, entries, story.left_out, now)
    raise NotRetryable(
        "the run can't be retried: what it failed by was pruned, or is the flow's own rule",
        hint="fork it from an earlier entry, with another value, or start it anew",
    )


def _beginnings(entries: Sequence[Entry]) -> list[int]:
    """Where a fold of the present generation may begin, the latest first."""
    found = []
    for place in range(len(entries) - 1, -1, -1):
        kind = entries[place].kind
        if kind in BASES or place == 0:
            found.append(place)
        if kind == Kind.RETRIED:
            break
    return found


def _renewed(state: State, entries: Sequence[Entry], left_out: set[int], now: int) -> State:
    """The state as the next generation begins with it."""
    first = entries[0].seq
    state.seq, state.generation = entries[-1].seq, state.generation + 1
    state.at = max(state.at, *(entry.at for entry in entries))  # time doesn't go back
    for seq in left_out:
        question = state.ops.get(entries[seq - first].op)
        if type(question) is QuestionOp and entries[seq - first].kind == Kind.ANSWER:
            state.asked[question.tag] += 1  # its answer stays its only one: it is asked anew
            question.occurrence = state.asked[question.tag]
    for op in state.ops.values():
        if type(op) is TimerOp and op.key in LIMITS and op.due <= now:
            op.due = now + op.due - entries[max(op.since - first, 0)].at
            question = state.ops.get(f"{op.parent}/@question")
            if op.key == "@deadline" and type(question) is QuestionOp:
                question.at, question.due = now, op.due
    return state


def _undone() -> NotRetryable:
    return NotRetryable(
        "the run can't be retried in place: the failure had steps undone that came before it",
        hint="fork it from an entry before the first of those steps, or start it anew",
    )


def _stopped(op: Any, machine: Machine) -> Entry:
    """The entry that closes what is being stopped."""
    seq, source = machine.seq + 1, input_of(op.input)
    if type(op) is CallOp:
        return Entry(seq, machine.now, Kind.CHILD, op.id, note="cancelled")
    return Entry(seq, machine.now, Kind.STOPPED, op.id, node=op.node, input=source)


def _is_stopping(op: Op | None) -> bool:
    return isinstance(op, NodeOp | CallOp) and op.stopping


class _Tracing(Machine):
    """A machine that notes by which entry each op was cancelled last."""

    __slots__ = ("cancelled_by",)

    def __init__(self, program: Program, state: State | None = None) -> None:
        super().__init__(program, state)
        self.cancelled_by: dict[str, int] = {}

    def cancel_under(self, frame: AnyFrame, child: str | None = None) -> dict[str, None]:
        """Cancel, and note that."""
        waiting = super().cancel_under(frame, child)
        self.cancelled_by.update(dict.fromkeys(waiting, self.seq))
        return waiting


class _Story:
    """A journal from one of its bases on, told with more and more of its failure left out."""

    def __init__(
        self, program: Program, entries: Sequence[Entry], program_of: ProgramOf | None
    ) -> None:
        self._entries = entries
        self._program_of = program_of
        self._program = program
        self.left_out: set[int] = set()
        self._swept: set[int] = set()  # ends of ops that were cancelled
        self._causes: dict[int, int | None] = {}

    def reopened(self) -> State | None:
        """The state without the failure; None when it begins before the first of the entries."""
        while True:
            machine = self._told()
            if machine.outcome is None:
                text = snapshot(machine)
                if not self._is_doomed(machine):
                    return state_of(text)
            elif type(machine.outcome) is not Failed:
                return machine.state
            culprit = self._culprit(machine.seq)
            if culprit is None or culprit <= self._entries[0].seq:
                return None
            self.left_out.add(culprit)

    def _told(self) -> _Tracing:
        """The machine after all entries that aren't left out, or after the one that fails it."""
        first, *rest = self._entries
        machine = self._begun(first)
        since = min(self.left_out, default=0)
        for entry in rest:
            later = bool(self.left_out) and entry.seq > since
            if entry.seq in self.left_out or (later and entry.seq in self._swept):
                machine.seq = machine.state.seq = entry.seq
                continue
            self._note(machine, entry)
            try:
                take(machine, entry, self._program_of)
            except JournalMismatch:
                if not later:
                    raise
                raise _undone() from None  # it followed from what is left out
            if type(machine.outcome) is Failed:
                break
        return machine

    def _begun(self, first: Entry) -> _Tracing:
        hash_, program = in_force(first), self._program
        if hash_ and self._program_of is not None:
            program = self._program_of(hash_)
        if first.kind not in BASES:
            machine = _Tracing(program)
            take(machine, first, self._program_of)
            return machine
        machine = _Tracing(program, restore(program, first.payload))
        machine.seq = machine.state.seq = first.seq
        return machine

    def _note(self, machine: _Tracing, entry: Entry) -> None:
        """Note what had the op of an entry cancelled, if anything had; else it is itself."""
        if _is_stopping(machine.state.ops.get(entry.op)):
            self._causes[entry.seq] = machine.cancelled_by.get(entry.op)
            failed = entry.kind in _ENDS or (entry.kind == Kind.CHILD and entry.note != "result")
            if failed and not self.left_out:
                self._swept.add(entry.seq)
        else:
            self._causes[entry.seq] = entry.seq

    def _is_doomed(self, machine: _Tracing) -> bool:
        """Whether the run fails once what is being stopped is closed: tells that to the machine."""
        stopping = deque(op for op in machine.commands() if _is_stopping(op))
        while stopping:
            op: Any = stopping.popleft()
            end = _stopped(op, machine)
            self._note(machine, end)
            machine.tell(end)
            stopping.extend(op for op in machine.opened if _is_stopping(op))
        return type(machine.outcome) is Failed

    def _culprit(self, seq: int) -> int | None:
        """The entry that began what ended at ``seq``; None when it is before all of these."""
        while True:
            cause = self._causes.get(seq)
            if cause is None:
                return None
            if cause == seq:
                if f"/{UNDO}" in self._entries[seq - self._entries[0].seq].op:
                    raise _undone()
                return cause
            seq = cause
