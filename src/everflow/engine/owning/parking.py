"""Parking: what becomes of a run that can't go on here. Nothing of it is lost.

Three rules hold here. A run is parked with a reason, and with what it waits for. It is released
with the batch that says so, to workers with other code, once what it had begun here has ended or
had its grace. Until that batch is written it isn't loaded: the store doesn't know yet what it
learnt.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from everflow.core.ops import NodeOp
from everflow.engine.cells.cell import Cell
from everflow.engine.cells.draft import Draft
from everflow.engine.cells.loader import EVERY, Blocked
from everflow.engine.cells.recorder import change_of
from everflow.engine.owning.parts import Parts
from everflow.store import Arrival, Cancel, Released, RunRow, Status

__all__ = ["Parking", "waits_for_operator"]

ANEW = 1 << 32  # beyond what is ever registered
OTHERS = 5_000_000  # microseconds that others have to take what can't be run here
_log = logging.getLogger("everflow.engine")


class Parking:
    """``without``: the definitions that can't be run here; ``code``: a number for today's code."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.without: set[str] = set()
        self.code = -1
        self._passed: dict[str, int] = {}  # definitions left to others: until when
        self._ending: dict[int, tuple[int, Released]] = {}  # until when they may end what they do
        self._taken_up: set[str] = set()  # of them, those that nobody took in time
        self._leaving: set[int] = set()  # these, and those whose release isn't committed
        self._met: set[int] = set()  # of them, those that were to be loaded
        self._refused: dict[int, int] = {}  # of which the store takes nothing: the last message

    def block(self, cell: Cell, until: str, reason: str) -> None:
        """Park a run that is in memory."""
        self._stop(cell)
        anew = cell.machine.seq != cell.tried
        self._park(cell.row, until, reason, cell.seen, anew=anew)

    def _stop(self, cell: Cell) -> None:
        for op in cell.machine.commands():
            if type(op) is NodeOp:
                self._parts.dispatcher.stop(cell, op)
        self._parts.cells.drop(cell.row.no)

    def block_row(self, found: Blocked) -> None:
        """Park a run that isn't."""
        row = found.row
        if found.missing:
            self.without.add(row.definition)
        if found.missing and (self._parts.guest or self._is_for_others(row)):
            if not self.is_leaving(row.no):
                self.give_back(row.no)
        else:
            anew = row.status is not Status.BLOCKED
            self._park(row, found.until, found.reason, found.seen, anew=anew)

    def _is_for_others(self, row: RunRow) -> bool:
        """Whether others have other code: then they have some seconds to take such runs.

        Parking one would tell people of trouble where another worker has all that it needs.
        """
        if row.definition not in self._passed and self._parts.ownership.have_other_code(row.queue):
            self._pass(row.definition)
        boot = self._parts.system_clock.boot()
        return self._passed.get(row.definition, boot) > boot

    def _pass(self, definition: str) -> None:
        self._passed[definition] = self._parts.system_clock.boot() + OTHERS

    def shares(self, definition: str) -> bool:
        """Whether nobody took such runs in that time: then each does what it has the code for."""
        until = self._passed.get(definition)
        return until is not None and self._parts.system_clock.boot() >= until

    def take_passed(self) -> bool:
        """Take up what others had their time for; True when there may be something to claim."""
        waiting = self.without - self._taken_up
        if not waiting or self._parts.guest:
            return False
        alone = waiting - self._passed.keys()  # parked while nobody else was there
        if alone and self._parts.ownership.have_other_code():
            for name in alone:
                self._pass(name)
        late = {name for name in waiting if self.shares(name)}
        self.without -= late
        self._taken_up |= late
        if late:
            self.code += ANEW  # what didn't fit by the whole may fit by its part
        return bool(late)

    def know_again(self, code: int) -> None:
        """Modules were imported: what couldn't be run here may be runnable now."""
        self.without.clear()
        self._passed.clear()
        self._taken_up.clear()
        self.code = code

    def leave(self, cell: Cell, reason: str) -> None:
        """Park a run until code, and all of its definition with it."""
        self.without.add(cell.row.definition)
        self.block(cell, "code", reason)

    def _park(self, row: RunRow, until: str, reason: str, seen: int, *, anew: bool) -> None:
        self._block(row, until, reason)
        released = Released(row.no, None if until == "operator" else self.code, seen, anew)
        self._leave(released)

    def _block(self, row: RunRow, until: str, reason: str) -> None:
        if (row.status, row.until, row.reason) != (Status.BLOCKED, until, reason):
            _log.warning("run %s of %s is blocked until %s: %s", row.id, row.flow, until, reason)
            row.status, row.until, row.reason, row.due = Status.BLOCKED, until, reason, None
            self._parts.recorder.draft.changes.append(change_of(row))

    def _leave(self, released: Released) -> None:
        """Release a run once it does nothing here any more."""
        grace = round(self._parts.config.grace_s * 1_000_000)
        self._ending[released.no] = self._parts.system_clock.boot() + grace, released
        self._leaving.add(released.no)
        self.look()

    def refuse(self, no: int) -> bool:
        """Take a run out of memory of which the store takes no more; see ``set_aside`` then.

        False where it doesn't even take that the run is set aside: then nothing is written of it
        until another worker has it, and it isn't loaded here before.
        """
        cell = self._parts.cells.get(no)
        if cell is not None:
            self._stop(cell)
        self._leaving.add(no)
        self._ending.pop(no, None)
        if no in self._refused:
            _log.error("run %d can't even be set aside: it is left as it stands", no)
            return False
        self._refused[no] = EVERY if cell is None else cell.seen
        return True

    def set_aside(self, no: int, reason: str) -> None:
        """Park a run until an operator, where it stands in the store."""
        seen = self._refused.get(no)
        for row in self._parts.store.rows([no]) if seen is not None else ():
            if row.owner == self._parts.ownership.worker:
                self._block(row, "operator", reason)
                self._leave(Released(no, self.code, seen or 0))
            else:
                self._leave(Released(no))

    def let_go(self, no: int) -> None:
        """Release a run of which nothing may be written here, once it does nothing any more."""
        cell = self._parts.cells.get(no)
        if cell is not None:
            self._stop(cell)
        if no not in self._leaving:
            self._leave(Released(no))

    def give_back(self, no: int) -> None:
        """Release a run with the draft that puts it aside; it isn't loaded before that stands."""
        self._leaving.add(no)
        self._parts.recorder.draft.released.append(Released(no))

    def look(self) -> None:
        """Release those that do nothing here any more."""
        boot = self._parts.system_clock.boot()
        for no, (end, released) in list(self._ending.items()):
            if boot >= end or not self._parts.dispatcher.has_begun(no):
                del self._ending[no]
                self._parts.recorder.draft.released.append(released)

    def is_leaving(self, no: int) -> bool:
        """Whether a run isn't to be loaded, since it isn't released yet."""
        if no in self._leaving:
            self._met.add(no)
        return no in self._leaving

    def committed(self, draft: Draft) -> bool:
        """Runs are released; True when one of them was to be loaded meanwhile."""
        gone = {released.no for released in draft.released}
        met = gone & self._met
        self._leaving -= gone
        for no in gone if self._refused else ():
            self._refused.pop(no, None)
        self._met -= gone
        return bool(met)

    def clear(self) -> None:
        """The worker begins anew."""
        self._ending.clear()
        self._leaving.clear()
        self._met.clear()
        self._refused.clear()


def waits_for_operator(row: RunRow, arrivals: Sequence[Arrival]) -> bool:
    """Whether nothing but an operator, or a cancel, may move the run."""
    parked = row.status is Status.BLOCKED and row.until == "operator"
    return parked and not any(isinstance(arrival.message, Cancel) for arrival in arrivals)
