"""The async face: the same calls, awaited. Store calls run on threads; waiting costs none."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, BinaryIO, Generic, TypeVar, Unpack

from everflow.core.flow import Flow
from everflow.engine.asking.absence import AGAIN, Absence
from everflow.engine.asking.client import Client
from everflow.engine.asking.runs import Changes, outcome_of, parked, settled
from everflow.engine.cells.tenures import may_tell, told
from everflow.engine.faces.verbs import AsyncOperating
from everflow.engine.given.replies import Reply
from everflow.engine.operating.retaining import Retained
from everflow.engine.records.queues import InQueue, Queues
from everflow.engine.schedules.aio import AsyncBook
from everflow.engine.schedules.book import Book
from everflow.errors import StoreUnavailable
from everflow.store import OUTCOMES, QuestionRow, RunQuery, RunRow, Status
from everflow.stores.transfer import ImportReport

__all__ = ["AsyncEngine", "AsyncRun"]

In = TypeVar("In")
Out = TypeVar("Out")
Seen = TypeVar("Seen")
SOON, LOOK = 0.02, 0.2  # seconds between looks when no change is told: at first, and later


class AsyncRun(Generic[Out]):
    """One run, by its id."""

    def __init__(
        self,
        id: str,  # noqa: A002 - what everybody calls it
        alive: Callable[[], Client],
        changes: Changes,
    ) -> None:
        self.id = id
        self._alive = alive
        self._changes = changes

    @property
    def _client(self) -> Client:
        return self._alive()

    async def status(self) -> Status:
        """Where the run stands now."""
        return (await asyncio.to_thread(self._client.row, self.id)).status

    async def wait(self, timeout: float | None = None) -> Status:  # noqa: ASYNC109 - the same arguments as in the sync face
        """Wait until the run is finished, suspended, paused or blocked; see ``Run.wait``."""
        return (await self._wait(timeout, finished=False)).status

    async def result(self, timeout: float | None = None) -> Out:  # noqa: ASYNC109 - the same arguments as in the sync face
        """Wait for the outcome and give its value; see ``Run.result``."""
        row = await self._wait(timeout, finished=True)
        types = self._client.registry.types
        value: Out = await self._borne(lambda: outcome_of(self._client.store, row, types), None)
        return value

    def _enough(self, start: int, *, finished: bool) -> tuple[RunRow, bool]:
        client = self._client
        row = client.row(self.id)
        waited = client.clock.boot() - start
        if not may_tell(row, client.leases) or self._changes.may_try(row, waited):
            return row, False
        if finished:
            return row, row.status in OUTCOMES or parked(client.store, row)
        return row, settled(client.store, row)

    async def _borne(self, look: Callable[[], Seen], end: int | None) -> Seen:
        """What a look says; the store's absence is waited out."""
        absence = Absence(self._client.clock, end)
        while True:
            try:
                return await asyncio.to_thread(look)
            except StoreUnavailable as error:
                absence.bear(error)
                await asyncio.sleep(AGAIN)

    async def _wait(self, seconds: float | None, *, finished: bool) -> RunRow:
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        end = None if seconds is None else loop.time() + seconds
        start = self._client.clock.boot()
        last = None if seconds is None else start + round(seconds * 1_000_000)
        patience = SOON
        ignore = self._changes.listen(lambda: loop.call_soon_threadsafe(changed.set))
        try:
            while True:
                changed.clear()
                row, enough = await self._borne(
                    lambda: self._enough(start, finished=finished), last
                )
                left = patience if end is None else min(patience, end - loop.time())
                patience = min(2 * patience, LOOK)
                if enough or left <= 0:
                    return await asyncio.to_thread(told, row, self._client.leases)
                try:
                    await asyncio.wait_for(changed.wait(), left)
                except TimeoutError:
                    continue
        finally:
            ignore()


class AsyncEngine(AsyncOperating[AsyncRun[Any]]):
    """What ``async with Engine(...)`` gives, and ``async with connect(...)``, of a store alone."""

    def __init__(
        self, alive: Callable[[], Client], changes: Changes, book: Callable[[], Book]
    ) -> None:
        self._alive = alive
        self._changes = changes
        self.schedules = AsyncBook(book)

    @property
    def _client(self) -> Client:
        """The calls; EngineClosed once the engine executes no more."""
        return self._alive()

    def _handle(self, run: str) -> AsyncRun[Any]:
        return AsyncRun(run, self._alive, self._changes)

    async def start(
        self,
        flow: Flow[In, Out] | str,
        value: In | Any = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        **place: Unpack[InQueue],
    ) -> AsyncRun[Out]:
        """Start a run; see ``Engine.start``."""
        start = self._client.start
        row = await asyncio.to_thread(start, flow, value, key=key, labels=labels, **place)
        return AsyncRun(row.id, self._alive, self._changes)

    async def start_all(
        self,
        flow: Flow[In, Out] | str,
        values: Sequence[In],
        *,
        labels: Mapping[str, str] | None = None,
        **place: Unpack[InQueue],
    ) -> list[AsyncRun[Out]]:
        """Start a run for each value; see ``Engine.start_all``."""
        start = self._client.start_all
        rows = await asyncio.to_thread(start, flow, values, labels=labels, **place)
        return [AsyncRun(row.id, self._alive, self._changes) for row in rows]

    @property
    def queues(self) -> Queues:
        """The store's queues. Its calls are short transactions on the caller's thread."""
        return self._client.queues

    async def answer(
        self, token: str, value: Any, *, key: str | None = None, by: str = ""
    ) -> Reply:
        """Answer the question of that token; see ``Engine.answer``."""
        return await asyncio.to_thread(self._client.answer, token, value, key=key, by=by)

    async def answer_all(self, answers: Sequence[tuple[str, Any]], *, by: str = "") -> list[Reply]:
        """Answer many questions by their tokens; see ``Engine.answer_all``."""
        return await asyncio.to_thread(self._client.answer_all, answers, by=by)

    async def resume(
        self,
        run: AsyncRun[Any] | str,
        value: Any,
        *,
        tag: str | None = None,
        key: str | None = None,
        by: str = "",
    ) -> Reply:
        """Answer the one open question of a run; see ``Engine.resume``."""
        call = self._client.resume
        return await asyncio.to_thread(call, _id(run), value, tag=tag, key=key, by=by)

    async def signal(
        self,
        run: AsyncRun[Any] | str,
        name: str,
        value: Any = None,
        *,
        key: str | None = None,
        by: str = "",
    ) -> None:
        """Send a named message to a run; see ``Engine.signal``."""
        await asyncio.to_thread(self._client.signal, _id(run), name, value, key=key, by=by)

    async def cancel(self, run: AsyncRun[Any] | str, *, by: str = "") -> None:
        """Have a run end; see ``Engine.cancel``."""
        await asyncio.to_thread(self._client.cancel, _id(run), by=by)

    async def run(self, run: str) -> AsyncRun[Any]:
        """The handle of a run; NoSuchRun when there is none."""
        row = await asyncio.to_thread(self._client.row, run)
        return AsyncRun(row.id, self._alive, self._changes)

    async def runs(self, query: RunQuery | None = None) -> list[RunRow]:
        """Runs by filters, a page at a time."""
        return await asyncio.to_thread(self._client.store.runs, query or RunQuery())

    async def questions(self, run: AsyncRun[Any] | str | None = None) -> list[QuestionRow]:
        """The open questions, of one run or of all."""
        return await asyncio.to_thread(self._client.questions, None if run is None else _id(run))

    async def adopt(self, run: AsyncRun[Any] | str) -> bool:
        """Let a run go on that was put aside; see ``Engine.adopt``."""
        return await asyncio.to_thread(self._client.adopt, _id(run))

    async def export(self, runs: Sequence[AsyncRun[Any] | str], file: BinaryIO) -> int:
        """Write runs as checked JSON Lines; see ``Engine.export``."""
        return await asyncio.to_thread(self._client.export, [_id(run) for run in runs], file)

    async def import_runs(
        self, file: BinaryIO, *, replace: bool = False, adopt: bool = False
    ) -> ImportReport:
        """Bring exported runs into the store; see ``Engine.import_runs``."""
        return await asyncio.to_thread(self._client.import_runs, file, replace=replace, adopt=adopt)

    async def backup(self, place: str | os.PathLike[str]) -> None:
        """Copy the whole store to a place that doesn't exist yet."""
        await asyncio.to_thread(self._client.backup, place)

    async def erase(self, run: AsyncRun[Any] | str, *, by: str = "") -> bool:
        """Destroy the key of an ended run, so that its data can't be read anywhere ever again."""
        return await asyncio.to_thread(self._client.erase, _id(run), by=by)

    async def prune(self, run: AsyncRun[Any] | str, *, dry: bool = False) -> int:
        """Delete the entries that a run can't come to need; see ``Engine.prune``."""
        return await asyncio.to_thread(self._client.prune, _id(run), dry=dry)

    async def retain(
        self,
        older: timedelta,
        *,
        keep: Mapping[str, str | None] | None = None,
        dry: bool = False,
        by: str = "",
    ) -> Retained:
        """Let go of the runs that ended longer ago; see ``Engine.retain``."""
        before = self._client.clock.wall() - round(older.total_seconds() * 1_000_000)
        labels = tuple((keep or {}).items())
        return await asyncio.to_thread(
            self._client.retain, before=before, keep=labels, dry=dry, by=by
        )


def _id(run: AsyncRun[Any] | str) -> str:
    return run if isinstance(run, str) else run.id
