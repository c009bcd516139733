"""A worker in the caller's thread, whose leases a test keeps by hand; its clock stands still."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from everflow import Config, Flow, Registry, flow
from everflow.core.node import Place
from everflow.engine.asking.client import Client
from everflow.engine.driving.commits import InlineCommitter
from everflow.engine.driving.scheduler import Scheduler
from everflow.engine.nodes.attempts import Attempt
from everflow.store import Batch, RunRow, SideRow, Store
from everflow.testing.clock import JumpClock

SECOND = 1_000_000


class Lender:
    """The other instance, by hand: what it lends up to when, and of which runs it has all."""

    def __init__(self, flows: Sequence[str] = ()) -> None:
        self.flows = set(flows)
        self.lent: dict[str, int] = {}
        self.leased: set[str] = set()
        self.has = True

    def until(self, run: str) -> int | None:
        return self.lent.get(run)

    def is_leased(self, run: str) -> bool:
        return run in self.leased

    def leases(self, flow: str) -> bool:
        return flow in self.flows

    def safe(self, run: str, seconds: float) -> bool:
        del run, seconds
        return self.has


class Worker:
    """One worker of a store. What is begun waits in ``begun``.

    ``before`` and ``after`` run around each commit.
    """

    def __init__(
        self, store: Store, registry: Registry, clock: JumpClock, lender: Lender | None = None
    ) -> None:
        self.store = store
        self.clock = clock
        self.lender = lender or Lender()
        self.begun: list[Attempt] = []
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None
        config = Config()
        self.scheduler = scheduler = Scheduler(store, registry, config, clock)
        scheduler.leases.tenures = self.lender
        scheduler.pools.update(dict.fromkeys((Place.THREAD, Place.LOOP, Place.PROCESS), self))
        scheduler.committer = InlineCommitter(self, scheduler.committed, scheduler.commit_failed)
        scheduler.open({})
        self.client = Client(
            store,
            registry,
            config,
            scheduler.clock,
            Random(1).randbytes,
            durable=False,
            nudge=scheduler.adoption.nudge,
            leases=scheduler.leases,
        )

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        self.before()
        refused = self.scheduler.leases.append(batch, side_rows)
        self.after()
        return refused

    def begin(self, attempt: Attempt) -> None:
        self.begun.append(attempt)

    def stop(self, attempt: Attempt) -> bool:
        return attempt.callee.place == Place.LOOP

    def close(self) -> None:
        self.begun.clear()

    def lend(self, run: RunRow, seconds: float) -> None:
        """The lease holds for so long from now on, and the worker is told."""
        self.lender.lent[run.id] = self.clock.boot() + round(seconds * SECOND)
        self.scheduler.post(self.scheduler.adoption.leasing.follow, run.id)

    def turns(self, many: int = 30) -> None:
        """Do all that there is to do."""
        self.scheduler.adoption.nudge()
        for _ in range(many):
            self.scheduler.turn()

    def perform(self) -> list[str]:
        """Have the begun attempts end; gives the nodes' names."""
        ended, self.begun = self.begun, []
        for attempt in ended:
            end = attempt.callee.perform(attempt.payload, attempt.run)
            self.scheduler.post(self.scheduler.attempt_ended, attempt, end)
        return [attempt.callee.name for attempt in ended]

    def now(self, run: RunRow) -> RunRow:
        """The run's row by now."""
        return self.store.rows([run.no])[0]

    def kinds(self, run: RunRow) -> list[str]:
        """The kinds of its entries."""
        return [body.split('"')[1] for _, _, body, _ in self.store.journal(run.no)]


class Ground:
    """A store with flows, and workers on it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.registry = Registry()
        self.clock = JumpClock()

    def flow(self, name: str, body: Any) -> Flow[Any, Any]:
        return flow(name, body, registry=self.registry)

    def worker(self, *flows: str) -> Worker:
        return Worker(self.store, self.registry, self.clock, Lender(flows))
