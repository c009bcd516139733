"""A simulated worker: a real scheduler with its real client, in the simulation's one thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from random import Random
from typing import Any, cast

from everflow.clock import Clock
from everflow.config import Config
from everflow.core.node import Place
from everflow.core.ops import NodeOp
from everflow.core.registry import Registry
from everflow.engine.asking.client import Client, Started
from everflow.engine.calling.callee import Ended
from everflow.engine.cells.cell import Cell
from everflow.engine.driving.scheduler import Scheduler
from everflow.engine.nodes.attempts import Attempt
from everflow.errors import StoreError
from everflow.store import WORKER_SPAN, Batch, Store
from everflow.testing.performing import Performer
from everflow.testing.simulator.faulty import FaultyStore
from everflow.testing.simulator.ledger import Ledger
from everflow.testing.simulator.pool import StepPool
from everflow.testing.simulator.witness import Witness

__all__ = ["Worker"]

READS = 6  # turns in a row, at most


class Worker:
    """One process: scheduler, pool, committer and client over one ``FaultyStore``.

    ``holds`` is asked before each commit whether it is to wait for a ``flush``, as it would on the
    committer's own thread, and ``meanwhile`` called before one that doesn't.
    """

    def __init__(  # noqa: PLR0913 - the seams of a process
        self,
        name: int,
        store: FaultyStore,
        ledger: Ledger,
        clock: Clock,
        registry: Registry,
        config: Config,
        *,
        performer: Performer,
        witness: Witness,
        holds: Callable[[], bool],
        meanwhile: Callable[[], None],
    ) -> None:
        self.name = name
        self.store = store
        self.stalled = 0
        self.queued: Batch | None = None
        self._holds = holds
        self._meanwhile = meanwhile
        self._numbers = count(1)
        self.scheduler = Scheduler(
            cast("Store", store), registry, config, clock, host="simulated", pid=name
        )
        self.pool = StepPool(performer, self._tell, self._begun, witness.pooled)
        places = (Place.THREAD, Place.LOOP, Place.PROCESS)
        self.scheduler.pools.update(dict.fromkeys(places, self.pool))
        self.scheduler.committer = self
        self._ledger = ledger
        self._witness = witness
        self._ended = self.scheduler.dispatcher.ended
        self.scheduler.dispatcher.ended = self._ended_inline

        self.client = Client(
            cast("Store", store),
            registry,
            config,
            self.scheduler.clock,
            Random(name).randbytes,
            durable=False,
            owner=self._owner,
            started=self._started,
            nudge=lambda: self.scheduler.post(self.scheduler.adoption.nudge),
            unclear=lambda: self.scheduler.post(self.scheduler.adoption.look_for_lost),
        )

        self.scheduler.dispatcher.settler.client = self.client

    def turn(self) -> None:
        """Turns until nothing more is to be read; each of them reads of one kind."""
        for _ in range(READS):
            self.scheduler.turn()
            if not self.scheduler.adoption.hurried:
                return

    def open(self, given: Mapping[type[Any], Any]) -> None:
        """Enlist."""
        self.scheduler.open(given)

    @property
    def id(self) -> int:
        """The worker's id in the store, another one after each fence."""
        return self.scheduler.ownership.worker

    def commit(self, batch: Batch, *, here: bool) -> None:
        """Send a batch, now or when the world says so."""
        if not here and self._holds():
            self.queued = batch
        else:
            self._meanwhile()
            self._send(batch, self.scheduler.committed, self.scheduler.commit_failed)

    def flush(self) -> bool:
        """Send the batch that waits; how it went is posted, as from another thread."""
        batch, self.queued = self.queued, None
        if batch is None:
            return False
        scheduler = self.scheduler
        self._send(
            batch,
            lambda refused: scheduler.post(scheduler.committed, refused),
            lambda error: scheduler.post(scheduler.commit_failed, error),
        )
        return True

    def _send(
        self,
        batch: Batch,
        committed: Callable[[list[int]], None],
        failed: Callable[[StoreError], None],
    ) -> None:
        try:
            refused = self.store.append(batch)
        except StoreError as error:
            failed(error)
        else:
            committed(refused)

    def _tell(self, attempt: Attempt, end: Ended | None) -> None:
        self.scheduler.post(self.scheduler.attempt_ended, attempt, end)

    def _begun(self, attempt: Attempt) -> None:
        cell = self.scheduler.cells.get(attempt.no)
        op = cell.machine.state.ops.get(attempt.op) if cell is not None else None
        since = op.since if op is not None else 0
        self._ledger.began(self.id, attempt.no, attempt.op, since=since, pooled=True)

    def _ended_inline(self, cell: Cell, op: NodeOp, end: Ended) -> None:
        pure = self.scheduler.dispatcher.callee(cell, op).pure
        since = None if pure else op.since
        self._ledger.began(self.id, cell.row.no, op.id, since=since, pooled=False)
        self._witness.inline(cell, op, end)
        self._ended(cell, op, end)

    def _owner(self) -> tuple[int, int]:
        return self.id, self.id * WORKER_SPAN + next(self._numbers)

    def _started(self, started: Sequence[Started]) -> None:
        adoption = self.scheduler.adoption
        for row, definition, new, payload in started:
            if new.owner:
                self.scheduler.post(adoption.started, row, definition, new.at, payload)
            else:
                self.scheduler.post(adoption.claim_soon)
