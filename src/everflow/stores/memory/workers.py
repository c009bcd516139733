"""Workers, and what there is for them to do."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice

from msgspec.structs import replace

from everflow.errors import Fenced
from everflow.store import (
    ACTIVE,
    Arrival,
    Cancel,
    Holding,
    RunRow,
    Status,
    StoreInfo,
    Unpause,
    UpgradeTo,
    WorkerRow,
)
from everflow.stores.memory.tables import RESTING, TIMED, Tables, age, copied, locked

HELD = ACTIVE | RESTING


class Workers(Tables):
    """The verbs of workers, claims and timers."""

    @locked
    def info(self) -> StoreInfo:
        """What the store says of itself."""
        return copy.copy(self._info)

    def close(self) -> None:
        """Nothing to let go of: the data stays for the next engine."""

    def version(self) -> int:
        """How often anybody wrote."""
        return self._version

    def heed(self, react: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG002 - never called
        """Whoever writes is in this process, and says so."""
        return lambda: None

    @locked
    def enlist(self, *, host: str, pid: int, at: int, about: str = "") -> WorkerRow:
        """A new worker."""
        worker = WorkerRow(
            id=len(self._workers) + 1,
            epoch=1,
            number=0,
            beat=0,
            host=host,
            pid=pid,
            since=at,
            gone=False,
            lost=False,
            about=about,
        )
        self._workers[worker.id] = worker
        return copy.copy(worker)

    @locked
    def beat(self, worker: int) -> None:
        """Advance the heartbeat counter."""
        if worker in self._workers:
            self._workers[worker].beat += 1

    @locked
    def flights(self, worker: int, slots: int) -> list[int]:
        """The worker's board: the list itself, no copy."""
        board = self._boards.setdefault(worker, [])
        board.extend([0] * (slots - len(board)))
        return board

    @locked
    def in_flight(self, worker: int) -> list[int]:
        """What stands on the board."""
        return [no for no in self._boards.get(worker, ()) if no]

    @locked
    def workers(self) -> list[WorkerRow]:
        """All workers; none is ever forgotten."""
        taken = {worker for worker, runs in self._taken.items() if runs and self._lives(worker)}
        return [replace(worker, taken=worker.id in taken) for worker in self._workers.values()]

    @locked
    def holding(self, workers: Sequence[int], *, most: int = 10_000) -> list[Holding]:
        """What each of these workers owns."""
        most = max(most, 0)
        newest = sorted(self._runs.values(), key=age, reverse=True)
        alike = {status: [run for run in newest if run.status is status] for status in HELD}
        counted = {s: Counter(run.owner for run in runs[:most]) for s, runs in alike.items()}
        more = any(len(runs) > most for runs in alike.values())
        held = [Holding(worker=w, active=0, resting=0, next_due=None, more=more) for w in workers]
        for row in held:
            if row.worker in self._workers:
                row.active = sum(counted[status][row.worker] for status in ACTIVE)
                row.resting = sum(counted[status][row.worker] for status in RESTING)
                row.next_due = next((due for due, _ in self._timers(row.worker)), None)
        return held

    @locked
    def lost(self, workers: Sequence[int]) -> list[int]:
        """Those that were killed."""
        return [w for w in workers if w in self._workers and self._workers[w].lost]

    @locked
    def taken_from(self, worker: int) -> list[int]:
        """The runs that were taken from the worker."""
        return sorted(self._taken.get(worker, ()) if self._lives(worker) else ())

    @locked
    def kill(self, worker: int) -> None:
        """Let the worker look dead at once, as after ``kill -9`` on this host."""
        self._workers[worker].lost = True

    @locked
    def depose(self, worker: int, epoch: int) -> bool:
        """End the epoch of a worker taken for dead."""
        if not self._lives(worker) or self._workers[worker].epoch != epoch:
            return False
        self._end(worker)
        return True

    @locked
    def retire(self, worker: int) -> None:
        """End the worker's own epoch and free its runs."""
        if self._lives(worker):
            self._end(worker)
            for run in self._owned(worker):
                run.owner = 0

    def _end(self, worker: int) -> None:
        self._workers[worker].epoch += 1
        self._workers[worker].gone = True
        self._version += 1

    @locked
    def claim(
        self,
        worker: int,
        *,
        now: int,
        limit: int,
        without: Sequence[str] = (),
        code: int = 0,
        leased: Sequence[int] = (),
        queues: Sequence[str] | None = None,
    ) -> list[RunRow]:
        """Take runs that nobody living owns and that have something to do."""
        if not self._lives(worker):
            raise Fenced(f"worker {worker} was deposed", hint="enlist again")
        cancels = {a.no for a in self._inbox.values() if isinstance(a.message, Cancel)}
        moving = {
            a.no
            for a in self._inbox.values()
            if isinstance(a.message, UpgradeTo) and a.message.definition not in without
        }
        busy = self._busy()
        free = [
            run
            for run in self._runs.values()
            if not self._lives(run.owner)
            and run.no not in self._taken.get(worker, ())
            and (not run.leased or run.no in leased)
            and (queues is None or run.queue in queues)
            and (run.definition not in without or run.no in cancels | moving)
            and not self._is_barred(run, worker, code)
            and (run.no in busy or (run.status in RESTING and _is_due(run, now)))
        ]
        taken = sorted(free, key=age)[: max(limit, 0)]
        before = [copied(run) for run in taken]
        for run in taken:
            run.owner = worker
        return before

    def _busy(self) -> set[int]:
        """The runs that have something to do, but for those whose time comes."""
        posted = {arrival.no for arrival in self._inbox.values()}
        cancels = {a.no for a in self._inbox.values() if isinstance(a.message, Cancel)}
        woken = {a.no for a in self._inbox.values() if isinstance(a.message, Unpause)}
        return {
            run.no
            for run in self._runs.values()
            if (run.status in ACTIVE and (run.cancel or not waits(run)))
            or (run.status is Status.BLOCKED and run.until in {"code", "store"})
            or (run.status is Status.BLOCKED and run.no in cancels)
            or (run.status is Status.PAUSED and run.no in woken)
            or (run.status in RESTING and run.no in posted)
        }

    @locked
    def owned(self, worker: int) -> list[int]:
        """The worker's own runs that have something to do."""
        busy = self._busy()
        mine = [run for run in self._owned(worker) if run.no in busy and not run.leased]
        return [run.no for run in sorted(mine, key=age)]

    def _is_barred(self, run: RunRow, worker: int, code: int) -> bool:
        blocked = run.status is Status.BLOCKED
        return blocked and self._unfit.get(run.no, {}).get(worker) == code

    @locked
    def release(self, worker: int, nos: Sequence[int]) -> None:
        """Give runs back, unowned."""
        for no in nos:
            run = self._runs.get(no)
            if run is not None and run.owner == worker and self._lives(worker):
                run.owner = 0
                self._version += 1

    @locked
    def arrivals(self, worker: int, *, after: int, limit: int) -> list[Arrival]:
        """The inbox of the worker's own runs."""
        mine = {run.no for run in self._owned(worker)}
        later = (arrival for arrival in self._arrivals(mine) if arrival.id > after)
        return list(islice(later, max(limit, 0)))

    @locked
    def due(self, worker: int, *, now: int, limit: int) -> list[int]:
        """The worker's own resting runs whose timer is due."""
        return [no for due, no in self._timers(worker) if due <= now][: max(limit, 0)]

    @locked
    def next_due(self, worker: int) -> int | None:
        """When the next timer is due."""
        if not worker:
            free = [run for run in self._runs.values() if not self._lives(run.owner)]
            dues = [run.due for run in free if run.status in TIMED and not run.leased]
            return min((due for due in dues if due is not None), default=None)
        return next((due for due, _ in self._timers(worker)), None)

    def _timers(self, worker: int) -> list[tuple[int, int]]:
        return sorted(
            (run.due, run.no)
            for run in self._owned(worker)
            if run.status in TIMED and run.due is not None
        )


def waits(run: RunRow) -> bool:
    """Whether it waits for its place in a queue."""
    return bool(run.status is Status.QUEUED and run.queue and run.admitted is None)


def _is_due(run: RunRow, now: int) -> bool:
    return run.due is not None and run.due <= now
