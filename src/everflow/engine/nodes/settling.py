"""Settling: how a node's own writes are committed with its result, in one transaction, once.

Three rules hold here. An attempt passes its gate before anything is committed, and whoever would
end its op otherwise shuts the gate first: so an op that was stopped, or whose time was over, never
leaves writes behind. Once it passed, its end is what the store says, however long that takes. What
isn't known to be committed is sent again unchanged, which changes nothing where it was.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from everflow.core.definition import Definition
from everflow.core.entries import Kind
from everflow.core.node import Node
from everflow.core.values import Types
from everflow.core.writes import (
    AsyncTransaction,
    Begun,
    Settles,
    Statement,
    Transaction,
    Writes,
)
from everflow.engine.asking.client import Client
from everflow.engine.calling.callee import REFUSED, Callee, Ended
from everflow.engine.calling.noderun import NodeRun
from everflow.errors import (
    EngineClosed,
    EverflowError,
    StatementFailed,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)
from everflow.store import (
    NewRun,
    OpenTransaction,
    RunRow,
    Settled,
    SideRow,
    StartStatement,
    Store,
    Transacting,
)
from everflow.stores.layer import innermost

__all__ = [
    "LOST",
    "UNSETTLED",
    "Settlement",
    "Settler",
    "SettlingCallee",
    "asked_by",
    "commit",
    "settles",
    "start_statement",
]

UNSETTLED = "unsettled"  # it isn't known whether it was committed
_ENDING = frozenset({"close", "commit", "rollback", "set_autocommit", "tpc_begin"})
LOST = "lost"  # the run isn't this worker's any more


def _prepared(client: Client, begun: Begun) -> tuple[NewRun, Definition]:
    known = client.known_as(begun.flow)
    new, definition, _ = client.prepare(*known, begun.value, begun.key, begun.labels, begun.turn)
    return new, definition


def commit(client: Client, writes: Writes) -> list[RunRow]:
    """Commit an application's own statements, and the starts of runs with them; their rows.

    StatementFailed, and nothing is written, for one that fails. After StoreUnavailable it isn't
    known whether they were: then only runs with keys can be started again without harm.
    """
    starts = [_prepared(client, begun) for begun in writes.starts]
    done = client.store.settle(
        None,
        _rows(writes),
        starts=[new for new, _ in starts],
        definitions=[(made.hash, made.body) for _, made in starts],
    )
    client.nudge()
    return [] if done is None else done.started


def start_statement(client: Client, begun: Begun, *, numbered: bool = False) -> Statement:
    """The statement that starts a run in a transaction of the application's own, and its values.

    It gives the run's id. Its values stand for ``%s``, or for ``$1`` and ``$2``.
    """
    new, made = _prepared(client, begun)
    told = StartStatement()
    client.store.settle(None, starts=[new], definitions=[(made.hash, made.body)], within=told)
    places = ("$1", "$2") if numbered else ("%s", "%s")
    return Statement(told.sql.format(*places), tuple(told.values))


def _rows(writes: Settles) -> list[SideRow]:
    statements = writes.statements if isinstance(writes, Writes) else []
    return [SideRow(statement=sql, values=list(values)) for sql, values in statements]


@dataclass
class Settler:
    """Where a worker settles. ``identity`` gives its id and epoch, ``now`` the runs' time."""

    store: Store
    identity: Callable[[], tuple[int, int]]
    now: Callable[[], int]
    client: Client | None = None

    def prepared(self, begun: Begun) -> tuple[NewRun, Definition]:
        """A run that a node starts."""
        if self.client is None:
            raise EngineClosed("a node starts a run, and nothing here can")
        return _prepared(self.client, begun)

    def transactions(self) -> Transacting:
        """Where nodes have transactions of their own; StoreError where there are none."""
        store = innermost(self.store)
        if not isinstance(store, Transacting):
            raise StoreError("This store gives nodes no transactions of their own.")
        return store

    def attempt(self, no: int, op: str) -> Settlement:
        """What one attempt settles with."""
        return Settlement(self, no, op)


class Settlement:
    """One attempt's gate, and what it commits once it passed."""

    def __init__(self, settler: Settler, no: int, op: str) -> None:
        self._settler = settler
        self._no = no
        self._op = op
        self._worker, self._epoch = settler.identity()
        self._lock = threading.Lock()
        self._shut = False
        self.passed = False
        self.asked: Settles = Writes()
        self._open: OpenTransaction | None = None
        self._own = False  # it was committed, perhaps, in a transaction of the node's own
        self._settled: Settled | None = None
        self._starts: list[tuple[NewRun, Definition]] = []

    def shut(self) -> bool:
        """Let nothing be committed from now on; False when that is under way, or was done."""
        with self._lock:
            self._shut = self._shut or not self.passed
            if self._shut and self._open is not None:
                self._open.revoke()
            return self._shut

    def _pass(self) -> bool:
        with self._lock:
            self.passed = not self._shut
            return self.passed

    def begin(self, kind: type[Any]) -> Settles:
        """What the node is given. StoreError where its transaction can't be had now."""
        self.asked = Writes()
        if kind is not Writes:
            place = self._worker, self._epoch, self._no, self._op
            opened = self._open = self._settler.transactions().begin(*place)
            self.asked = Transaction(opened.execute, Guarded(opened.connection))
            if kind is AsyncTransaction:
                self.asked = AsyncTransaction(partial(_on_a_thread, opened))
        return self.asked

    def require_open(self) -> None:
        """Raise where trouble of the store's ended the node's transaction: so no end is its own."""
        if self._open is not None and self._open.undone:
            raise StoreUnavailable("The transaction of a node was undone: it is run again.")

    def leave(self) -> None:
        """Let go of a transaction that wasn't committed."""
        opened, self._open = self._open, None
        if opened is not None:
            opened.close()

    def end(self, end: Ended) -> Ended:
        """The node gave a result: commit it. StoreError when it isn't known whether it is."""
        self._starts = [self._settler.prepared(begun) for begun in self.asked.starts]
        if not self._pass():
            return Ended(Kind.STOPPED, "null")
        now = self._settler.now()
        self._settled = Settled(
            no=self._no, op=self._op, payload=end.payload, at=now, ticks=end.ticks
        )
        return self.send()

    def send(self) -> Ended:
        """Commit it, or learn that it was; raises StoreError while that can't be known."""
        settled, opened = self._settled, self._open
        if settled is None or self._own:
            return self._learnt()
        self._own = opened is not None
        done = self._settler.store.settle(
            settled,
            _rows(self.asked),
            worker=self._worker,
            epoch=self._epoch,
            starts=[new for new, _ in self._starts],
            definitions=[(made.hash, made.body) for _, made in self._starts],
            within=opened,
        )
        if done is None:
            return Ended(LOST, "null")
        if opened is not None:
            opened.commit()
        return self._ended(settled, done.id)

    def _learnt(self) -> Ended:
        """What became of a transaction of the node's own; if nothing, the node is run again."""
        place = self._worker, self._epoch, self._no, self._op
        known = self._settler.transactions().settled(*place)
        if not known:
            return Ended(Kind.STOPPED, "null")
        if self._settled is None:
            return Ended(LOST, "null", arrival=known)
        return self._ended(self._settled, known)

    def _ended(self, settled: Settled, arrival: int) -> Ended:
        started = bool(self._starts)
        return Ended(Kind.RESULT, settled.payload, settled.ticks, "", (), arrival, started)


async def _on_a_thread(
    opened: OpenTransaction, sql: str, values: tuple[object, ...]
) -> list[tuple[Any, ...]]:
    return await asyncio.to_thread(opened.execute, sql, values)


class Guarded:
    """A driver's connection that doesn't end the transaction which it is lent for."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        if name in _ENDING:
            raise StatementFailed(
                f"a node asked its connection to {name}",
                hint="return to commit, raise to roll back: the engine does it with the result",
            )
        return getattr(self._connection, name)


def settles(run: NodeRun) -> Settlement | None:
    """What an attempt settles with, if it does."""
    return run.settlement if isinstance(run.settlement, Settlement) else None


def asked_by(node: Node[Any, Any]) -> str:
    """The parameter by which a node's function asks for what is committed with its result."""
    for name, kind in node.dependencies.items():
        if isinstance(kind, type) and issubclass(kind, Settles):
            return name
    return ""


class SettlingCallee(Callee):
    """A node's function whose writes are committed with its result."""

    __slots__ = ("_asks", "_kind", "_stood_in")

    def __init__(
        self, node: Node[Any, Any], types: Types, given: Mapping[str, Any], limit: int
    ) -> None:
        super().__init__(node, types, given, limit)
        self._asks = asked_by(node)
        kind = node.dependencies[self._asks]
        self._stood_in = given.get(self._asks) is not kind  # by what a test provides
        self._kind = Writes if self._stood_in else kind
        self.light = False

    def _arguments(self, payload: str, run: NodeRun | None) -> tuple[list[Any], dict[str, Any]]:
        args, keywords = super()._arguments(payload, run)
        mine = settles(run) if run is not None else None
        if mine is not None and not self._stood_in:
            keywords[self._asks] = mine.asked
        return args, keywords

    def perform(self, payload: str, run: NodeRun | None) -> Ended:
        """Run a sync node once, and commit what it gave."""
        mine = settles(run) if run is not None else None
        if mine is None or run is None:
            return super().perform(payload, run)
        try:
            mine.begin(self._kind)
            return self._settle(super().perform(payload, run), run)
        except StoreError:
            return Ended(UNSETTLED, "null")
        finally:
            mine.leave()

    async def perform_async(self, payload: str, run: NodeRun | None) -> Ended:
        """Run an async node once, and commit what it gave on a thread."""
        mine = settles(run) if run is not None else None
        if mine is None or run is None:
            return await super().perform_async(payload, run)
        try:
            await asyncio.to_thread(mine.begin, self._kind)
            end = await super().perform_async(payload, run)
            return await asyncio.to_thread(self._settle, end, run)
        except StoreError:
            return Ended(UNSETTLED, "null")
        finally:
            await asyncio.to_thread(mine.leave)

    def _settle(self, end: Ended, run: NodeRun) -> Ended:
        mine = settles(run)
        if mine is None:
            return end
        mine.require_open()
        if end.kind != Kind.RESULT:
            return end
        return self._said(lambda: mine.end(end), run)

    def again(self, run: NodeRun) -> Ended:
        """How an attempt ended of which that wasn't known; raises StoreError while it isn't."""
        mine = settles(run)
        return Ended(Kind.STOPPED, "null") if mine is None else self._said(mine.send, run)

    def _said(self, settle: Callable[[], Ended], run: NodeRun) -> Ended:
        try:
            return settle()
        except StoreRefused as error:
            return Ended(REFUSED, f"{error.code}: {error.message.rstrip('.')}")
        except StoreError:
            raise
        except EverflowError as error:  # of a statement, or of a run to be started: the node's own
            return self._raised(error, run)
