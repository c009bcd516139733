"""Ownership: this worker's place in the store, and the watch over the others.

No wall clock is in a lease. A worker advances a counter; whoever sees a counter stand for the whole
lease, by its own boot clock, deposes that worker. On the same host a kernel lock tells a death at
once. A deposed worker's batches are refused by its epoch, whatever it does.

Of the time between two looks at most half a lease counts: where the store was away for everybody,
nobody could advance a counter, and whoever sees it first again must not take the others for dead.
"""

from __future__ import annotations

import logging
from collections.abc import MutableSequence, Sequence

from everflow.clock import Clock
from everflow.config import Config
from everflow.engine.records.fleet import About, about_in, about_of, drain_key
from everflow.engine.records.flights import slots
from everflow.store import Put, Store, WorkerRow

__all__ = ["Ownership"]

_log = logging.getLogger("everflow.engine")
WATCH_EVERY = 1_000_000  # microseconds between looks at the others' beats, at most
LOST_EVERY = 100_000  # and at the locks of those on this host, which costs next to nothing


class Ownership:
    """``worker``, ``epoch`` and ``number`` (of the last batch) are what each batch bears."""

    def __init__(self, store: Store, clock: Clock, config: Config, *, host: str, pid: int) -> None:
        self._store = store
        self._clock = clock
        self._lease = round(config.lease_s * 1_000_000)
        self._slots = slots(config.max_unrecorded)
        self._host = host
        self._pid = pid
        self._seen: dict[int, tuple[int, int]] = {}  # worker -> (beat, for how long it stood)
        self._looked = 0
        self._next_watch = self._next_lost = 0
        self.about = ""  # what it says of itself
        self.others: dict[int, About] = {}  # who else lives, as the last look showed
        self.taken = False  # runs were taken from this worker
        self.worker = 0
        self.epoch = 0
        self.number = 0

    def enlist(self, now: int) -> MutableSequence[int]:
        """Become a new worker; give its flight board."""
        row = self._store.enlist(host=self._host, pid=self._pid, at=now, about=self.about)
        self.worker, self.epoch, self.number = row.id, row.epoch, row.number
        self._next_watch = 0
        return self._store.flights(row.id, self._slots)

    def identity(self) -> tuple[int, int]:
        """The worker and its epoch."""
        return self.worker, self.epoch

    def watch(self) -> bool:
        """Depose dead workers; True when runs may have become free. Cheap when it is too early."""
        boot = self._clock.boot()
        if boot < self._next_watch and not self._sees_a_death(boot):
            return False
        freed = False
        rows = self._store.workers()
        looked, self._looked = self._looked, self._clock.boot()
        passed = min(self._looked - looked, self._lease // 2)
        self._meet(rows)
        before, self._seen = self._seen, {}
        for row in rows:
            if row.id == self.worker:
                self.taken = row.taken
            if row.gone or row.id == self.worker:
                continue
            beat, stood = before.get(row.id, (-1, 0))
            stood = stood + passed if beat == row.beat else 0
            if (row.lost or stood >= self._lease) and self._bury(row):
                freed = True
            else:
                self._seen[row.id] = (row.beat, stood)
        # Who stands still is looked at again just when its lease is over.
        longest = max((stood for _, stood in self._seen.values()), default=0)
        pause = min(self._lease // 5, WATCH_EVERY, max(self._lease - longest, LOST_EVERY))
        self._next_watch = boot + pause
        return freed

    def _sees_a_death(self, boot: int) -> bool:
        """Whether a lock tells the death of one who lived at the last look."""
        if boot < self._next_lost:
            return False
        self._next_lost = boot + LOST_EVERY
        return bool(self._store.lost(list(self.others)))

    def have_other_code(self, queue: str | None = None) -> bool:
        """Whether a worker lives that has other flows or nodes, and takes runs of that queue."""
        mine = about_in(self.about).code
        others = [one for one in self.others.values() if one.code != mine]
        return any(queue is None or one.serves(queue) for one in others)

    def _meet(self, rows: Sequence[WorkerRow]) -> None:
        """Note who else lives."""
        living = [r for r in rows if not (r.gone or r.lost) and r.id != self.worker]
        known = self.others
        self.others = {r.id: known[r.id] if r.id in known else about_of(r) for r in living}

    def _bury(self, row: WorkerRow) -> bool:
        """Depose a worker that is dead; True when it was done just now, by this one."""
        self.others.pop(row.id, None)
        if not self._store.depose(row.id, row.epoch):
            return False
        if self._store.records("pause", keys=[drain_key(row.id)]):
            self._say(row.id, None)
        why = "its process is gone" if row.lost else f"no heartbeat for {self._lease / 1e6:g} s"
        _log.warning("worker %d (%s, pid %d) is dead: %s", row.id, row.host, row.pid, why)
        return True

    def show_draining(self, *, drains: bool) -> None:
        """Write down that this worker drains, or that it has ended."""
        self._say(self.worker, "{}" if drains else None)

    def _say(self, worker: int, body: str | None) -> None:
        put = Put(kind="pause", key=drain_key(worker), body=body)
        self._store.write([put], at=self._clock.wall())

    def flights_of(self, worker: int) -> list[int]:
        """What stood on a worker's board, see ``records.flights``."""
        return self._store.in_flight(worker)
