"""What all verbs share: the lines, the queries, and how often a call is tried."""

from __future__ import annotations

import os
import random
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import psycopg

from everflow.store import StoreInfo
from everflow.stores.postgres.calling import Given, calling, told_by
from everflow.stores.postgres.code import QUERIES, SUFFIX, in_schema
from everflow.stores.postgres.lines import Connection, Lines
from everflow.stores.postgres.listening import Ear
from everflow.stores.postgres.opening import find, recognised
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.trouble import AGAIN, MISSING, UNPREPARED, in_words

__all__ = ["QUERIES", "Desk"]

T = TypeVar("T")
Values = Mapping[str, object] | Sequence[object]
# Whoever is stopped within a transaction holds its rows for no longer than that.
SHORT = "SELECT set_config('idle_in_transaction_session_timeout', '5s', true)"
TRIES = 12  # of what met a deadlock or a serialisation failure, over some 2 s in all
_open_here: weakref.WeakSet[Desk] = weakref.WeakSet()


def _after_fork() -> None:
    while _open_here:
        _open_here.pop().forsake()


os.register_at_fork(after_in_child=_after_fork)


class Desk:
    """An open store, without its verbs."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._name = place.shown
        self._id = ""
        self._texts: dict[str, str] = {}
        self._calls: dict[str, str] = {}
        self._closing = threading.Event()
        self._lines = Lines(place, self._welcome)
        self._ear = Ear(place, self._lines)
        _open_here.add(self)

    def look(self, *, create: bool) -> None:
        """Examine the store, and make it if need be and ``create``."""
        with in_words(self._name):
            found = find(self._place, create=create)
        self._id = found.id
        self._lines.begin(found.line, prepares=not found.pooled)

    def info(self) -> StoreInfo:
        """What the store says of itself."""
        (row,) = self._rows("info")
        said = {"id": row[0], "format": row[1], "created": row[2], "highest": row[3]}
        return StoreInfo(**said, place=self._name, name=self._place.schema)

    def version(self) -> int:
        """Changes after others wrote: soon where notifications come through, else within 1 s."""
        return self._ear.version()

    def heed(self, react: Callable[[], None]) -> Callable[[], None]:
        """Have ``react`` called at each notification, and when a look shows a change."""
        return self._ear.heed(react)

    @property
    def hears(self) -> bool | None:
        """Whether notifications come through; None before that is known."""
        return self._ear.hears

    def forsake(self) -> None:
        """In a forked child: let go of what is the parent's."""
        self._ear.forsake()
        self._lines.forsake()

    def close(self) -> None:
        """Hang up. Closing twice is no error."""
        _open_here.discard(self)
        self._closing.set()
        self._ear.close()
        self._lines.close()

    def _welcome(self, line: Connection) -> None:
        recognised(line, self._place, self._id)

    def _sql(self, name: str) -> str:
        """A named query with the schema's name in it."""
        text = self._texts.get(name)
        if text is None:
            text = self._texts[name] = in_schema(QUERIES[name], self._place.schema)
        return text

    def _rows(self, query: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """The rows of one named query, a transaction of its own."""
        return self._execute(self._sql(query), values)

    def _one(self, query: str, values: Values = ()) -> tuple[Any, ...] | None:
        """Its first row, if it has one."""
        rows = self._rows(query, values)
        return rows[0] if rows else None

    def _filtered(
        self, query: str, filters: Mapping[str, object], limit: int
    ) -> list[tuple[Any, ...]]:
        """The same of a query with filters: those that are asked for, by name."""
        wanted = [self._sql(f"filter_{name}") for name in filters] or ["TRUE"]
        statement = self._sql(query).replace("/* filters */", "\n    AND ".join(wanted))
        return self._execute(statement, {**filters, "limit": max(limit, 0)})

    def _call(self, function: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of our function ``do_<function>``: one write, a transaction of its own."""
        return self._execute(self._calling(function, len(values)), values)

    def _calling(self, function: str, many: int) -> str:
        """The statement that calls our function ``do_<function>`` with so many values."""
        name = f"do_{function}"
        text = self._texts.get(name)
        if text is None:
            places = ", ".join(["%s"] * many)
            text = f"SELECT * FROM {self._named(name)}({places})"  # noqa: S608 - names of ours
            self._texts[name] = text
        return text

    def _do(self, function: str, *values: Given) -> list[int]:
        """The numbers that our writing function ``do_<function>`` tells; see ``calling``."""
        statement = self._calls.get(function)
        if statement is None:
            statement = calling(self._named(f"do_{function}"), len(values))
            self._calls[function] = statement

        def once() -> list[int]:
            with self._lines.line() as line:
                return told_by(line, statement, values, prepares=self._lines.prepares)

        return self._again(once)

    def _named(self, function: str) -> str:
        return f'"{self._place.schema}".{function}_{SUFFIX}'

    def _execute(self, statement: str, values: Values) -> list[tuple[Any, ...]]:
        def once() -> list[tuple[Any, ...]]:
            with self._lines.line() as line:
                cursor = line.execute(statement, values)
                return cursor.fetchall() if cursor.description else []

        return self._again(once)

    def _transaction(
        self, *, snapshot: bool = False
    ) -> AbstractContextManager[psycopg.Cursor[tuple[Any, ...]]]:
        """A transaction of several statements; ``snapshot``: reads of one moment.

        What writes so goes through ``_in_transaction``, which tries again.
        """
        return self._lines.transaction(snapshot=snapshot)

    def _in_transaction(
        self, work: Callable[[psycopg.Cursor[tuple[Any, ...]]], T], lines: Lines | None = None
    ) -> T:
        """A transaction of several statements, from its start again after a conflict."""

        def once() -> T:
            with (lines or self._lines).transaction() as cursor:
                cursor.execute(SHORT)
                return work(cursor)

        return self._again(once)

    def _refuse_newer(self, cause: BaseException | None) -> None:
        """Where something of ours isn't there any more: say so if a newer release took it."""
        if isinstance(cause, psycopg.Error) and cause.sqlstate in MISSING:
            with self._lines.line() as line:
                recognised(line, self._place, self._id)

    def _again(self, work: Callable[[], T]) -> T:
        """Do it again as long as the server undid it for another session's sake."""
        pause = 0.005
        for _ in range(TRIES):
            try:
                return work()
            except Exception as error:
                cause = error.__cause__
                if not isinstance(cause, psycopg.Error) or cause.sqlstate not in AGAIN | UNPREPARED:
                    self._refuse_newer(cause)
                    raise
                if cause.sqlstate in AGAIN:
                    short = random.uniform(0, pause)  # noqa: S311 - no secret, but never the same
                    self._closing.wait(short)
                    pause = min(2 * pause, 0.4)
        return work()
