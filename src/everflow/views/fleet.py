"""The workers of a store from outside: who lives, what they hold, and what nobody takes.

A worker's age since its last heartbeat is by the observer's own clock, as leases are: so a look
takes until each that lives has been seen to beat, and a lease at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Sequence
from typing import Any

from everflow.clock import Clock
from everflow.core.ops import NodeOp
from everflow.engine.records.fleet import about_of, drain_key, serving
from everflow.store import Holding, RunQuery, RunRow, Status, Store, WorkerRow
from everflow.views.standing import machine_of
from everflow.views.times import instant

__all__ = ["Beats", "unserved", "worker_views"]

STEP = 0.05  # seconds between looks
MICRO = 1_000_000


class Beats:
    """Watches heartbeats: when each was last seen to move, by the boot clock of who watches."""

    def __init__(self, store: Store, clock: Clock, lease_s: float) -> None:
        self._store = store
        self._clock = clock
        self._lease = round(lease_s * MICRO)
        self._since = clock.boot()
        self._seen: dict[int, tuple[int, int | None]] = {}  # worker -> beat, when it moved

    def look(self) -> list[WorkerRow]:
        """The workers as they are now."""
        rows, boot = self._store.workers(), self._clock.boot()
        for row in rows:
            beat, moved = self._seen.get(row.id, (row.beat, None))
            self._seen[row.id] = (row.beat, moved if beat == row.beat else boot)
        return rows

    def settle(self, pause: Callable[[float], object] | None = None) -> list[WorkerRow]:
        """Look until each that lives was seen to beat, or stood for the lease."""
        wait = pause or threading.Event().wait
        while True:
            rows = self.look()
            still = any(
                self._seen[row.id][1] is None and not (row.gone or row.lost) for row in rows
            )
            if not still or self._clock.boot() - self._since >= self._lease:
                return rows
            wait(STEP)

    def age(self, row: WorkerRow) -> int | None:
        """Microseconds since its beat was seen to move; None when it wasn't."""
        moved = self._seen.get(row.id, (0, None))[1]
        return None if moved is None else self._clock.boot() - moved

    def is_stale(self, row: WorkerRow) -> bool:
        """Whether it stood for the whole lease."""
        moved = self._seen.get(row.id, (0, None))[1]
        return self._clock.boot() - (self._since if moved is None else moved) >= self._lease


def worker_views(
    store: Store, beats: Beats, rows: Sequence[WorkerRow], *, flights: bool = False
) -> list[dict[str, Any]]:
    """``id``, ``name``, ``host``, ``pid``, ``since``, ``state``, ``beat``, ``queues`` and so on.

    ``state``: working, draining, stale (no heartbeat for a lease), dead (others have its runs that
    go on, or are about to), stopped (it has none, but perhaps some at rest: others take each as
    something comes for it). ``beat``: seconds since it was seen to beat, None where it wasn't.
    ``active`` and ``resting`` runs that it owns, of which there may be ``more``. ``on_trial``: how
    many suspects of a death it tries, with nothing beside them. With ``flights`` the ``runs`` in
    flight, with the positions of their nodes.
    """
    held = {one.worker: one for one in store.holding([row.id for row in rows])}
    told = store.records("pause", keys=[drain_key(row.id) for row in rows]) if rows else []
    draining = {record.key for record in told}
    views = []
    for row in rows:
        view = _view(row, held[row.id], beats, drains=drain_key(row.id) in draining)
        board = [] if row.gone else store.in_flight(row.id)
        nos, tried = sorted({no for no in board if no > 0}), {-no for no in board if no < 0}
        view["in_flight"], view["on_trial"] = len(nos), len(tried)
        if flights:
            view["runs"] = [_flight(store, run, tried) for run in store.rows(nos)]
        views.append(view)
    return views


def _view(row: WorkerRow, held: Holding, beats: Beats, *, drains: bool) -> dict[str, Any]:
    about, age = about_of(row), beats.age(row)
    return {
        "id": row.id,
        "name": about.name,
        "host": row.host,
        "pid": row.pid,
        "since": instant(row.since),
        "state": _state(row, held, stale=beats.is_stale(row), drains=drains),
        "beat": None if age is None else round(age / MICRO, 3),
        "queues": None if about.queues is None else list(about.queues),
        "release": about.release,
        "code": about.code,
        "active": held.active,
        "resting": held.resting,
        "more": held.more,
        "next_due": None if held.next_due is None else instant(held.next_due),
    }


def _state(row: WorkerRow, held: Holding, *, stale: bool, drains: bool) -> str:
    if row.gone or row.lost:
        return "dead" if held.active else "stopped"
    if stale:
        return "stale"
    return "draining" if drains else "working"


def _flight(store: Store, row: RunRow, tried: Container[int]) -> dict[str, Any]:
    machine = machine_of(store, row)
    ops = machine.commands() if machine is not None else []
    open_ = [op for op in ops if isinstance(op, NodeOp) and not op.asking]
    nodes = [{"position": op.position, "node": op.node} for op in open_]
    return {
        "run": row.id,
        "flow": row.flow,
        "queue": row.queue,
        "nodes": nodes,
        "on_trial": row.no in tried,
    }


def unserved(store: Store) -> dict[str, int]:
    """By queue how many runs wait, of those that no living worker serves; "" is for none."""
    workers = store.workers()
    found = {}
    for queue in ("", *store.waiting()):
        if not serving(workers, queue):
            query = RunQuery(status=(Status.QUEUED,), queue=queue)
            found[queue] = sum(store.count(query).values())
    return {queue: number for queue, number in found.items() if number}
