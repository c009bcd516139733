"""The scheduler: one loop that drives every run of a worker, batched end to end.

What must stay true of it:

* It is single-threaded: pools, committer and callers ``post`` to it, and a ``turn`` does all that
  there is to do now. So the simulator can drive it whole, from one seed.
* One batch is with the store at a time; meanwhile the next is made. A batch whose commit failed or
  is ambiguous is sent again unchanged, and nothing is begun until it went through. One that the
  store refuses for good is written in parts instead (see ``parting``).
* A node with effects begins only after the commit of the entry that it depends on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from everflow.clock import Clock, RunClock
from everflow.config import Config
from everflow.core.ops import NodeOp, Op, TimerOp
from everflow.core.registry import Registry
from everflow.engine.calling.callee import Ended
from everflow.engine.calling.noderun import Progress
from everflow.engine.cells.cell import Cell, Cells
from everflow.engine.cells.draft import Draft
from everflow.engine.cells.loader import Definitions
from everflow.engine.cells.recorder import Recorder
from everflow.engine.cells.tenures import Leases
from everflow.engine.cells.timers import Timers
from everflow.engine.driving.commits import Committer
from everflow.engine.driving.firing import Firing
from everflow.engine.driving.parting import Parting
from everflow.engine.driving.posts import Posts
from everflow.engine.nodes.attempts import Pool
from everflow.engine.nodes.dispatcher import Dispatcher
from everflow.engine.nodes.ends import Ends
from everflow.engine.nodes.settling import Settler
from everflow.engine.owning.adoption import Adoption
from everflow.engine.owning.ownership import Ownership
from everflow.engine.owning.parts import Parts
from everflow.engine.records.caches import kept_in
from everflow.engine.schedules.firing import Ticker
from everflow.errors import (
    EngineClosed,
    EverflowError,
    Fenced,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)
from everflow.store import OUTCOMES, Batch, Store

__all__ = ["Scheduler", "Wrote"]

_log = logging.getLogger("everflow.engine")
Wrote = Callable[[Batch], object]
IN_A_ROW, MOMENT = 8, 2_000  # commits, and microseconds, after which is looked around again
FIRST_DELAY, LONGEST_DELAY = 10_000, 1_000_000  # microseconds between tries to reach the store


class Scheduler:
    """Everything that a worker does, a turn at a time."""

    def __init__(  # noqa: PLR0913 - the seams of an engine
        self,
        store: Store,
        registry: Registry,
        config: Config,
        clock: Clock,
        *,
        progress: Progress | None = None,
        wrote: Wrote | None = None,
        host: str = "",
        pid: int = 0,
        guest: bool = False,
    ) -> None:
        self.store = store
        self.config = config
        self.system_clock = clock
        self.clock = RunClock(clock, store.info().highest)
        self.cells = Cells(config.warm_runs)
        self.definitions = Definitions(store, registry)
        self.timers = Timers(self.clock, self.cells)
        self.recorder = Recorder(self._opened, config.base_floor)
        self.ownership = Ownership(store, clock, config, host=host, pid=pid)
        self.leases = Leases(store, clock)
        self.pools: dict[str, Pool] = {}
        self.dispatcher = Dispatcher(config, registry, self.pools, self._ended, store, progress)
        self.dispatcher.settler = Settler(store, self.ownership.identity, self.clock.now)
        self.dispatcher.damaged = lambda cell, why: self.adoption.block(cell, "store", why)
        self.adoption = Adoption(
            Parts(
                store, config, clock, self.clock, self.cells, self.definitions, self.timers,
                self.recorder, self.dispatcher, self.ownership, self.leases,
                lambda cell, op: self.post(self.stop, cell, op), guest,
            )
        )  # fmt: skip
        self.draining, self.sharing = self.adoption.draining, self.adoption.sharing
        self._see_to_time_and_ends()
        self.committer: Committer | None = None
        self.trouble: EverflowError | None = None
        self._wrote = wrote
        self._posts = Posts()
        self._pending: tuple[Draft, Batch] | None = None
        self._parting = Parting(self._set_aside)
        self._sent = False
        self._delay = FIRST_DELAY
        self._retry_at = 0
        self._deposed = False  # fenced, and not enlisted anew so far

    def _see_to_time_and_ends(self) -> None:
        self.ticker = Ticker(
            self.store, self.clock, self.definitions, self.config, self.adoption.nudge
        )
        take, block = self.adoption.take_arrivals, self.adoption.block
        shut = self.dispatcher.shut
        self.firing = Firing(
            self.timers, self.cells, self.recorder, take=take, block=block, shut=shut
        )
        self.ends = Ends(
            self.config, self.system_clock, self.cells, self.recorder, self.dispatcher,
            block=block, again=self.adoption.read_again,
        )  # fmt: skip
        self.stop, self.attempt_ended = self.ends.stop, self.ends.told

    # --- from outside the loop

    def post(self, react: Callable[..., None], *args: Any) -> None:
        """Have something done in the next turn. The only call that other threads may make."""
        self._posts.append((react, args))

    def open(self, given: Mapping[type[Any], Any], about: str = "") -> None:
        """Enlist as a worker that says so of itself. ``given`` is what nodes need, by type."""
        self.dispatcher.given.update(given)
        self.dispatcher.kept = kept_in(self.store)
        self.ownership.about = about
        self.dispatcher.board = self.ownership.enlist(self.clock.now())

    @property
    def load(self) -> int:
        """How many runs are in memory, or about to be: what is posted counts."""
        return self.adoption.load + len(self._posts)

    @property
    def busy(self) -> bool:
        """Whether a turn right now would find something to do."""
        if self.trouble is not None or (self._pending is not None and self._sent):
            return bool(self._posts)
        if self._posts or self._pending or self._parting or self.recorder.draft:
            return True
        if self.adoption.restless:
            return True
        starts = self.dispatcher.has_inline or self.dispatcher.may_begin or self.ticker.restless
        return not self.draining.active and starts

    @property
    def idle(self) -> bool:
        """Whether nothing goes on: nothing to do, to commit, or begun, and the store is there."""
        if self.trouble is not None or self.busy or self._pending or self.adoption.restless:
            return False
        return not (len(self.dispatcher) or self.dispatcher.unrecorded)

    @property
    def drained(self) -> bool:
        """Whether all that was begun has ended, and all is on disk and released."""
        return self._pending is None and not self._parting and self.draining.is_done

    def sleep_us(self) -> int:
        """How long the loop may sleep when nobody posts, in microseconds."""
        least = round(self.config.poll_s * 1_000_000)
        due = self.timers.next_in()
        if due is not None and due < least:
            least = due
        if not self.draining.active:
            least = min(least, self.ticker.next_in())
        least = self.ends.next_in(least)
        if self.trouble is not None:
            return max(min(least, self._retry_at - self.system_clock.boot()), 1_000)
        return least

    # --- the loop's body

    def turn(self) -> None:
        """Do all that there is to do now.

        A run that goes on node by node, and commits each, needn't wait for a look around at each.
        """
        if not self._look_around():
            return
        until = self.system_clock.boot() + MOMENT
        for _ in range(IN_A_ROW):
            if not self._run():
                return
            self._commit()
            if not self._goes_on or self.system_clock.boot() > until:
                return
            self.recorder.now = self.clock.now()

    @property
    def _goes_on(self) -> bool:
        """Whether what was just committed lets nodes begin here, and nothing else is to be done."""
        busy = self._posts or self._pending or self._parting or self.trouble
        return self.dispatcher.has_inline and not (busy or self.draining.active)

    def _look_around(self) -> bool:
        """See what came, what is due and what may be taken; False in trouble."""
        self.recorder.now = self.clock.now()
        try:
            self.adoption.leasing.look()
            self._posts.react()
            if self.trouble is not None and not self._try_again():
                return False
            self.adoption.look()
            if not (self.draining.active or self.adoption.hurried):
                self.ticker.look()
            self._delay = FIRST_DELAY  # and not at the first write: reads may fail still
        except StoreError as error:
            self._in_trouble(error)
            return False
        self.firing.look()
        self.ends.look()
        return True

    def _run(self) -> bool:
        """Begin what may begin; False in trouble."""
        try:
            most = self.config.batch * (1 if self._pending is None else 2)
            room = most - len(self.recorder.draft.entries)
            if not self.draining.active:
                self.dispatcher.run_inline(max(room, 0))
                self.dispatcher.begin_pooled()
            self.adoption.calls.look()
        except StoreError as error:
            self._in_trouble(error)
            return False
        return True

    # --- what the machine asks for

    def _opened(self, cell: Cell, op: Op) -> None:
        if type(op) is TimerOp:
            self.timers.add(cell, op)
        elif type(op) is NodeOp and (op.stopping or not cell.lacking):
            if op.stopping:
                self.post(self.stop, cell, op)
            elif self.dispatcher.callee(cell, op).pure:
                self.dispatcher.ready(cell, op)
            else:
                self.recorder.draft.releases.append((cell, op))

    def _ended(self, cell: Cell, op: NodeOp, end: Ended) -> None:
        """An op was run in place."""
        self.ends.record(cell, op, end)

    # --- commits

    def _commit(self) -> None:
        if self._pending is None:
            draft = self._next()
            if not draft:
                return
            batch = self._batch_of(draft)
            if not batch:
                self._written(draft, [])
                return
            self._pending, self._sent = (draft, batch), False
        if not self._sent:
            self._sent = True
            here = not (self.dispatcher.has_inline or self._posts)
            if self.committer is None:
                raise EngineClosed("the scheduler was given no committer")
            self.committer.commit(self._pending[1], here=here)

    def _next(self) -> Draft:
        """What is to be written next."""
        if self._parting:
            return self._parting.next()
        self.recorder.draft.recorded += self.dispatcher.take_stopped()
        self.adoption.acquit()
        return self.recorder.take() if self.recorder.draft else self.recorder.draft

    def _batch_of(self, draft: Draft) -> Batch:
        owner = self.ownership
        return draft.batch(owner.worker, owner.epoch, owner.number + 1, self.clock.now())

    def committed(self, refused: list[int], sent: Batch | None = None) -> None:
        """The pending batch is on disk; ``sent`` is the one that this is told of."""
        if self._pending is None or (sent is not None and sent is not self._pending[1]):
            return
        draft, batch = self._pending
        self._pending = None
        self.ownership.number = batch.number
        self._healed()
        self._parting.written(draft)
        self._written(draft, refused)
        if self._wrote is not None:
            self._wrote(batch)

    def _written(self, draft: Draft, refused: list[int]) -> None:
        """What a draft held is on disk: what waited for that goes on."""
        self.dispatcher.recorded(draft.recorded)
        for no in refused:
            self.adoption.outcome_refused(no)
        for cell, op in draft.releases:
            if not cell.dropped:
                self.dispatcher.ready(cell, op)
        for cell in draft.touched.values():
            if cell.nodes:
                continue
            if cell.row.status in OUTCOMES and cell.machine.outcome is not None:
                self.cells.drop(cell.row.no)
                self.ticker.ended(cell.row)
            elif cell.resting and not (cell.touched or cell.held):
                self.adoption.rests(cell.row.due)
                self.cells.rest(cell)
        self.adoption.committed(draft)
        for react in draft.after:
            self.post(react)

    def commit_failed(self, error: EverflowError, sent: Batch | None = None) -> None:
        """The pending batch isn't known to be on disk."""
        if sent is not None and (self._pending is None or sent is not self._pending[1]):
            return  # of an epoch that is over
        self._sent = False
        if isinstance(error, StoreRefused) and self._pending is not None:
            (draft, _), self._pending = self._pending, None
            if self._parting.refused(draft, error):
                return
        self._in_trouble(error)

    def _set_aside(self, no: int, part: Draft, reason: str) -> None:
        """A run's part can't be written: nothing of it will be, and it goes no further here."""
        for draft in (part, self.recorder.draft.take_out(no)):
            self.adoption.forgotten(draft)
        if self.adoption.refuse(no):
            self.post(self.adoption.set_aside, no, reason)

    def _in_trouble(self, error: EverflowError) -> None:
        """The store can't be written: nothing is begun, and the runs' time stands."""
        if isinstance(error, Fenced):
            self._fenced()
            return
        if self.trouble is None:
            _log.warning("the store can't be written, the runs pause: %s", error)
            self.clock.stop()
        self.trouble = error
        self._retry_at = self.system_clock.boot() + self._delay
        self._delay = min(self._delay * 2, LONGEST_DELAY)

    def doubt(self) -> None:
        """A caller's write failed: pause, or the deadline of a question passes unanswerably."""
        self.adoption.look_for_lost()
        if self.trouble is None:
            self._in_trouble(StoreUnavailable("a caller's write to it failed"))

    def _healed(self) -> None:
        if self.trouble is not None:
            _log.warning("the store is back, the runs go on")
        self.trouble = None
        self._posts.again()
        self.clock.go()

    def _try_again(self) -> bool:
        """Whether the loop may go on after trouble: at the next try, if one is due.

        A write must have gone through, if only an empty batch: else the runs' time would go
        on between one read that fails and the next, and a deadline pass in an outage.
        """
        if self.system_clock.boot() < self._retry_at:
            return False
        if self._deposed:
            self._fenced()
        else:
            if self._pending is None and not self._parting:
                empty = Draft()
                self._pending, self._sent = (empty, self._batch_of(empty)), False
            self._commit()
        return self.trouble is None

    def _fenced(self) -> None:
        """Others took this worker for dead: all that it held is theirs now. Begin anew."""
        _log.warning(
            "worker %d was taken for dead; its runs belong to others now, and it begins anew",
            self.ownership.worker,
        )
        self.dispatcher.forget_all()
        self.cells.clear()
        self.recorder.draft = Draft()
        self._pending, self._sent = None, False
        self._parting.clear()
        self.adoption.clear()
        self._deposed = True
        try:
            self.dispatcher.board = self.ownership.enlist(self.clock.now())
        except StoreError as error:
            self._in_trouble(error)
        else:
            self._deposed = False
            self._healed()
