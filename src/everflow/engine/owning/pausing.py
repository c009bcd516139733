"""Pauses: runs that begin nothing more, and flows of which no run is taken up.

Three rules hold here. What is begun ends and is recorded; what comes meanwhile stays in the inbox.
The wish to pause stays there too until the run is written down as paused, so that no crash loses
it. A run that came to rest leaves memory: it comes back as any other does, when its pause ends.

A paused flow's runs keep their statuses and are released when this worker meets them; what it must
not claim it knows by definition. A paused queue is no matter of this file: it admits nobody, and
those who have a place go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from everflow.engine.cells.cell import Cell
from everflow.engine.cells.recorder import change_of
from everflow.engine.owning.aside import is_still, rewrite
from everflow.engine.owning.parts import Parts
from everflow.engine.records.fleet import drain_key
from everflow.store import Arrival, Cancel, Pause, RunRow, Status, Unpause, pause_of

__all__ = ["Pausing"]

PREFIX = "flow:"
MOST = 10_000  # pauses that are looked at


class Pausing:
    """``without``: definitions of paused flows.

    ``again`` has what may be claimed looked for, ``give_back`` releases a run with the draft.
    """

    def __init__(
        self, parts: Parts, again: Callable[[], None], give_back: Callable[[int], None]
    ) -> None:
        self._parts = parts
        self._again = again
        self._give_back = give_back
        self.without: set[str] = set()
        self.drains = False  # this worker was told to end
        self._flows: set[str] = set()
        self._cells: dict[int, Cell] = {}  # on their way to rest
        self._wishes: dict[int, dict[int, str]] = {}  # by run: messages in its inbox, and by whom
        self._done: set[int] = set()  # messages in a draft that isn't committed

    def read(self) -> None:
        """See which flows are paused now, and whether this worker is to drain."""
        keys = [record.key for record in self._parts.store.records("pause", limit=MOST)]
        flows = {key.removeprefix(PREFIX) for key in keys if key.startswith(PREFIX)}
        self.drains = drain_key(self._parts.ownership.worker) in keys
        if self._flows - flows:
            self.without.clear()
            self._again()
        for cell in self._parts.cells if flows - self._flows else ():
            if cell.row.flow in flows:
                self._begin(cell)
        self._flows = flows

    def leaves(self, row: RunRow, arrivals: Sequence[Arrival]) -> bool:
        """Whether a run isn't to be taken up, as it or its flow is paused; then it is released."""
        kinds = {type(arrival.message) for arrival in arrivals}
        if row.status is Status.PAUSED:
            if Unpause not in kinds:  # nothing else ends a pause, whatever it was loaded for
                self._parts.store.release(self._parts.ownership.worker, [row.no])
                return True
            self._parts.store.adopt([row.no])  # the end of its pause came as it began
            row.status, row.reason = Status.QUEUED, ""
        called = Cancel in kinds
        if row.flow not in self._flows or called or row.status is Status.CANCELLING:
            return False
        self.without.add(row.definition)
        self._parts.store.release(self._parts.ownership.worker, [row.no])
        return True

    # --- messages

    def keeps(self, cell: Cell, arrival: Arrival) -> bool:
        """Whether a message isn't to be journaled: it is about a pause, or waits for its end."""
        message = arrival.message
        if arrival.id in self._done:
            return True
        if isinstance(message, Pause):
            self._begin(cell)
            if cell.paused:
                self._wishes.setdefault(cell.no, {})[arrival.id] = message.by
            else:
                self._use(cell.no, [arrival.id])
            return True
        if isinstance(message, Unpause):
            self._use(cell.no, [arrival.id, *self._wishes.pop(cell.no, ())])
            cell.changed = True
            self._parts.recorder.touch(cell)
            return True
        if isinstance(message, Cancel) and cell.paused:
            self._end(cell)
        return cell.paused

    def _begin(self, cell: Cell) -> None:
        if cell.machine.outcome is None and not cell.machine.state.cancelling:
            cell.paused = True
            self._cells[cell.no] = cell

    def _end(self, cell: Cell) -> None:
        """The run goes on, or has ended: its pause is over."""
        cell.paused = False
        self._cells.pop(cell.no, None)
        self._use(cell.no, self._wishes.pop(cell.no, ()))

    def _use(self, no: int, arrivals: Iterable[int]) -> None:
        """These messages of a run go with the next batch."""
        used = dict.fromkeys(arrivals, no)
        self._done.update(used)
        self._parts.recorder.draft.arrivals.update(used)

    def written(self, arrivals: Iterable[int]) -> None:
        """These are gone from the store."""
        self._done.difference_update(arrivals)

    # --- coming to rest

    @property
    def restless(self) -> bool:
        """Whether a look right now would change something."""
        return any(is_still(cell) for cell in self._cells.values())

    def look(self) -> None:
        """Put those aside of which nothing goes on any more."""
        for cell in list(self._cells.values()):
            if cell.dropped:
                del self._cells[cell.no]
                self._wishes.pop(cell.no, None)
            elif cell.machine.outcome is not None:
                self._end(cell)
            elif is_still(cell):
                self._put_aside(cell)

    def _put_aside(self, cell: Cell) -> None:
        parts, row, no = self._parts, cell.row, cell.no
        del self._cells[no]
        wishes = self._wishes.pop(no, {})
        parts.cells.drop(no)
        row.until = row.reason = ""
        row.due = None
        if wishes:
            who = next((by for by in wishes.values() if by), "")
            row.status, row.reason = Status.PAUSED, pause_of(who)
        else:
            rewrite(cell)
            if row.flow in self._flows:
                self.without.add(row.definition)
        draft = parts.recorder.draft
        draft.changes.append(change_of(row))
        self._use(no, wishes)
        self._give_back(no)
        draft.after.append(self._again)

    def clear(self) -> None:
        """The worker begins anew."""
        self._cells.clear()
        self._wishes.clear()
        self._done.clear()
