"""What people do to runs that are there, as engines and connections offer it: a line a call."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any, BinaryIO, Generic, Protocol, TypeVar, Unpack

from everflow.core.flow import Flow
from everflow.core.queueing import Turn
from everflow.core.writes import Begun, Statement, Writes
from everflow.engine.asking import bulk
from everflow.engine.asking.bulk import Outcome
from everflow.engine.asking.client import Client
from everflow.engine.asking.upgrading import Upgrader
from everflow.engine.nodes.settling import commit, start_statement
from everflow.engine.operating.checking import Checked
from everflow.engine.operating.operator import SAME
from everflow.engine.operating.retaining import Retained
from everflow.engine.records.audit import AuditLine, AuditQuery, audit_lines
from everflow.store import RunQuery
from everflow.stores.transfer import ImportReport

__all__ = ["AsyncOperating", "Operating"]

Handle = TypeVar("Handle")
In = TypeVar("In")


def _tuples(_cursor: object) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Rows as tuples, whatever the connection makes of them."""
    return tuple


class Named(Protocol):
    """A run's handle."""

    id: str


class Operating(Generic[Handle]):
    """The sync calls."""

    def _calls(self) -> Client:
        raise NotImplementedError  # pragma: no cover - each face's own

    def _handle(self, run: str) -> Handle:
        raise NotImplementedError  # pragma: no cover - each face's own

    def adopt(self, run: Named | str) -> bool:
        """Let a run go on that was put aside: imported and paused, or blocked until the operator.

        It is queued for a worker. False for any other run, which is left as it is.
        """
        return self._calls().adopt(_id(run))

    def export(self, runs: Sequence[Named | str], file: BinaryIO) -> int:
        """Write runs with all that is their own as checked JSON Lines; give how many."""
        return self._calls().export([_id(run) for run in runs], file)

    def import_runs(
        self, file: BinaryIO, *, replace: bool = False, adopt: bool = False
    ) -> ImportReport:
        """Bring exported runs into the store; live ones rest there until they are adopted."""
        return self._calls().import_runs(file, replace=replace, adopt=adopt)

    def backup(self, place: str | os.PathLike[str]) -> None:
        """Copy the whole store, of one moment, to a place that doesn't exist yet."""
        self._calls().backup(place)

    def prune(self, run: Named | str, *, dry: bool = False) -> int:
        """Delete the entries that a run can't come to need; how many. With ``dry``, only count."""
        return self._calls().prune(_id(run), dry=dry)

    def retain(
        self,
        older: timedelta,
        *,
        keep: Mapping[str, str | None] | None = None,
        dry: bool = False,
        by: str = "",
    ) -> Retained:
        """Let go of the runs that ended longer ago, with all that is theirs; with ``dry``, count.

        Those with one of the labels ``keep`` (None: whatever its value) stay.
        """
        calls = self._calls()
        before = calls.clock.wall() - round(older.total_seconds() * 1_000_000)
        return calls.retain(before=before, keep=tuple((keep or {}).items()), dry=dry, by=by)

    def erase(self, run: Named | str, *, by: str = "") -> bool:
        """Destroy the key of an ended run, so that its data can't be read anywhere ever again."""
        return self._calls().erase(_id(run), by=by)

    def retry(self, run: Named | str, *, by: str = "") -> Handle:
        """Have a failed run go on from where it failed, in its next generation.

        What was recorded before isn't run again; what the failure had cancelled is. Raises
        NotRetryable where it hasn't failed, or where somebody acted on its outcome: fork it then.
        """
        return self._handle(self._calls().retry(_id(run), by=by).id)

    def fork(self, run: Named | str, at: int, value: Any = SAME, *, by: str = "") -> Handle:
        """Begin another run from the state after entry ``at``, with another value there if given.

        Raises NoSuchPoint for an entry that isn't there, or that bears no value to replace.
        """
        return self._handle(self._calls().fork(_id(run), at, value, by=by).id)

    def acknowledge(self, run: Named | str, *, by: str = "") -> None:
        """Say that the outcome of a run was acted upon: it isn't retried in place any more."""
        self._calls().acknowledge(_id(run), by=by)

    def label(
        self, run: Named | str, labels: Mapping[str, str | None], *, by: str = ""
    ) -> dict[str, str]:
        """Give a run these labels, and take away those that are None; what it has then."""
        return self._calls().label(_id(run), labels, by=by).labels

    def commit(self, writes: Writes) -> list[Handle]:
        """Execute statements and start runs in one transaction of the store's; give these runs.

        StatementFailed, and nothing is written, where one fails. After StoreUnavailable nobody
        knows whether they were: let the runs have keys, and the statements bear repetition.
        """
        return [self._handle(row.id) for row in commit(self._calls(), writes)]

    def start_in(
        self,
        connection: Any,
        flow: Flow[In, Any] | str,
        value: In | Any = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        **turn: Unpack[Turn],
    ) -> Handle:
        """Start a run in the transaction that a psycopg connection of the application's is in.

        It is there with that transaction's commit, and not at all if that is rolled back; it may
        wait in a ``queue``, with a ``lane`` and a ``priority``. For a store in PostgreSQL, and a
        connection to its database.
        """
        begun = Begun(flow, value, key, labels, turn)
        sql, values = start_statement(self._calls(), begun)
        with connection.cursor(row_factory=_tuples) as cursor:
            return self._handle(str(cursor.execute(sql, values).fetchone()[0]))

    def start_statement(
        self,
        flow: Flow[In, Any] | str,
        value: In | Any = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        numbered: bool = False,
        **turn: Unpack[Turn],
    ) -> Statement:
        """The same as a statement and its values, for any driver; it gives the run's id.

        The values stand for ``%s``; with ``numbered`` for ``$1`` and ``$2``, as asyncpg has it.
        """
        begun = Begun(flow, value, key, labels, turn)
        return start_statement(self._calls(), begun, numbered=numbered)

    def pause(self, run: Named | str, *, by: str = "") -> bool:
        """Have a run begin nothing more: what is begun ends, answers are kept. False if it is."""
        return self._calls().pause(_id(run), by=by)

    def unpause(self, run: Named | str, *, by: str = "") -> None:
        """Let a paused run go on."""
        self._calls().unpause(_id(run), by=by)

    def pause_all_of(self, *, flow: str = "", queue: str = "", by: str = "") -> None:
        """Pause a flow or a queue by name: its runs rest until it is unpaused."""
        self._calls().pause_all_of(flow=flow, queue=queue, by=by)

    def unpause_all_of(self, *, flow: str = "", queue: str = "", by: str = "") -> None:
        """Let a flow or a queue go on."""
        self._calls().unpause_all_of(flow=flow, queue=queue, by=by)

    def paused(self) -> list[str]:
        """What is paused, as "flow:NAME" and "queue:NAME"."""
        return self._calls().paused()

    def cancel_all(self, query: RunQuery, *, by: str = "", dry: bool = False) -> list[Outcome]:
        """Have all runs of a selection end; with ``dry`` only say which."""
        return list(bulk.cancel_all(self._calls(), query, by=by, dry=dry))

    def retry_all(self, query: RunQuery, *, by: str = "", dry: bool = False) -> list[Outcome]:
        """Retry all failed runs of a selection; with ``dry`` only say which."""
        return list(bulk.retry_all(self._calls(), query, by=by, dry=dry))

    def resume_all(
        self, query: RunQuery, value: Any, *, by: str = "", dry: bool = False
    ) -> list[Outcome]:
        """Give all runs of a selection the same answer; with ``dry`` only say which."""
        return list(bulk.resume_all(self._calls(), query, value, by=by, dry=dry))

    def check(self, flow: str | None = None) -> Iterator[Checked]:
        """What the code that is imported means for each open run, of one flow or of all."""
        return chain.from_iterable(Upgrader(self._calls()).check(flow))

    def upgrade(
        self,
        runs: Sequence[str] | None = None,
        *,
        flow: str | None = None,
        to: str | None = None,
        by: str = "",
        dry: bool = False,
    ) -> list[Checked]:
        """Ask that runs go on under today's shape of their flow; what became of each.

        Those named, else all open ones, of one flow or of all. Their owners, or the next ones, move
        those that can follow. ``to``: the hash of another definition that the store has.
        """
        upgrader = Upgrader(self._calls())
        return list(chain.from_iterable(upgrader.upgrade(runs, flow=flow, to=to, by=by, dry=dry)))

    def audit(self, query: AuditQuery | None = None) -> list[AuditLine]:
        """Who did what, oldest first."""
        return list(audit_lines(self._calls().store, query))


class AsyncOperating(Generic[Handle]):
    """The same, awaited."""

    @property
    def _client(self) -> Client:
        raise NotImplementedError  # pragma: no cover - the face's own

    def _handle(self, run: str) -> Handle:
        raise NotImplementedError  # pragma: no cover - the face's own

    async def check(self, flow: str | None = None) -> list[Checked]:
        """What today's code means for each open run; see ``Engine.check``."""
        return await asyncio.to_thread(_checked, self._client, flow)

    async def upgrade(
        self,
        runs: Sequence[str] | None = None,
        *,
        flow: str | None = None,
        to: str | None = None,
        by: str = "",
        dry: bool = False,
    ) -> list[Checked]:
        """Ask that runs go on under today's shape of their flow; see ``Engine.upgrade``."""
        call = Upgrader(self._client).upgrade
        found = await asyncio.to_thread(lambda: list(call(runs, flow=flow, to=to, by=by, dry=dry)))
        return list(chain.from_iterable(found))

    async def retry(self, run: Named | str, *, by: str = "") -> Handle:
        """Have a failed run go on; see ``Engine.retry``."""
        return self._handle((await asyncio.to_thread(self._client.retry, _id(run), by=by)).id)

    async def fork(self, run: Named | str, at: int, value: Any = SAME, *, by: str = "") -> Handle:
        """Begin another run from one of its entries; see ``Engine.fork``."""
        call = self._client.fork
        return self._handle((await asyncio.to_thread(call, _id(run), at, value, by=by)).id)

    async def acknowledge(self, run: Named | str, *, by: str = "") -> None:
        """Say that its outcome was acted upon; see ``Engine.acknowledge``."""
        await asyncio.to_thread(self._client.acknowledge, _id(run), by=by)

    async def commit(self, writes: Writes) -> list[Handle]:
        """Execute statements and start runs in one transaction; see ``Engine.commit``."""
        rows = await asyncio.to_thread(commit, self._client, writes)
        return [self._handle(row.id) for row in rows]

    async def start_in(
        self,
        connection: Any,
        flow: Flow[In, Any] | str,
        value: In | Any = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        **turn: Unpack[Turn],
    ) -> Handle:
        """Start a run in a transaction of an ``AsyncConnection``; see ``Engine.start_in``."""
        sql, values = await self.start_statement(flow, value, key=key, labels=labels, **turn)
        async with connection.cursor(row_factory=_tuples) as cursor:
            row = await (await cursor.execute(sql, values)).fetchone()
            return self._handle(str(row[0]))

    async def start_statement(
        self,
        flow: Flow[In, Any] | str,
        value: In | Any = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        numbered: bool = False,
        **turn: Unpack[Turn],
    ) -> Statement:
        """The same as a statement and its values; see ``Engine.start_statement``."""
        begun = Begun(flow, value, key, labels, turn)
        return await asyncio.to_thread(start_statement, self._client, begun, numbered=numbered)

    async def label(
        self, run: Named | str, labels: Mapping[str, str | None], *, by: str = ""
    ) -> dict[str, str]:
        """Give and take labels; see ``Engine.label``."""
        return (await asyncio.to_thread(self._client.label, _id(run), labels, by=by)).labels

    async def pause(self, run: Named | str, *, by: str = "") -> bool:
        """Have a run begin nothing more; see ``Engine.pause``."""
        return await asyncio.to_thread(self._client.pause, _id(run), by=by)

    async def unpause(self, run: Named | str, *, by: str = "") -> None:
        """Let a paused run go on."""
        await asyncio.to_thread(self._client.unpause, _id(run), by=by)

    async def pause_all_of(self, *, flow: str = "", queue: str = "", by: str = "") -> None:
        """Pause a flow or a queue; see ``Engine.pause_all_of``."""
        await asyncio.to_thread(self._client.pause_all_of, flow=flow, queue=queue, by=by)

    async def unpause_all_of(self, *, flow: str = "", queue: str = "", by: str = "") -> None:
        """Let a flow or a queue go on."""
        await asyncio.to_thread(self._client.unpause_all_of, flow=flow, queue=queue, by=by)

    async def paused(self) -> list[str]:
        """What is paused, as "flow:NAME" and "queue:NAME"."""
        return await asyncio.to_thread(self._client.paused)

    async def cancel_all(
        self, query: RunQuery, *, by: str = "", dry: bool = False
    ) -> list[Outcome]:
        """Have all runs of a selection end; see ``Engine.cancel_all``."""
        client = self._client
        return await asyncio.to_thread(lambda: list(bulk.cancel_all(client, query, by=by, dry=dry)))

    async def retry_all(self, query: RunQuery, *, by: str = "", dry: bool = False) -> list[Outcome]:
        """Retry all failed runs of a selection; see ``Engine.retry_all``."""
        client = self._client
        return await asyncio.to_thread(lambda: list(bulk.retry_all(client, query, by=by, dry=dry)))

    async def resume_all(
        self, query: RunQuery, value: Any, *, by: str = "", dry: bool = False
    ) -> list[Outcome]:
        """Give all runs of a selection the same answer; see ``Engine.resume_all``."""
        client = self._client
        return await asyncio.to_thread(
            lambda: list(bulk.resume_all(client, query, value, by=by, dry=dry))
        )

    async def audit(self, query: AuditQuery | None = None) -> list[AuditLine]:
        """Who did what, oldest first."""
        return await asyncio.to_thread(lambda: list(audit_lines(self._client.store, query)))


def _id(run: Named | str) -> str:
    return run if isinstance(run, str) else run.id


def _checked(client: Client, flow: str | None) -> list[Checked]:
    return list(chain.from_iterable(Upgrader(client).check(flow)))
