"""Claims: runs that this worker takes because nobody living owns them.

A claim is only made for as much as there is room; where it isn't known whether one went through,
what this worker owns is looked up. Places in queues are given before, so that a run that got one
is claimed in the same turn.
"""

from __future__ import annotations

from collections import deque

from everflow.engine.owning.admissions import Admissions
from everflow.engine.owning.draining import Draining
from everflow.engine.owning.parking import Parking
from everflow.engine.owning.parts import Parts
from everflow.engine.owning.pausing import Pausing
from everflow.engine.owning.sharing import Sharing
from everflow.errors import StoreUnavailable
from everflow.store import ACTIVE, RunRow, Status

__all__ = ["CLAIM", "Claims"]

GOING_ON = ACTIVE | {Status.BLOCKED}
CLAIM = 500  # runs that a claim takes at most


class Claims:
    """``wanted``: there may be something. ``lost``: this worker may own runs that it doesn't know.

    ``unloaded`` was claimed and isn't in memory yet; ``found`` was lost and is no more: the starts
    of these may still be told.
    """

    def __init__(
        self,
        parts: Parts,
        parking: Parking,
        pausing: Pausing,
        *,
        draining: Draining,
        sharing: Sharing,
    ) -> None:
        self._parts = parts
        self._store = parts.store
        self._parking = parking
        self._pausing = pausing
        self._draining = draining
        self._sharing = sharing
        self.admissions = Admissions(parts.store, parts.config.serves)
        self.wanted = True
        self.lost = False
        self.unloaded: deque[list[RunRow]] = deque()
        self.found: set[int] = set()

    @property
    def room(self) -> int:
        """How many runs more may come into memory now."""
        if self._draining.active:
            return 0
        most = self._parts.config.live_runs - self._parts.cells.going
        return min(most, CLAIM, self._sharing.room)

    @property
    def restless(self) -> bool:
        """Whether a look would find something to do."""
        return bool(self.unloaded or self.lost or (self.wanted and self.room > 0))

    def soon(self) -> None:
        """Something happened that may let runs go on: look in this turn."""
        self.wanted = self.admissions.wanted = True

    def look(self, now: int) -> None:
        """Claim as much as there is room for, if there may be something."""
        room = self.room
        if room <= 0 or not (self.wanted or self.admissions.due(now)):
            return
        self.admissions.look(now)
        try:
            rows = self._store.claim(
                self._parts.ownership.worker,
                now=now,
                limit=room,
                without=sorted(self._parking.without | self._pausing.without),
                code=self._parking.code,
                leased=self._parts.leases.held(),
                queues=self._parts.config.queues,
            )
        except StoreUnavailable:
            self.lost = True
            raise
        self._sharing.took(room, len(rows))
        self.wanted = len(rows) == room or self.admissions.wanted
        if rows:
            self.unloaded.append(rows)

    def find_lost(self) -> None:
        """Have loaded what this worker owns and doesn't know, but for what rests."""
        worker, known = self._parts.ownership.worker, self._parts.cells
        owned = [*self._store.owned(worker), *self._parts.leases.held()]
        lost = [no for no in owned if known.get(no) is None]
        for first in range(0, len(lost), CLAIM):
            rows = self._store.rows(lost[first : first + CLAIM])
            mine = [row for row in rows if row.owner == worker and row.status in GOING_ON]
            if mine:
                self.unloaded.append(mine)
                self.found.update(row.no for row in mine)
        self.lost = False

    def clear(self) -> None:
        """The worker begins anew."""
        self.unloaded.clear()
        self.lost = False
        self.wanted = True
