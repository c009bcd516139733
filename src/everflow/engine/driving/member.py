"""What an engine is as one of a fleet: a worker with a number, that may be told to end.

It is a part of ``Engine``: a line or two a method.
"""

from __future__ import annotations

from typing import Any

from everflow.core.node import Place
from everflow.engine.cells.tenures import Tenures
from everflow.engine.driving.scheduler import Scheduler
from everflow.engine.driving.worker import Worker
from everflow.engine.nodes.pools.local import ThreadPool
from everflow.errors import EngineClosed

__all__ = ["Member"]


class Member:
    """The worker of this process."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._scheduler: Scheduler | None = None
        self._pools: dict[str, Any] = {}
        self.cut: list[tuple[str, str]] = []

    @property
    def _running(self) -> tuple[Worker, Scheduler]:
        """The worker and its scheduler; EngineClosed when there are none."""
        worker, scheduler = self._worker, self._scheduler
        if worker is None or scheduler is None:
            raise EngineClosed(
                "the engine isn't running", hint="use it inside `with Engine(...) as engine:`"
            )
        return worker, scheduler

    @property
    def worker(self) -> int:
        """The number of this process's worker in the store; it has another once it was deposed."""
        return self._running[1].ownership.worker

    @property
    def fault(self) -> BaseException | None:
        """What stopped the engine by a fault of its own; None while it is well."""
        return None if self._worker is None else self._worker.fault

    @property
    def abandoned(self) -> list[tuple[str, str]]:
        """Nodes that were given up and still hold a thread: the run and the node of each."""
        self._running  # noqa: B018 - refuses an engine that isn't running
        held: ThreadPool = self._pools[Place.THREAD]
        return [(attempt.run.id, attempt.callee.name) for attempt in held.given_up()]

    @property
    def late(self) -> int:
        """How many results came for what was closed already: dropped, and counted."""
        return 0 if self._scheduler is None else self._scheduler.recorder.late

    # --- its end

    def drain(self) -> None:
        """Begin nothing more: what is begun may end, all else is left to other workers at once.

        The engine stays open as a client, and there is no way back; ``close`` drains, too.
        """
        worker, scheduler = self._running
        worker.post(scheduler.adoption.drain)

    @property
    def draining(self) -> bool:
        """Whether it was told to drain: here, or from afar (``everflow workers --drain``)."""
        return self._running[1].draining.active

    def _end_pools(self) -> None:
        for pool in self._pools.values():
            pool.close()

    # --- leases

    def keep_leases(self, tenures: Tenures | None) -> None:
        """Run leased runs here from now on, while these hold their leases; None: no more."""
        self._running[1].leases.tenures = tenures

    def lease_changed(self, run: str) -> None:
        """A run's lease may hold now, or it isn't leased any more. From any thread."""
        self._running[0].post(self._running[1].adoption.leasing.follow, run)
