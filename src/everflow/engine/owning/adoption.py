"""Adoption: how runs come into memory and leave it.

Runs come by a start in this process, by a claim (started elsewhere, or left by a dead worker), by a
message in their inbox, or by a timer. After a death the runs that were being run are suspects.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from everflow.core.definition import Definition
from everflow.core.entries import Entry, Kind
from everflow.core.machine import Machine
from everflow.core.ops import NodeOp, QuestionOp, TimerOp
from everflow.core.refs import SMALL
from everflow.engine.cells.cell import Cell
from everflow.engine.cells.draft import Draft
from everflow.engine.cells.loader import Blocked, Loader, lacks
from everflow.engine.owning.calls import Calls
from everflow.engine.owning.claims import CLAIM, Claims
from everflow.engine.owning.draining import Draining
from everflow.engine.owning.inbox import Inbox
from everflow.engine.owning.leasing import Leasing
from everflow.engine.owning.parking import Parking, waits_for_operator
from everflow.engine.owning.parts import Parts
from everflow.engine.owning.pausing import Pausing
from everflow.engine.owning.rounds import CLAIM_EVERY, Rounds
from everflow.engine.owning.sharing import Born, Sharing
from everflow.engine.owning.suspects import Suspects
from everflow.engine.records.flights import Doubt
from everflow.store import ACTIVE, AT_ONCE, Arrival, Cancel, RunRow, Settled, Status

__all__ = ["Adoption"]

_log = logging.getLogger("everflow.engine")
NONE: Mapping[int, Doubt] = MappingProxyType({})
FETCH = 2_000  # messages that a look takes at most


class Adoption:
    """Which runs are in memory, and what came in for them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store
        self._parking = Parking(parts)
        self.block = self._parking.block
        self.refuse, self.set_aside = self._parking.refuse, self._parking.set_aside
        self._pausing = Pausing(parts, self.claim_soon, self._parking.give_back)
        self.calls = Calls(parts, self.block, self.nudge)
        self.leasing = Leasing(parts, self._parking, self.claim_soon)
        given, cell = parts.dispatcher.given, parts.leases.cell
        self._loader = Loader(parts.store, parts.definitions, given, cell, self._parking.shares)
        self._inbox = Inbox(
            parts,
            keeps=self._pausing.keeps,
            again=self.read_again,
            block=self.block,
            lacking=self._parking.without.add,
        )
        self._born: deque[Born] = deque()
        self._passed: set[int] = set()  # runs on their way whose messages were passed by
        self.draining = Draining(parts, self._parking)
        self.sharing = Sharing(parts, self._parking, self._born, self.claim_soon)
        self._claims = Claims(
            parts, self._parking, self._pausing, draining=self.draining, sharing=self.sharing
        )
        self._suspects = Suspects(parts, self._parking)
        self.acquit = self._suspects.acquit
        self._after = 0
        self._known = -1  # the registry's version
        self.rounds = Rounds(parts.store, parts.config.poll_s)
        self._row_due: int | None = None
        self._stale = True  # that is to be read anew
        self.hurried = False  # a turn read something, and leaves the rest to the next
        self._woken = 0  # up to when what was due was woken
        self._due_again = False  # what is due stays so in the store until the next commits
        self._nudged = True

    # --- looking at the store

    def nudge(self) -> None:
        """Somebody in this process wrote something for a run, perhaps one that nobody owns."""
        self._nudged = self.rounds.stirred = True
        self._claims.soon()

    def claim_soon(self) -> None:
        """This process started runs that nobody owns: claim in this turn."""
        self._claims.soon()

    def look_for_lost(self) -> None:
        """It isn't known whether a claim or a start went through: look what this worker owns."""
        self._claims.lost = True

    @property
    def restless(self) -> bool:
        """Whether a look would find something to do."""
        mine = self._nudged or self._may_bear or self._claims.restless or self.draining.restless
        return mine or self._stale or self._suspects.restless or self._pausing.restless

    def drain(self) -> None:
        """Claim and begin nothing more, and let go of what this worker owns."""
        mine = self._parts.ownership.worker
        coming = [row.no for row, *_ in self._born if row.owner == mine]
        self.draining.begin(coming, self._claims.unloaded)
        self._born.clear()

    def _know_again(self) -> None:
        """Modules were imported: what couldn't be run here may be runnable now."""
        self._parking.know_again(self._known)
        self._parts.definitions.forget()
        self._claims.wanted = True

    def look(self) -> None:
        """See what came in, what is due and what may be claimed; cheap when it is too early."""
        boot = self._parts.system_clock.boot()
        now = max(self._parts.clock.now(), self._parts.system_clock.wall())
        if self._parts.ownership.watch():
            self.rounds.stirred = True
            self._claims.soon()
        if self._known != (known := self._parts.definitions.registry.version):
            self._known = known
            self._know_again()
        if self.rounds.heard(boot):
            self.nudge()
        self.hurried = self._do_a_chore(boot, now)
        if self._row_due is not None and self._row_due <= now:
            self._wake_due(now)
        self._take_in()
        self._parking.look()
        self._pausing.look()
        self.draining.look()
        self.sharing.look(boot)
        self._suspects.look(boot)

    def _do_a_chore(self, boot: int, now: int) -> bool:
        """Read of one kind what is to be read: over a network all of it takes many round trips.

        Between them the runs in memory go on. What came for them is first.
        """
        if self._nudged:
            self._nudged, self._stale = self.take_arrivals(), True
        elif self.rounds.begin(boot):
            self._pausing.read()
            self._claims.soon()
            if self._pausing.drains:
                self.drain()
        elif self._stale:
            self._row_due, self._stale = self._store.next_due(self._parts.ownership.worker), False
        else:
            if self.rounds.timer(now) or self._parking.take_passed():
                self._claims.wanted = True
            self._claims.look(now)
            return False
        return True

    def _take_in(self) -> None:
        """Load what this worker came to own."""
        if self._claims.lost:
            self._claims.find_lost()
            self.read_again()  # what rests was claimed for a message that may be an old one
        while self._claims.unloaded:
            self._load_claimed(self._claims.unloaded[0])
            self._claims.unloaded.popleft()
        if self._born:
            self._take_born()

    def take_arrivals(self) -> bool:
        """Apply the messages that came for this worker's runs; True when there may be more."""
        worker = self._parts.ownership.worker
        found = self._store.arrivals(worker, after=self._after, limit=FETCH)
        missing = {a.no for a in found if self._parts.cells.get(a.no) is None}
        if missing:
            if self.draining.active:
                self.draining.give_back(sorted(missing))
            else:
                self._load(sorted(missing), arrived=True)
        for arrival in found:
            self._after = max(self._after, arrival.id)
            cell = self._parts.cells.get(arrival.no)
            if cell is not None:
                self._inbox.apply(cell, arrival)
        return len(found) == FETCH

    def _wake_due(self, now: int) -> None:
        worker = self._parts.ownership.worker
        due = self._store.due(worker, now=now, limit=CLAIM)
        cold = [no for no in due if self._parts.cells.get(no) is None]
        if cold and self.draining.active:
            self.draining.give_back(cold)
        elif cold:
            self._load(cold)
        self._due_again = bool(due)
        self._woken = now
        self._row_due = now + CLAIM_EVERY if due else self._store.next_due(worker)

    def _load_claimed(self, rows: Sequence[RunRow]) -> None:
        self._load([row.no for row in rows], self._suspects.doubts(rows))

    # --- loading

    def _load(
        self,
        nos: Sequence[int],
        doubts: Mapping[int, Doubt] = NONE,
        *,
        arrived: bool = False,
    ) -> None:
        known, leaving = self._parts.cells.get, self._parking.is_leaving
        cold = [no for no in nos if known(no) is None and not leaving(no)]
        for found in self._loader.load(cold):
            if self.leasing.leaves(found.row):
                continue
            if isinstance(found, Blocked):
                self._parking.block_row(found)
                continue
            cell = found.cell
            if cell.row.owner != self._parts.ownership.worker:
                continue  # it was released by a call that is told a failure, and tried again
            if found.lacking:
                self._cancel_lacking(cell, found.arrivals, found.lacking)
                continue
            if waits_for_operator(cell.row, found.arrivals) or (arrived and self._comes(cell.row)):
                continue
            if self._pausing.leaves(cell.row, found.arrivals):
                continue
            doubt = doubts.get(cell.no)
            if doubt is not None and doubt.alone and self._suspects.died_alone(cell):
                continue
            self._adopt(cell, found.arrivals, doubt=doubt, moved=found.moved)

    def _cancel_lacking(self, cell: Cell, arrivals: Sequence[Arrival], lacking: str) -> None:
        """Apply the cancel of a run whose undos have no code here; they wait for that."""
        self._parts.cells.add(cell)
        for arrival in arrivals:
            if isinstance(arrival.message, Settled | Cancel):
                self._inbox.apply(cell, arrival)
        self._parking.leave(cell, lacking)

    def _comes(self, row: RunRow) -> bool:
        """Whether a run that got a message is on its way into memory: then that waits for it."""
        if row.status not in ACTIVE or row.status is Status.CANCELLING:
            return False  # one that is cancelling may rest until its undo goes on
        self._passed.add(row.no)
        return True

    def started(self, row: RunRow, definition: Definition, at: int, payload: str) -> None:
        """A run that this process just started: its first entry is in the store."""
        if self.draining.active and row.owner == self._parts.ownership.worker:
            self.draining.give_back([row.no])
        else:
            self._born.append((row, definition, at, payload))

    @property
    def load(self) -> int:
        """How many runs are in memory, or on their way there."""
        return self._parts.cells.going + len(self._born)

    @property
    def _may_bear(self) -> bool:
        few = self._parts.dispatcher.inline_waiting < self._parts.config.batch
        return bool(self._born) and few and self._claims.room > 0

    def _take_born(self) -> None:
        """Bring started runs into memory as they are worked off: live runs go on first."""
        while self._may_bear:
            self._bear(*self._born.popleft())

    def _bear(self, row: RunRow, definition: Definition, at: int, payload: str) -> None:
        known = row.no in self._claims.found or self._parts.cells.get(row.no) is not None
        if known or row.owner != self._parts.ownership.worker or self._pausing.leaves(row, ()):
            self._claims.found.discard(row.no)  # it came from the store already, and may have ended
            return
        machine = Machine(definition.program)
        machine.tell(Entry(0, at, Kind.START, "", payload, definition.hash, note=row.id))
        cell = Cell(row, definition, machine)
        if len(payload) > SMALL:
            cell.remember(0, payload)
        self._adopt(cell, [], doubt=None, moved=None)
        if row.no in self._passed:
            self._passed.discard(row.no)
            self.read_again()

    def _adopt(
        self,
        cell: Cell,
        arrivals: Sequence[Arrival],
        *,
        doubt: Doubt | None,
        moved: Definition | None,
    ) -> None:
        parts = self._parts
        parts.cells.add(cell)
        fresh = cell.machine.seq == 0 and cell.row.status in ACTIVE
        if moved is not None:
            parts.recorder.move(cell, Kind.MOVED, moved)
        parts.recorder.take_up(cell)
        known = cell.machine.seq
        cell.tried = known if cell.row.status is Status.BLOCKED else -1
        for arrival in arrivals:  # first of all: the code may be missing
            if isinstance(arrival.message, AT_ONCE):
                self._inbox.apply(cell, arrival)
        shared = self._parking.shares(cell.definition.hash)
        if cell.definition.missing and not shared and self._lacks_code(cell, arrivals):
            return
        held = self._take_up(cell, known, fresh=fresh)
        asks = fresh and cell.questions > 0
        if doubt is not None and self._suspects.add(cell, held, doubt):
            cell.changed |= asks
        elif asks:  # its questions are to be on disk before whoever is told of them
            parts.recorder.draft.releases += [(cell, op) for op in held]
        else:
            for op in held:
                parts.dispatcher.ready(cell, op)
        for arrival in arrivals:
            if not isinstance(arrival.message, AT_ONCE):
                self._inbox.apply(cell, arrival)

    def _lacks_code(self, cell: Cell, arrivals: Sequence[Arrival]) -> bool:
        """Park a run whose upgrade didn't lead to code that is here."""
        if not any(isinstance(arrival.message, Cancel) for arrival in arrivals):
            self._parking.leave(cell, str(lacks(cell.definition)))
        return cell.dropped

    def _take_up(self, cell: Cell, known: int, *, fresh: bool) -> list[NodeOp]:
        """See to what a run waits for; give the nodes that may begin: opened by entry ``known``."""
        parts = self._parts
        held: list[NodeOp] = []
        for op in cell.machine.commands():
            if type(op) is TimerOp:
                parts.timers.add(cell, op)
            elif type(op) is QuestionOp:
                if fresh:
                    parts.recorder.open_question(cell, op)
            elif type(op) is NodeOp and op.stopping:
                parts.stop(cell, op)
            elif type(op) is NodeOp and not op.asking and op.since <= known:
                held.append(op)
        return held

    # --- what was written

    def committed(self, draft: Draft) -> None:
        """A draft is on disk. Of entries alone there is nothing to see to here."""
        if not (draft.changes or draft.arrivals or draft.released):
            return
        self.forgotten(draft)
        self._claims.lost |= self._parking.committed(draft)
        self.leasing.committed(draft)
        if self._due_again and draft.changes:
            self._row_due, self._due_again = 0, False
        for change in draft.changes:
            self.rests(change.due)
        self._claims.wanted |= self._claims.admissions.freed(draft)

    def forgotten(self, draft: Draft) -> None:
        """The messages of a draft aren't under way any more."""
        self._inbox.written(draft.arrivals)
        self._pausing.written(draft.arrivals)

    def rests(self, due: int | None) -> None:
        """A run of this worker rests until then; it may leave memory."""
        if due is None:
            return
        if due <= self._woken:  # by a wall clock that is ahead: its time is still to come
            due = self._woken + CLAIM_EVERY
        if self._row_due is None or due < self._row_due:
            self._row_due = due

    def outcome_refused(self, no: int) -> None:
        """A cancel was accepted before the outcome: the run takes that first. Or it was taken."""
        self.leasing.told = True
        cell = self._parts.cells.get(no)
        if cell is not None:
            cell.row.status, cell.row.outcome, cell.row.ended = Status.RUNNING, None, None
            cell.changed = True
            self._parts.recorder.touch(cell)
        self.read_again()

    def read_again(self) -> None:
        """Look at the inboxes once more."""
        self._after, self._nudged = 0, True
        self._claims.soon()

    def clear(self) -> None:
        """The worker begins anew: nothing is in memory."""
        self._inbox.clear()
        self._suspects.clear()
        self._pausing.clear()
        self._parking.clear()
        self._parts.leases.clear()
        self._claims.clear()
        self._born.clear()
        self._passed.clear()
        self.read_again()
        self._row_due = None
