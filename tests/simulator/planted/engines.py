"""Mistakes of an engine: what is begun when, what is recorded, what is forgotten."""

from typing import Any

import pytest

from everflow.core.ops import CallOp, NodeOp, Op, TimerOp
from everflow.engine.cells.cell import Cell
from everflow.engine.cells.draft import Draft
from everflow.engine.cells.recorder import Recorder
from everflow.engine.cells.timers import Timers
from everflow.engine.driving.firing import Firing
from everflow.engine.driving.scheduler import Scheduler
from everflow.engine.nodes.attempts import Attempt
from everflow.engine.nodes.dispatcher import Dispatcher
from everflow.engine.nodes.ends import Ends
from everflow.engine.owning.adoption import Adoption
from everflow.engine.owning.calls import Calls
from everflow.engine.owning.claims import Claims
from everflow.engine.owning.inbox import Inbox
from everflow.engine.owning.ownership import Ownership
from everflow.errors import EverflowError
from everflow.store import Arrival, Batch, Cancel
from tests.simulator.planted import bug


@bug()
def a_node_begins_before_its_commit(patch: pytest.MonkeyPatch) -> None:
    """Nodes with effects begin as soon as the machine asks for them."""
    real = Scheduler._opened

    def opened(self: Scheduler, cell: Cell, op: Op) -> None:
        if type(op) is NodeOp and not op.stopping:
            self.dispatcher.ready(cell, op)
        else:
            real(self, cell, op)

    patch.setattr(Scheduler, "_opened", opened)


@bug()
def a_caller_is_not_told(patch: pytest.MonkeyPatch) -> None:
    """A child's outcome is written without the letter to who waits for it."""
    real = Recorder._stand

    def stand(self: Recorder, draft: Draft, cell: Cell) -> None:
        draft.endings.clear()
        real(self, draft, cell)

    patch.setattr(Recorder, "_stand", stand)


@bug()
def a_cancel_stays_above(patch: pytest.MonkeyPatch) -> None:
    """Who waits for a child is cancelled at once, and the child isn't."""
    real = Calls._call

    def called(self: Calls, draft: Draft, cell: Cell, op: CallOp) -> None:
        if op.stopping:
            self._parts.recorder.record(cell, "child", op.id, note="cancelled")
        else:
            real(self, draft, cell, op)

    patch.setattr(Calls, "_call", called)


@bug(start=25)
def a_first_call_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A child isn't started at a load, where the caller's start, a client's, had none with it."""
    patch.setattr(Recorder, "take_up", Recorder.touch)


@bug(jump=20, flows=("deadline", "expiring"))
def a_deadline_beats_an_accepted_answer(patch: pytest.MonkeyPatch) -> None:
    """The expiry is journaled without a look at the inbox."""

    def expired(self: Firing, cell: Cell, op: TimerOp) -> None:
        cell.held -= 1
        if not cell.dropped and cell.machine.state.ops.get(op.id) is op:
            self._recorder.record(cell, "fired", op.id)

    patch.setattr(Firing, "expired", expired)


@bug()
def a_timer_fires_again_at_a_restart(patch: pytest.MonkeyPatch) -> None:
    """Timers of a loaded run are due at once."""
    real = Timers.due

    def due(self: Timers) -> list[tuple[Cell, TimerOp]]:
        self._heap = [(0, no, op) for _, no, op in self._heap]
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(self._clock, "until", lambda due, wall: 0, raising=False)
            return real(self)

    patch.setattr(Timers, "due", due)


@bug()
def a_running_run_is_not_written_down_as_running(patch: pytest.MonkeyPatch) -> None:
    """A resting run that goes on stays resting in the store, so that nobody takes it over."""
    real = Recorder._stand

    def stand(self: Recorder, draft: Draft, cell: Cell) -> None:
        if not cell.nodes or cell.machine.outcome is not None:
            real(self, draft, cell)

    patch.setattr(Recorder, "_stand", stand)


@bug()
def a_batch_grows_while_it_is_unclear(patch: pytest.MonkeyPatch) -> None:
    """What came since a failed commit is put into the batch that is sent again."""
    real = Scheduler.commit_failed

    def commit_failed(self: Scheduler, error: EverflowError, sent: Batch | None = None) -> None:
        real(self, error, sent)
        if self._pending is not None:
            _, batch = self._pending
            batch.entries = batch.entries + self.recorder.draft.entries
            batch.changes = batch.changes[:-1]

    patch.setattr(Scheduler, "commit_failed", commit_failed)


@bug()
def nothing_bounds_what_is_in_flight(patch: pytest.MonkeyPatch) -> None:
    """Nodes begin however many are unrecorded."""
    real = Dispatcher.begin_pooled

    def begin_pooled(self: Dispatcher) -> int:
        self.unrecorded = 0
        self._free = self._free or list(range(200, 300))
        self.board = list(self.board) + [0] * (400 - len(self.board))
        return real(self)

    patch.setattr(Dispatcher, "begin_pooled", begin_pooled)


@bug(set_wall=12, spawn=10)
def leases_are_kept_by_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    """A wall clock that is set forward kills every other worker."""
    real = Ownership.watch

    def watch(self: Ownership) -> bool:
        clock: Any = self._clock
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(clock, "boot", clock.wall, raising=False)
            self._next_watch = 0
            return real(self)

    patch.setattr(Ownership, "watch", watch)


@bug()
def a_cancel_is_dropped_by_its_owner(patch: pytest.MonkeyPatch) -> None:
    """A cancel leaves the inbox and isn't journaled."""
    real = Inbox._journal

    def journal(self: Inbox, cell: Cell, arrival: Arrival) -> None:
        if isinstance(arrival.message, Cancel) and cell.questions:
            self._recorder.draft.arrivals[arrival.id] = cell.no
            self._recorder.touch(cell)
        else:
            real(self, cell, arrival)

    patch.setattr(Inbox, "_journal", journal)


@bug()
def an_early_answer_is_dropped(patch: pytest.MonkeyPatch) -> None:
    """An answer by tag for which no question is open is thrown away."""
    patch.setattr(Inbox, "_kept", lambda self, cell, message: None)


@bug()
def a_worker_looks_once(patch: pytest.MonkeyPatch) -> None:
    """What others write is noticed at the first look only."""
    real = Adoption.look

    def look(self: Adoption) -> None:
        self.rounds._version = self._store.version()
        real(self)

    patch.setattr(Adoption, "look", look)
    patch.setattr("everflow.engine.owning.rounds.NET", 10**15)


@bug()
def a_zombie_attempt_is_recorded(patch: pytest.MonkeyPatch) -> None:
    """The end of any attempt is recorded, also one that was begun under an older epoch."""

    def told(self: Ends, attempt: Attempt, end: Any) -> None:
        self._dispatcher.finished(attempt)
        cell = self._cells.get(attempt.no)
        op = cell.machine.state.ops.get(attempt.op) if cell is not None else None
        if cell is not None and end is not None:
            self._recorder.record(cell, end.kind, attempt.op, end.payload, getattr(op, "node", ""))

    patch.setattr(Ends, "told", told)


@bug(spawn=20, start=20)
def an_unclear_claim_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Runs of a claim that was done but said to have failed are nobody's."""
    patch.setattr(Claims, "find_lost", lambda self: setattr(self, "lost", False))
