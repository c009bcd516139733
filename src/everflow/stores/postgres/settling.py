"""Settling: what nodes write with their results, in transactions of their own.

A node's own transaction has a connection of its own, so that the engine never waits for one that a
node holds. It ends as it began: by us. Statements go one by one, each with its values, so that none
brings another along.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, cast

import psycopg
from psycopg.pq import TransactionStatus

from everflow.errors import EverflowError, StatementFailed, StoreError
from everflow.store import (
    NewRun,
    RunRow,
    Settled,
    Settlement,
    SideRow,
    StartStatement,
    row_of_new,
)
from everflow.stores.documents import as_json
from everflow.stores.postgres.lines import Connection, Lines
from everflow.stores.postgres.marking import marked
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.rows import run_row
from everflow.stores.postgres.trouble import in_our_words
from everflow.stores.postgres.writing import Writing, birth, document

__all__ = ["NodeTransaction", "Settling"]

_NUMBERED = re.compile(r"\$\d")
_ENDS = re.compile(
    r"(?i)^\s*(abort|begin|commit|end|prepare\s+transaction|release|rollback|savepoint"
    r"|start\s+transaction)\b"
)
_OF_THE_STORE = frozenset(("08", "40", "53", "57", "58", "XX", "EF"))  # classes of SQLSTATE
_OF_THE_NODE = frozenset(("08P01", "57014", "EF005"))  # but these
Cursor = psycopg.Cursor[tuple[Any, ...]]


class NodeTransaction:
    """A transaction that a node has while it is run. ``connection`` is psycopg's."""

    def __init__(self, lines: Lines, schema: str, shown: str) -> None:
        self._schema = schema
        self._shown = shown
        self._room: AbstractContextManager[Connection] = lines.line()
        self._lock = threading.Lock()
        self._over = ""
        self._said = 0
        self._failed = self._undone = False
        self.connection = self._room.__enter__()
        try:
            self.connection.execute("BEGIN")
        except psycopg.Error as error:
            self.close()
            raise in_our_words(error, shown) from error

    def execute(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """The rows that a statement gives; StatementFailed, and it's over, where it fails."""
        with self._lock:
            if self._over:
                raise StatementFailed(self._over, place=self._said)
            self._said += 1
            side = SideRow(statement=sql, values=[*values])
            try:
                with self.connection.cursor() as cursor:
                    return run(cursor, side, self._said - 1, self._schema)
            except StatementFailed:
                self._failed = True
                raise
            except psycopg.Error as error:
                self._undone = True
                raise in_our_words(error, self._shown) from error

    def revoke(self) -> None:
        """Let it execute nothing more: its node was given up."""
        self._over = "the node was stopped, or its time is over"

    @property
    def undone(self) -> bool:
        """Whether another session, the server or the line ended it, and nothing that it did."""
        return self._undone or (self.connection.broken and not self._failed)

    @property
    def goes_on(self) -> bool:
        """Whether nobody ended it, and nothing in it failed."""
        return self.connection.pgconn.transaction_status == TransactionStatus.INTRANS

    def commit(self) -> None:
        """Commit it. StoreError when that isn't known to be done."""
        try:
            self.connection.execute("COMMIT")
        except psycopg.Error as error:
            raise in_our_words(error, self._shown) from error

    def close(self) -> None:
        """Let go of it: what isn't committed never was."""
        with self._lock:
            self._over = self._over or "the node has ended"
            if self.connection.pgconn.transaction_status != TransactionStatus.IDLE:
                self.connection.close()
            self._room.__exit__(None, None, None)


class Settling(Writing):
    """``settle``, and transactions for nodes."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._apart = Lines(place, self._welcome, self._works)

    def close(self) -> None:
        """Hang up. Closing twice is no error."""
        super().close()
        self._apart.close()

    def forsake(self) -> None:
        """In a forked child: let go of what is the parent's."""
        super().forsake()
        self._apart.forsake()

    def begin(self, worker: int, epoch: int, no: int, op: str) -> NodeTransaction:
        """A transaction for a node of a run; Fenced where the worker is gone."""
        opened = NodeTransaction(self._own(), self._place.schema, self._name)
        try:
            with opened.connection.cursor() as cursor:
                known = self._attend(cursor, worker, epoch, no, op)
        except psycopg.Error as error:
            opened.close()
            raise in_our_words(error, self._name) from error
        if known:
            opened.close()
            raise StoreError(f"The op {op} was settled already.")
        return opened

    def _own(self) -> Lines:
        """The connections on which nodes' own statements are executed."""
        self._apart.prepares = self._lines.prepares
        return self._apart

    def _works(self, line: psycopg.Connection[Any]) -> bool:
        """Whether the server is at work for a connection; behind a pooler that can't be known."""
        if not self._lines.prepares:
            return False
        try:
            return bool(self._rows("works", {"pid": line.info.backend_pid}))
        except EverflowError:
            return False

    def settled(self, worker: int, epoch: int, no: int, op: str) -> int:
        """The id of the op's message, 0 if its commit didn't go through; Fenced as ``settle``."""
        return self._in_transaction(lambda cursor: self._attend(cursor, worker, epoch, no, op))

    def settle(
        self,
        settled: Settled | None,
        statements: Sequence[SideRow] = (),
        *,
        worker: int = 0,
        epoch: int = 0,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        within: object = None,
    ) -> Settlement | None:
        """Execute the statements, put the result into the inbox, start the runs; then commit."""
        if isinstance(within, StartStatement):
            return self._described(within, starts, definitions)
        end = partial(self._end, settled, worker, epoch, starts, definitions)

        def work(cursor: Cursor) -> Settlement | None:
            known = 0
            if settled is not None:
                known = self._attend(cursor, worker, epoch, settled.no, settled.op)
            for nth, side in enumerate(() if known else statements):
                run(cursor, side, nth, self._place.schema)
            done = end(cursor, known)
            if done is None:
                raise psycopg.Rollback
            return done

        if within is None:
            return self._in_transaction(work, self._own() if statements else None)
        opened = cast("NodeTransaction", within)
        try:
            with opened.connection.cursor() as cursor:
                return end(cursor, 0)
        except psycopg.Error as error:
            raise failed(error, "", 0) or in_our_words(error, self._name) from error

    def _end(
        self,
        settled: Settled | None,
        worker: int,
        epoch: int,
        starts: Sequence[NewRun],
        definitions: Sequence[tuple[str, str]],
        cursor: Cursor,
        known: int,
    ) -> Settlement | None:
        """What follows the statements; ``known`` is the message's id if it is there."""
        if settled is not None and not known:
            told = self._put_settled(cursor, settled, worker, epoch)
            if told is None:
                return None
            known = told
        return Settlement(id=known, started=self._begun(cursor, starts, definitions))

    def _described(
        self,
        told: StartStatement,
        starts: Sequence[NewRun],
        definitions: Sequence[tuple[str, str]],
    ) -> Settlement:
        """Say how the run is started by whoever executes that."""
        name = self._calling("start_in", 0).removesuffix("()").removeprefix("SELECT * FROM ")
        told.sql = f"SELECT {name}({{}}::jsonb, {{}}::jsonb)"
        (new,) = starts
        told.values = [document([birth(new)]) or "[]", document(definitions) or "[]"]
        return Settlement(id=0, started=[row_of_new(new, new.no)])

    def _attend(self, cursor: Cursor, worker: int, epoch: int, no: int, op: str) -> int:
        ((known,),) = cursor.execute(
            self._calling("attend", 4), (worker, epoch, no, marked(op))
        ).fetchall()
        return int(known)

    def _put_settled(self, cursor: Cursor, settled: Settled, worker: int, epoch: int) -> int | None:
        message = as_json(settled)
        given = (worker, epoch, settled.no, marked(settled.op), message)
        ((made,),) = cursor.execute(self._calling("settle_node", 5), given).fetchall()
        return None if made is None else int(made)

    def _begun(
        self, cursor: Cursor, starts: Sequence[NewRun], definitions: Sequence[tuple[str, str]]
    ) -> list[RunRow]:
        """Start runs; their rows as they are then, whoever's start it was."""
        if not starts:
            return []
        given = document([birth(new) for new in starts]), document(definitions)
        ((nos,),) = cursor.execute(self._calling("start", 2), given).fetchall()
        rows = cursor.execute(self._sql("rows"), {"nos": [abs(no) for no in nos]}).fetchall()
        return [run_row(values) for values in rows]


def run(cursor: Cursor, side: SideRow, nth: int, schema: str) -> list[tuple[Any, ...]]:
    """Execute one statement; StatementFailed where it is the statement that fails."""
    sql = side.statement
    why = _refused(sql, schema)
    if why:
        raise StatementFailed(f"the statement {sql!r:.200} failed: {why}", place=nth)
    try:
        if not side.values or _NUMBERED.search(sql):
            with psycopg.RawCursor(cursor.connection) as raw:
                return _rows(raw, sql, side.values)
        cursor.execute(sql.encode(), side.values)
        return cursor.fetchall() if cursor.description else []
    except (TypeError, ValueError) as error:
        raise StatementFailed(f"the statement {sql!r:.200} failed: {error}", place=nth) from error
    except psycopg.Error as error:
        told = failed(error, sql, nth)
        if told is None:
            raise
        raise told from error


def _rows(raw: psycopg.RawCursor[Any], sql: str, values: Sequence[object]) -> list[Any]:
    """Without values only a pipeline keeps the server from taking several statements in one."""
    with nullcontext() if values else raw.connection.pipeline():
        raw.execute(sql.encode(), values or None)
    return raw.fetchall() if raw.description else []


def _refused(sql: str, schema: str) -> str:
    if _ENDS.match(sql):
        return "it would begin or end a transaction: the store commits it with the result"
    ours = rf'(?i)\b(into|update|from|join|table|only|truncate)\s+"?{re.escape(schema)}"?\s*\.'
    return "it names a table of the store's own" if re.search(ours, sql) else ""


def failed(error: psycopg.Error, sql: str, nth: int) -> StatementFailed | None:
    """The node's error, unless it is the store that is in trouble, or another session's."""
    of_the_line = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    code = error.sqlstate or ("08000" if of_the_line else "42000")
    if code == "25006" or (code[:2] in _OF_THE_STORE and code not in _OF_THE_NODE):
        return None
    said = (error.diag.message_primary or str(error)).strip()
    what = f"the statement {sql!r:.200}" if sql else "the node's transaction"
    return StatementFailed(f"{what} failed: {said}", place=nth)
