"""Admissions: any worker may give the runs that wait in a queue their places.

Each is one transaction under the condition that nobody else admitted since: the queue's record is
written anew with it. Places are counted from the rows of runs, so that no crash leaks one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from everflow.core.queueing import admit
from everflow.engine.cells.draft import Draft
from everflow.engine.records.debounce import begin_due
from everflow.engine.records.queues import KIND, PAUSE, pause_key, setting_of
from everflow.errors import StoreDamaged, StoreRefused
from everflow.store import Put, Record, Store

__all__ = ["Admissions", "next_admission"]

_log = logging.getLogger("everflow.engine")
MOST = 100  # admissions in one transaction
DEPTH = 4 * MOST  # runs that are looked at for these, over all lanes, about
FEW = 10  # lanes that a queue is taken to have until it was looked at
ROUNDS = 5  # transactions for one queue before other things have their turn


class Admissions:
    """Looks after the queues that ``serves`` names: those whose runs are executed here.

    So nobody gets a place, and uses up a rate, while no worker would run it.

    ``wanted``: something happened that may let runs go on. ``at``: when a rate allows more, or a
    debounced run begins.
    """

    def __init__(self, store: Store, serves: Callable[[str], bool] = lambda _: True) -> None:
        self._store = store
        self._serves = serves
        self.wanted = True
        self.at: int | None = None
        self._damaged: set[str] = set()
        self._lanes: dict[str, int] = {}  # how many were seen last

    def due(self, now: int) -> bool:
        """Whether a look may find somebody to admit."""
        return self.wanted or (self.at is not None and self.at <= now)

    def freed(self, draft: Draft) -> bool:
        """Whether a run that ended with this draft left its place to another."""
        cells = draft.touched.values()
        found = any(cell.row.queue and cell.row.ended is not None for cell in cells)
        self.wanted |= found
        return found

    def look(self, now: int) -> None:
        """Admit whoever may go on now, if anything happened that could let somebody."""
        if not self.due(now):
            return
        self.wanted = True
        self.at = begin_due(self._store, now)
        left = [queue for queue in self._mine() if self._serve(queue, now)]
        self.wanted = bool(left)

    def _mine(self) -> list[str]:
        return [queue for queue in self._store.waiting() if self._serves(queue)]

    def _serve(self, queue: str, now: int) -> bool:
        """Admit from one queue; True when there is more to do at once."""
        try:
            return not any(self._done(queue, now) for _ in range(ROUNDS))
        except (StoreDamaged, StoreRefused) as error:
            if queue not in self._damaged:
                self._damaged.add(queue)
                _log.warning("nothing is admitted from the queue %r: %s", queue, error)
            return False

    def _done(self, queue: str, now: int) -> bool:
        """One transaction; True when there is nothing more to do for now."""
        record = next(iter(self._store.records(KIND, keys=[queue])), None)
        if self._store.records(PAUSE, keys=[pause_key(queue)]):
            return True
        limits = setting_of(record).limits
        lanes = MOST if limits.limit is None else min(MOST, limits.limit)
        depth = max(DEPTH // self._lanes.get(queue, FEW), 2)
        standing = self._store.places(queue, limits, now=now, lanes=lanes, depth=depth)
        self._lanes[queue] = max(len(standing.lanes), 1)
        chosen = admit(limits, standing, most=MOST, depth=depth)
        if chosen.at is not None:
            self.at = chosen.at if self.at is None else min(self.at, chosen.at)
        if not chosen.nos:
            return True
        done = self._store.write(_guards(queue, record), at=now, admit=chosen.nos)
        return done is not None and not chosen.again


def _guards(queue: str, record: Record | None) -> list[Put]:
    """The queue is as it was seen, and nobody paused it."""
    body, version, due = (
        (None, 0, None) if record is None else (record.body, record.version, record.due)
    )
    return [
        Put(kind=KIND, key=queue, body=body, expect=version, due=due),
        Put(kind=PAUSE, key=pause_key(queue), body=None, expect=0),
    ]


def next_admission(store: Store, queue: str, now: int) -> int | None:
    """When a queue gives a place by its rates; None while it is paused or its places are taken."""
    record = next(iter(store.records(KIND, keys=[queue])), None)
    if store.records(PAUSE, keys=[pause_key(queue)]):
        return None
    try:
        limits = setting_of(record).limits
    except StoreDamaged:
        return None
    standing = store.places(queue, limits, now=now, lanes=FEW, depth=FEW)
    chosen = admit(limits, standing, most=1, depth=FEW)
    return now if chosen.nos else chosen.at
