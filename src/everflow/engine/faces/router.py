"""Several stores as one, for clients: past what one server bears; for ``async with``, awaited.

A run's home is told by its id: of its ten random bytes the first is the number of its store. That
is only where to look first: a run whose id was minted without it (a child, a scheduled run of a
worker that wasn't told) is looked for in all. Nothing else is shared between the stores: each has
workers, queues and schedules of its own, and no transaction spans two.

Twins: the sharded clients of Vitess and Citus, with the run for the row.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from hashlib import sha256
from heapq import merge
from itertools import chain, islice
from typing import Any, Self, TypeVar, Unpack

from msgspec.structs import replace

from everflow.core.flow import Flow
from everflow.engine.asking.runs import Changes, Run
from everflow.engine.faces.aio import AsyncRun
from everflow.engine.faces.connect import Connection
from everflow.engine.given.ids import Random, home_of, homed, is_run_id
from everflow.engine.given.replies import Reply, split_token
from everflow.engine.records.queues import InQueue
from everflow.errors import ConfigurationError, NoSuchRun
from everflow.store import QuestionRow, RunQuery, RunRow, Status, Store

__all__ = ["AsyncRouter", "Router"]

Out = TypeVar("Out")
MOST = 256  # stores


class Router:
    """The runs of several stores, to start, answer, cancel and look at.

    A store's place in ``stores`` is its number for ever: new ones are added at the end, and none is
    taken out before its last run is. ``keyed``: over how many of them, the first ones, keys are
    spread; all of them unless said otherwise. When it grows, keys that were used before begin new
    runs where they have another home now: so let it grow when no start is repeated.
    """

    def __init__(
        self,
        stores: Sequence[Store | str | os.PathLike[str]],
        *,
        keyed: int | None = None,
        **settings: Any,
    ) -> None:
        self._keyed = len(stores) if keyed is None else keyed
        if not 0 < self._keyed <= len(stores) <= MOST:
            raise ConfigurationError(
                f"a router has 1 to {MOST} stores, and keys are spread over one of them at least"
            )
        self.homes: list[Connection] = []
        try:
            for number, store in enumerate(stores):
                self.homes.append(Connection(store, random=homed(number), **settings))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    async def __aenter__(self) -> AsyncRouter:
        """The async face."""
        return AsyncRouter(self)

    async def __aexit__(self, *_raised: object) -> None:
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Let go of the stores."""
        for home in self.homes:
            home.close()

    @staticmethod
    def minting(number: int) -> Random:
        """For ``Engine(store, random=...)``: whatever it starts tells its home, too."""
        return homed(number)

    def start(
        self,
        flow: Flow[Any, Out] | str,
        value: Any = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        **place: Unpack[InQueue],
    ) -> Run[Out]:
        """Start a run: with a key in the key's home, so that it is one run, else in any."""
        home = self.home_to_start(flow, key)
        return home.start(flow, value, key=key, labels=labels, **place)

    def home_to_start(self, flow: Flow[Any, Any] | str, key: str | None) -> Connection:
        """The store in which a run begins: the key's home, any where there is no key."""
        return self._any_home() if key is None else self._home_of_key(flow, key)

    def _any_home(self) -> Connection:
        return self.homes[int.from_bytes(os.urandom(4)) % len(self.homes)]

    def _home_of_key(self, flow: Flow[Any, Any] | str, key: str) -> Connection:
        """By rendezvous: a new store takes its share of the keys, and no other key moves.

        Source: Thaler and Ravishankar, "Using name-based mappings", 1998.
        """
        name = flow if isinstance(flow, str) else flow.name_of_flow
        text = f"{name}\0{key}"
        ranks = [sha256(f"{nth}\0{text}".encode()).digest() for nth in range(self._keyed)]
        return self.homes[ranks.index(max(ranks))]

    def home(self, run: str) -> Connection:
        """The store that has a run; NoSuchRun when none has it."""
        first = home_of(run) if is_run_id(run) else 0
        for number in sorted(range(len(self.homes)), key=lambda nth: nth != first):
            try:
                self.homes[number].client.row(run)
            except NoSuchRun:
                continue
            return self.homes[number]
        raise NoSuchRun(f"there is no run {run!r:.80} in any of {len(self.homes)} stores", run=run)

    def run(self, run: str) -> Run[Any]:
        """The handle of a run; NoSuchRun when there is none."""
        return self.home(run).run(run)

    def answer(self, token: str, value: Any, *, key: str | None = None, by: str = "") -> Reply:
        """Answer the question of that token; say what became of it."""
        return self.home(split_token(token)[0]).answer(token, value, key=key, by=by)

    def resume(
        self, run: str, value: Any, *, tag: str | None = None, key: str | None = None, by: str = ""
    ) -> Reply:
        """Answer the one open question of a run, or its one of that tag."""
        return self.home(run).resume(run, value, tag=tag, key=key, by=by)

    def signal(
        self, run: str, name: str, value: Any = None, *, key: str | None = None, by: str = ""
    ) -> None:
        """Send a named message to a run."""
        self.home(run).signal(run, name, value, key=key, by=by)

    def cancel(self, run: str, *, by: str = "") -> None:
        """Have a run end."""
        self.home(run).cancel(run, by=by)

    def runs(self, query: RunQuery | None = None) -> Iterator[RunRow]:
        """All runs by filters, in the query's order over all stores, read a page at a time.

        ``limit`` is the size of a page of one store. A page mark (``after``) is one store's own:
        ConfigurationError here; take as many as are wanted instead.
        """
        asked = query or RunQuery()
        if asked.after:
            raise ConfigurationError("a page mark is a run of one store: page by taking more")
        pages = [_all_runs(home, asked) for home in self.homes]
        return merge(*pages, key=lambda row: row.created, reverse=asked.newest_first)

    def count(self, query: RunQuery | None = None) -> dict[Status, int]:
        """How many runs by status, over all stores."""
        counts: Counter[Status] = Counter()
        for home in self.homes:
            counts.update(home.store.count(query or RunQuery()))
        return dict(counts)

    def questions(self) -> list[QuestionRow]:
        """The open questions of all runs, in the order of their opening."""
        found = chain.from_iterable(home.questions() for home in self.homes)
        return sorted(found, key=lambda question: question.at)


class AsyncRouter:
    """What ``async with Router(...)`` gives: the same calls, on threads."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._changes = Changes()  # nobody tells of any: who waits looks

    async def start(
        self,
        flow: Flow[Any, Out] | str,
        value: Any = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        **place: Unpack[InQueue],
    ) -> AsyncRun[Out]:
        """Start a run; see ``Router.start``."""
        home = self._router.home_to_start(flow, key)
        start = home.client.start
        row = await asyncio.to_thread(start, flow, value, key=key, labels=labels, **place)
        return self._handle(home, row.id)

    async def run(self, run: str) -> AsyncRun[Any]:
        """The handle of a run; NoSuchRun when there is none."""
        return self._handle(await asyncio.to_thread(self._router.home, run), run)

    async def answer(
        self, token: str, value: Any, *, key: str | None = None, by: str = ""
    ) -> Reply:
        """Answer the question of that token; say what became of it."""
        return await asyncio.to_thread(self._router.answer, token, value, key=key, by=by)

    async def resume(
        self, run: str, value: Any, *, tag: str | None = None, key: str | None = None, by: str = ""
    ) -> Reply:
        """Answer the one open question of a run, or its one of that tag."""
        return await asyncio.to_thread(self._router.resume, run, value, tag=tag, key=key, by=by)

    async def signal(
        self, run: str, name: str, value: Any = None, *, key: str | None = None, by: str = ""
    ) -> None:
        """Send a named message to a run."""
        await asyncio.to_thread(self._router.signal, run, name, value, key=key, by=by)

    async def cancel(self, run: str, *, by: str = "") -> None:
        """Have a run end."""
        await asyncio.to_thread(self._router.cancel, run, by=by)

    async def runs(self, query: RunQuery | None = None) -> AsyncIterator[RunRow]:
        """All runs by filters, for ``async for``; see ``Router.runs``."""
        asked = query or RunQuery()
        rows = self._router.runs(asked)
        while page := await asyncio.to_thread(_taken, rows, asked.limit):
            for row in page:
                yield row

    async def count(self, query: RunQuery | None = None) -> dict[Status, int]:
        """How many runs by status, over all stores."""
        return await asyncio.to_thread(self._router.count, query)

    async def questions(self) -> list[QuestionRow]:
        """The open questions of all runs, in the order of their opening."""
        return await asyncio.to_thread(self._router.questions)

    def _handle(self, home: Connection, run: str) -> AsyncRun[Any]:
        return AsyncRun(run, lambda: home.client, self._changes)


def _taken(rows: Iterator[RunRow], limit: int) -> list[RunRow]:
    return list(islice(rows, limit))


def _all_runs(home: Connection, query: RunQuery) -> Iterator[RunRow]:
    page = home.runs(query)
    while page:
        yield from page
        page = home.runs(replace(query, after=page[-1].no))
