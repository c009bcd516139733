"""The engine: a client that executes. Two thin faces, sync and async, over the same calls.

A face delegates, a line or two a method. What it does itself is to refuse calls from where they
would hang: from inside a node or an event loop, after a fork, before the start, after the end.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from everflow.clock import Clock, SystemClock
from everflow.config import Config
from everflow.core.flow import Flow
from everflow.core.node import Place
from everflow.core.registry import Registry, default_registry
from everflow.engine.asking.client import Client, Started
from everflow.engine.asking.runs import Changes, Run
from everflow.engine.calling.noderun import Progress, current
from everflow.engine.driving.member import Member
from everflow.engine.driving.scheduler import Scheduler
from everflow.engine.driving.worker import Worker, until_idle
from everflow.engine.faces.aio import AsyncEngine
from everflow.engine.faces.places import is_durable, open_store
from everflow.engine.faces.upkeep import Upkeep, id_of
from everflow.engine.faces.verbs import Operating
from everflow.engine.given.dependencies import check_needs, needs_in, needs_of, offered, open_all
from everflow.engine.given.ids import Random, system_random
from everflow.engine.given.replies import Reply
from everflow.engine.nodes.pools.local import LoopPool, ThreadPool
from everflow.engine.nodes.pools.processes import ProcessPool
from everflow.engine.records.currents import write_currents
from everflow.engine.records.fleet import text_of
from everflow.engine.records.queues import InQueue, Queues
from everflow.engine.schedules.book import Book
from everflow.engine.schedules.spec import Schedule
from everflow.errors import EngineClosed, NotOnThisThread
from everflow.store import WORKER_SPAN, QuestionRow, RunQuery, RunRow, Store
from everflow.store.keys import Keys

__all__ = ["Engine"]

In = TypeVar("In")
Out = TypeVar("Out")
Where = Store | str | os.PathLike[str]


class Engine(Upkeep, Member, Operating[Run[Any]]):
    """Executes runs on a store: ``with Engine("everflow.db") as engine: ...``.

    ``store``: a path, ``":memory:"``, or a store. ``provide``: a maker for each type nodes need.
    ``registry``: whose flows and nodes it knows, the default one unless given. ``progress`` is told
    how far nodes are: (run, position, fraction from 0 to 1 or -1 for a heartbeat, message).
    A ``guest`` leaves runs that need other code alone, instead of blocking them until it is there.
    ``encryption``: the keys with which all that goes into the store is sealed. ``schedules`` are
    written to the store, where their declaration is new or has changed. ``queues``: it executes
    runs of these queues alone ("" for runs of none); see ``Config``, too. ``name``: what people
    know it by.
    """

    def __init__(  # noqa: PLR0913 - the seams of a process
        self,
        store: Where = "everflow.db",
        *,
        provide: Mapping[type[Any], Any] | None = None,
        registry: Registry | None = None,
        config: Config | None = None,
        clock: Clock | None = None,
        random: Random = system_random,
        progress: Progress | None = None,
        guest: bool = False,
        encryption: Keys | None = None,
        schedules: Sequence[Schedule] = (),
        queues: Sequence[str] | None = None,
        name: str = "",
    ) -> None:
        super().__init__()
        config = config or Config()
        self.config = config if queues is None else replace(config, queues=tuple(queues))
        self._name = name
        self.registry = registry or default_registry()
        self.changes = Changes(progress, tries=not guest)
        self._where = store
        self._encryption = encryption
        self._provide = dict(provide or {})
        self._clock = clock or SystemClock()
        self._random = random
        self._guest = guest
        self._declared = tuple(schedules)
        self._stack = ExitStack()
        self._numbers = count(1)
        self._pid = 0
        self._client: Client | None = None

    # --- its life

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    async def __aenter__(self) -> AsyncEngine:
        """The async face; async nodes run on this loop."""
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self.open, loop)
        return AsyncEngine(self._alive, self.changes, self._book)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)

    def open(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Open the store and what is provided, enlist as a worker, and begin to execute."""
        if self._worker is not None:
            raise EngineClosed("the engine runs already", hint="enter it once")
        with ExitStack() as stack:
            store, ours = open_store(
                self._where,
                encryption=self._encryption,
                aside_over=self.config.aside_over,
                fleet=self.config.fleet,
            )
            if ours:
                stack.callback(store.close)
            self._provide = {**offered(store), **self._provide}
            for name in self.registry.flows:
                check_needs(self.registry.once(name, needs_of), self._provide)
            given = open_all(self._provide, stack)
            self._begin(store, given, loop, stack)
            self._stack = stack.pop_all()
        try:
            if not self._guest:
                client = self._alive()
                write_currents(client.store, self.registry, at=client.clock.wall())
            self._book().declare(self._declared)
        except BaseException:
            self.close()
            raise

    def _begin(
        self,
        store: Store,
        given: dict[type[Any], Any],
        loop: asyncio.AbstractEventLoop | None,
        stack: ExitStack,
    ) -> None:
        scheduler = Scheduler(
            store,
            self.registry,
            self.config,
            self._clock,
            progress=self.changes.progressed,
            wrote=self.changes.wrote,
            host=socket.gethostname(),
            pid=os.getpid(),
            guest=self._guest,
        )
        worker = Worker(scheduler, self.config, self.changes.tell)

        def tell(attempt: Any, end: Any) -> None:
            worker.post(scheduler.attempt_ended, attempt, end)

        pools = self._pools = {
            Place.THREAD: ThreadPool(self.config.threads, tell),
            Place.LOOP: LoopPool(tell, loop),
            Place.PROCESS: ProcessPool(
                self.config.processes, tell, self._provide, self.registry.types
            ),
        }
        scheduler.pools.update(pools)
        stack.callback(self._end_pools)
        scheduler.open(given, text_of(self.config, self.registry, self._name))
        self._pid, self._scheduler, self._worker = os.getpid(), scheduler, worker
        scheduler.dispatcher.settler.client = self._client = Client(
            store,
            self.registry,
            self.config,
            scheduler.clock,
            self._random,
            durable=is_durable(store),
            admit=lambda definition: check_needs(needs_in(definition.program), self._provide),
            owner=self._next_number,
            started=self._started,
            nudge=lambda: worker.post(scheduler.adoption.nudge),
            unclear=lambda: worker.post(scheduler.doubt),
            leases=scheduler.leases,
        )
        worker.start()

    def close(self) -> None:
        """Stop executing, let what is begun be recorded, close all. Closing twice is no error."""
        worker, self._worker = self._worker, None
        if worker is None or os.getpid() != self._pid:
            return
        worker.close(self.config.drain_s, self._end_pools)
        self.cut = worker.cut
        self.changes.tell()
        self._stack.close()

    # --- what it is asked

    @property
    def client(self) -> Client:
        """The calls themselves, without the guard."""
        if self._client is None or self._worker is None:
            raise EngineClosed(
                "the engine isn't running", hint="use it inside `with Engine(...) as engine:`"
            )
        return self._client

    def start(
        self,
        flow: Flow[In, Out] | str,
        value: In | Any = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        **place: Unpack[InQueue],
    ) -> Run[Out]:
        """Start a durable run; the same ``key`` gives the same run. For queues see ``InQueue``."""
        return self._run(self._guarded().start(flow, value, key=key, labels=labels, **place).id)

    def start_all(
        self,
        flow: Flow[In, Out] | str,
        values: Sequence[In],
        *,
        labels: Mapping[str, str] | None = None,
        **place: Unpack[InQueue],
    ) -> list[Run[Out]]:
        """Start a run with these labels for each value, in as few transactions as go."""
        rows = self._guarded().start_all(flow, values, labels=labels, **place)
        return [self._run(row.id) for row in rows]

    @property
    def queues(self) -> Queues:
        """The store's queues: to declare, look at, change and remove."""
        return self._guarded().queues

    def answer(self, token: str, value: Any, *, key: str | None = None, by: str = "") -> Reply:
        """Answer the question of that token; say what became of it."""
        return self._guarded().answer(token, value, key=key, by=by)

    def answer_all(self, answers: Sequence[tuple[str, Any]], *, by: str = "") -> list[Reply]:
        """Answer many questions by their tokens, in few transactions; what became of each."""
        return self._guarded().answer_all(answers, by=by)

    def resume(
        self,
        run: Run[Any] | str,
        value: Any,
        *,
        tag: str | None = None,
        key: str | None = None,
        by: str = "",
    ) -> Reply:
        """Answer the one open question of a run, or its one of that tag."""
        return self._guarded().resume(id_of(run), value, tag=tag, key=key, by=by)

    def signal(
        self,
        run: Run[Any] | str,
        name: str,
        value: Any = None,
        *,
        key: str | None = None,
        by: str = "",
    ) -> None:
        """Send a named message to a run; it is kept until the run comes to ``receive(name)``."""
        self._guarded().signal(id_of(run), name, value, key=key, by=by)

    def cancel(self, run: Run[Any] | str, *, by: str = "") -> None:
        """Have a run end. Once this returns, no other outcome is possible."""
        self._guarded().cancel(id_of(run), by=by)

    def run(self, run: str) -> Run[Any]:
        """The handle of a run; NoSuchRun when there is none."""
        return self._run(self._guarded().row(run).id)

    def runs(self, query: RunQuery | None = None) -> list[RunRow]:
        """Runs by filters, in a stable order, a page at a time."""
        return self._guarded().store.runs(query or RunQuery())

    def questions(self, run: Run[Any] | str | None = None) -> list[QuestionRow]:
        """The open questions, of one run or of all."""
        return self._guarded().questions(None if run is None else id_of(run))

    def join(self, timeout: float = 60.0) -> bool:
        """Wait until every run is finished or waits. False when the time is over."""
        self._guarded()
        return until_idle(*self._running, self._clock, timeout)

    # --- inside

    def _book(self) -> Book:
        worker, scheduler = self._running
        return Book(self._alive(), scheduler.clock, lambda: worker.post(scheduler.ticker.stir))

    def _alive(self) -> Client:
        """The client, if the engine still executes."""
        client = self.client
        if os.getpid() != self._pid:
            raise EngineClosed(
                "this process was forked after the engine started, and has no part in it",
                hint="make an Engine in this process, or use connect(store)",
            )
        worker, _ = self._running
        if worker.fault is not None:
            raise EngineClosed(f"the engine stopped by a fault of its own: {worker.fault!r}")
        return client

    def _guarded(self) -> Client:
        """The client, if the caller may block here."""
        client, worker = self._alive(), self._worker
        if (worker is not None and worker.is_mine) or current.get() is not None:
            raise NotOnThisThread(
                "the engine was called from inside a node, which would wait for itself",
                hint="return the value that another node is to act on, or use the flow",
            )
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return client
        raise NotOnThisThread(
            "the sync face was called on an event loop, which it would hold up",
            hint="async with Engine(...) as engine: run = await engine.start(...)",
        )

    def _calls(self) -> Client:
        return self._guarded()

    def _handle(self, run: str) -> Run[Any]:
        return self._run(run)

    def _run(self, run: str) -> Run[Any]:
        client = self.client
        types, changes, guard = self.registry.types, self.changes, self._may_wait
        return Run(run, client.store, types, self._clock, changes, guard, client.leases)

    def _may_wait(self) -> None:
        if self._worker is not None:
            self._guarded()

    def _next_number(self) -> tuple[int, int]:
        """The owner and number of a new run: none where it is left to others."""
        _, scheduler = self._running
        full = scheduler.load >= self.config.live_runs
        ending = scheduler.draining.active
        if full or ending or not self.config.serves("") or not scheduler.sharing.takes_start():
            return 0, 0
        worker = scheduler.ownership.worker
        return worker, worker * WORKER_SPAN + next(self._numbers)

    def _started(self, started: Sequence[Started]) -> None:
        worker, scheduler = self._worker, self._scheduler
        if worker is None or scheduler is None:
            return
        for row, definition, new, payload in started:
            if new.owner:
                worker.post(scheduler.adoption.started, row, definition, new.at, payload)
            else:
                worker.post(scheduler.adoption.claim_soon)
