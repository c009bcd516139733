"""Suspects: runs of which something was in flight when their worker died. One may have killed it.

Three rules hold here. The first death is nobody's: most are no run's fault, so all go on at once,
and it is on disk that they are doubted before any of them begins again. Who goes down with the next
worker, too, is put on trial: a part of the suspects with nothing beside it, then the next part, so
that each death leaves a quarter of them. And only a death of a run that was on trial alone, with
nothing of any other run begun, counts against it, so that an innocent one is never set aside.

Nothing at all begins before that is on disk: two deadly runs would else undo for ever what becomes
known of the other. A trial takes the longer the more often its runs were doubted: one that kills
late is found too. A run whose nodes have ended, whatever their end, or that left its worker without
a death, is doubted no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from everflow.core.ops import NodeOp
from everflow.engine.cells.cell import Cell
from everflow.engine.cells.draft import Draft
from everflow.engine.owning.parking import Parking
from everflow.engine.owning.parts import Parts
from everflow.engine.records.flights import DOUBT, FREE, PAST, Doubt, doubts_of, trials
from everflow.store import Put, RunRow

__all__ = ["Suspect", "Suspects"]

LONGEST = 4  # times that the length of a trial is doubled


class Suspect(NamedTuple):
    """A run in memory that is doubted, with what it had begun."""

    cell: Cell
    held: list[NodeOp]
    doubt: Doubt

    @property
    def has_survived(self) -> bool:
        """Whether all that it had begun has ended."""
        ops = self.cell.machine.state.ops
        mine = [ops[op.id] for op in self.held if op.id in ops]
        return all(type(op) is NodeOp and op.asking for op in mine)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is to be waited for."""
        return self.cell.dropped or self.has_survived


class Suspects:
    """Who is doubted here, and whose trial it is."""

    def __init__(self, parts: Parts, parking: Parking) -> None:
        self._parts = parts
        self._parking = parking
        self._lease = round(parts.config.lease_s * 1_000_000)
        self._doubted: dict[int, Suspect] = {}
        self._new: dict[int, Suspect] = {}  # to be tried, not yet in parts
        self._waiting: deque[list[Suspect]] = deque()
        self._tried: list[Suspect] = []
        self._until = 0
        self._quiet_by: int | None = None  # until when a first trial waits for what is begun here
        self._unwritten: list[Draft] = []  # that say something of suspects, and aren't committed

    def doubts(self, rows: Iterable[RunRow]) -> dict[int, Doubt]:
        """Which of these runs, just claimed, are doubted: by their owners' boards, or before."""
        owners = {row.no: row.owner for row in rows if row.owner}
        boards = {no: doubts_of(self._parts.ownership.flights_of(no)) for no in {*owners.values()}}
        found = {no: boards[owner].get(no, PAST) for no, owner in owners.items()}
        keys = [str(no) for no in found]
        for record in self._parts.store.records(DOUBT, keys=keys) if keys else ():
            no = int(record.key)
            found[no] = found[no]._replace(times=int(record.body))
        return {no: doubt for no, doubt in found.items() if doubt != PAST}

    def add(self, cell: Cell, held: list[NodeOp], doubt: Doubt) -> bool:
        """Have a run's ops begun again, at once or in its turn; False if it is no suspect now."""
        if cell.row.deaths and not (doubt.times or doubt.tried):  # of trials that it survived
            cell.row.deaths, cell.changed = 0, True
        suspect = Suspect(cell, held, doubt)
        cell.doubted = bool(doubt.times or held)
        if doubt.times:  # on disk, whether it is tried or ends before its turn
            self._doubted[cell.no] = suspect
        if not (held and doubt.begun):
            return False
        if doubt == FREE:
            self._begin(suspect)
        else:
            self._new[cell.no] = suspect
        return True

    def clear(self) -> None:
        """The worker begins anew."""
        self._doubted.clear()
        self._new.clear()
        self._waiting.clear()
        self._tried = []
        self._quiet_by = None
        self._unwritten = []

    @property
    def restless(self) -> bool:
        """Whether a look right now would change something."""
        if self._tried:
            return all(suspect.is_over for suspect in self._tried)
        return bool(self._new or self._waiting) and self._is_quiet()

    def died_alone(self, cell: Cell) -> bool:
        """Count a death against a run; True when it was one too many, and the run is set aside."""
        cell.row.deaths += 1
        cell.changed = True
        if cell.row.deaths < self._parts.config.alone_deaths:
            return False
        self._parts.cells.add(cell)
        self._parking.block(cell, "operator", _deadly(cell))
        self._write(cell, None)
        self._hold()
        return True

    def _hold(self) -> None:
        """Have nothing begin until what the draft says is on disk."""
        if self._parts.dispatcher.trial is None:
            self._parts.dispatcher.set_trial([])
        draft = self._parts.recorder.draft
        if not any(one is draft for one in self._unwritten):
            self._unwritten.append(draft)
            draft.after.append(partial(self._written, draft))

    def _written(self, draft: Draft) -> None:
        """It is on disk, perhaps told late: of a draft from before the worker began anew."""
        self._unwritten = [one for one in self._unwritten if one is not draft]

    def look(self, boot: int) -> None:
        """Let a trial end and begin the next."""
        if self._unwritten:
            return
        self.acquit()
        if self._tried and boot < self._until and not self.restless:
            return
        self._tried = []
        if self._new:
            self._waiting.extend(self._in_parts())
            self._new.clear()
        while self._waiting and all(suspect.is_over for suspect in self._waiting[0]):
            self._waiting.popleft()
        if self._waiting:
            self._try_next(boot)
        elif self._parts.dispatcher.trial is not None:
            self._quiet_by = None
            self._parts.dispatcher.set_trial(None)

    def _in_parts(self) -> Iterator[list[Suspect]]:
        doubts = {no: suspect.doubt for no, suspect in self._new.items()}
        for nos in trials(doubts, self._parts.config.max_unrecorded):
            yield [self._new[no] for no in nos]

    def acquit(self) -> None:
        """Doubt those no more that have ended what they had begun, in the batch that says so."""
        for no, suspect in list(self._doubted.items()):
            cell = suspect.cell
            if suspect.is_over:
                del self._doubted[no]
                cell.doubted = False
                self._write(cell, None)
                if cell.row.deaths and not cell.dropped:
                    cell.row.deaths, cell.changed = 0, True
                    self._parts.recorder.touch(cell)

    def _try_next(self, boot: int) -> None:
        """Try the next part, once nothing else is begun here, or was for a lease."""
        if self._quiet_by is None:
            self._quiet_by = boot + self._lease
        if boot < self._quiet_by and not self._is_quiet():
            self._parts.dispatcher.set_trial([])
            return
        self._tried = [one for one in self._waiting.popleft() if not one.is_over]
        times = max(suspect.doubt.times for suspect in self._tried)
        self._until = boot + (self._lease << min(max(times - 1, 0), LONGEST))
        self._parts.dispatcher.set_trial([suspect.cell for suspect in self._tried])
        for suspect in self._tried:
            self._begin(suspect)

    def _is_quiet(self) -> bool:
        """Whether nothing is begun here but by runs that were tried already, and took too long."""
        return self._parts.dispatcher.begun_for() <= self._doubted.keys()

    def _begin(self, suspect: Suspect) -> None:
        """Have a suspect's nodes begin once it is on disk that it is doubted once more."""
        cell = suspect.cell
        self._doubted[cell.no] = suspect
        self._write(cell, suspect.doubt.times + 1)
        self._parts.recorder.draft.releases += [(cell, op) for op in suspect.held]
        self._hold()

    def _write(self, cell: Cell, times: int | None) -> None:
        put = Put(
            kind=DOUBT, key=str(cell.no), body=None if times is None else str(times), source=cell.no
        )
        self._parts.recorder.draft.puts.append(put)


def _deadly(cell: Cell) -> str:
    nodes = [op for op in cell.machine.commands() if type(op) is NodeOp]
    names = ", ".join(f"{op.node} at {op.position}" for op in nodes[:3])
    return (
        f"its worker died {cell.row.deaths} times while this run alone was running ({names});"
        " see to the node, then: everflow adopt RUN"
    )
