"""``connect``: a client that executes nothing, for web processes, scripts and the command line."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar, Unpack

from everflow.clock import Clock, RunClock, SystemClock
from everflow.config import Config
from everflow.core.flow import Flow
from everflow.core.registry import Registry, default_registry
from everflow.engine.asking.client import Client
from everflow.engine.asking.runs import Changes, Run
from everflow.engine.faces.aio import AsyncEngine
from everflow.engine.faces.places import is_durable, open_store
from everflow.engine.faces.verbs import Operating
from everflow.engine.given.ids import Random, system_random
from everflow.engine.given.replies import Reply
from everflow.engine.records.queues import InQueue, Queues
from everflow.engine.schedules.book import Book
from everflow.store import QuestionRow, RunQuery, RunRow, Store
from everflow.store.keys import Keys

__all__ = ["Connection", "connect"]

Out = TypeVar("Out")


class Connection(Operating[Run[Any]]):
    """A store's runs, to start, answer, cancel and look at. What is started waits for a worker."""

    def __init__(
        self,
        store: Store | str | os.PathLike[str],
        *,
        registry: Registry | None = None,
        config: Config | None = None,
        clock: Clock | None = None,
        random: Random = system_random,
        create: bool = False,
        encryption: Keys | None = None,
    ) -> None:
        settings = config or Config()
        self.store, self._ours = open_store(
            store,
            create=create,
            encryption=encryption,
            aside_over=settings.aside_over,
            fleet=settings.fleet,
        )
        self._clock = clock or SystemClock()
        runs = RunClock(self._clock, self.store.info().highest)  # never before what workers wrote
        self.client = Client(
            self.store,
            registry or default_registry(),
            settings,
            runs,
            random,
            durable=is_durable(self.store),
        )
        self.schedules = Book(self.client, runs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    async def __aenter__(self) -> AsyncEngine:
        """The async face: the same calls, awaited."""
        return AsyncEngine(lambda: self.client, Changes(), lambda: self.schedules)

    async def __aexit__(self, *_raised: object) -> None:
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Let go of the store."""
        if self._ours:
            self.store.close()

    def start(
        self,
        flow: Flow[Any, Out] | str,
        value: Any = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        **place: Unpack[InQueue],
    ) -> Run[Out]:
        """Start a run, for a worker to take; it is durable when this returns."""
        return self._run(self.client.start(flow, value, key=key, labels=labels, **place).id)

    def start_all(
        self,
        flow: Flow[Any, Out] | str,
        values: Sequence[Any],
        *,
        labels: Mapping[str, str] | None = None,
        **place: Unpack[InQueue],
    ) -> list[Run[Out]]:
        """Start a run with these labels for each value, in few transactions."""
        rows = self.client.start_all(flow, values, labels=labels, **place)
        return [self._run(row.id) for row in rows]

    @property
    def queues(self) -> Queues:
        """The store's queues: to declare, look at, change and remove."""
        return self.client.queues

    def answer(self, token: str, value: Any, *, key: str | None = None, by: str = "") -> Reply:
        """Answer the question of that token; say what became of it."""
        return self.client.answer(token, value, key=key, by=by)

    def answer_all(self, answers: Sequence[tuple[str, Any]], *, by: str = "") -> list[Reply]:
        """Answer many questions by their tokens, in few transactions; what became of each."""
        return self.client.answer_all(answers, by=by)

    def resume(
        self, run: str, value: Any, *, tag: str | None = None, key: str | None = None, by: str = ""
    ) -> Reply:
        """Answer the one open question of a run, or its one of that tag."""
        return self.client.resume(run, value, tag=tag, key=key, by=by)

    def signal(
        self, run: str, name: str, value: Any = None, *, key: str | None = None, by: str = ""
    ) -> None:
        """Send a named message to a run; it is kept until the run comes to ``receive(name)``."""
        self.client.signal(run, name, value, key=key, by=by)

    def cancel(self, run: str, *, by: str = "") -> None:
        """Have a run end."""
        self.client.cancel(run, by=by)

    def run(self, run: str) -> Run[Any]:
        """The handle of a run; NoSuchRun when there is none."""
        return self._run(self.client.row(run).id)

    def runs(self, query: RunQuery | None = None) -> list[RunRow]:
        """Runs by filters, a page at a time."""
        return self.store.runs(query or RunQuery())

    def questions(self, run: str | None = None) -> list[QuestionRow]:
        """The open questions, of one run or of all."""
        return self.client.questions(run)

    def _calls(self) -> Client:
        return self.client

    def _handle(self, run: str) -> Run[Any]:
        return self._run(run)

    def _run(self, run: str) -> Run[Any]:
        return Run(run, self.store, self.client.registry.types, self._clock)


def connect(store: Store | str | os.PathLike[str], **settings: Any) -> Connection:
    """Open a store without executing anything, for ``with`` or ``async with``: ``Connection``."""
    return Connection(store, **settings)
