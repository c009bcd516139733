"""The lines to the server: connections of this process, each used by one thread at a time.

* A line is opened when a call finds none idle, and the call itself is told if that fails; there is
  no thread that does it. After trouble of one connection no idle one is trusted any more, so that a
  process is well again with the first call that the server takes.
* Every statement is its own transaction, but within ``transaction``: nothing is left open.
* A line is used by the process that opened it alone. A forked child lets go of its copies without a
  word: what it said would be said in its parent's name.
"""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from everflow.errors import StoreError, StoreUnavailable
from everflow.stores.postgres.patience import Patience
from everflow.stores.postgres.place import Place
from everflow.stores.postgres.trouble import ELSEWHERE, UNPREPARED, in_our_words

__all__ = ["Connection", "Lines", "forsake_line", "open_line"]

RV = TypeVar("RV")
MOST = 16  # connections of one store object
PATIENCE = 30.0  # seconds to wait for one of them
IDLE = 60.0  # seconds after which one that isn't used is closed
PREPARED_AFTER = 5  # times that a statement was used


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which no statement waits for its answer for longer than ``patience`` says."""

    patience: Patience | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.known: dict[str, bytes] = {}  # statements that were prepared here, by what name
        self.poller = select.poll()
        self.poller.register(self.fileno(), select.POLLIN)

    def wait(self, gen: PQGen[RV], *args: Any, **options: Any) -> RV:
        """Wait for what was sent; every statement goes through here."""
        if self.patience is None:
            return super().wait(gen, *args, **options)
        try:
            self.patience.begins(self)
            return super().wait(gen, *args, **options)
        finally:
            self.patience.ends(self)


def open_line(place: Place, *, prepares: bool = False) -> Connection:
    """A new connection, in autocommit. Raises psycopg's errors."""
    line = Connection.connect(
        place.conninfo,
        autocommit=True,
        prepare_threshold=PREPARED_AFTER if prepares else None,
    )
    line.add_notify_handler(_unheard)  # behind a pooler it may get what another listens to
    return line


def forsake_line(line: Connection) -> None:
    """In a forked child: close a connection of the parent's without a word to the server."""
    if not line.closed:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, line.fileno())
        os.close(nowhere)
        line.close()


def _unheard(_told: psycopg.Notify) -> None:
    """Whoever doesn't listen keeps none."""


class Lines:
    """The connections of one store object. ``works``: see ``Patience``."""

    def __init__(
        self,
        place: Place,
        welcome: Callable[[Connection], None],
        works: Callable[[psycopg.Connection[Any]], bool] | None = None,
    ) -> None:
        self.patience = Patience(place.patience, works)
        self.prepares = False  # whether statements may be prepared: not behind a pooler
        self.shown = place.shown
        self._place = place
        self._welcome = welcome
        self._pid = os.getpid()
        self._closed = False
        self.room = SimpleQueue[None]()  # a token for each connection that may be in use
        for _ in range(MOST):
            self.room.put(None)
        self._idle: deque[tuple[Connection, float]] = deque()  # the last used one is the last
        self._all: set[Connection] = set()

    @property
    def is_ours(self) -> bool:
        """False in a forked child."""
        return self._pid == os.getpid()

    def begin(self, line: Connection, *, prepares: bool) -> None:
        """Take over the connection that looked whether the store may be used."""
        self.prepares = prepares
        line.prepare_threshold = PREPARED_AFTER if prepares else None
        line.patience = self.patience
        self._all.add(line)
        self.put_back(line)

    def check(self) -> None:
        """Raise unless the store is open in this very process."""
        if not self.is_ours:
            raise StoreError(
                f"The store {self.shown} was opened before a fork.",
                hint="open it again in the child",
            )
        if self._closed:
            raise StoreError(f"The store {self.shown} is closed.", hint="open it again")

    def line(self) -> Lent:
        """A connection for this caller alone; what the server says against it in our words."""
        return Lent(self)

    @contextmanager
    def transaction(self, *, snapshot: bool = False) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
        """A transaction of several statements."""
        with self.line() as line, line.transaction(), line.cursor() as cursor:
            if snapshot:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield cursor

    def close(self) -> None:
        """Hang up for good."""
        self._closed = True
        self.patience.close()
        if self.is_ours:
            self._hang_up_idle()

    def forsake(self) -> None:
        """In a forked child: let go of the parent's connections without a word to the server."""
        for line in self._all:
            forsake_line(line)

    def take(self) -> Connection:
        """A connection that was idle and sounds well, or a new one."""
        while self._idle:
            try:
                line, _ = self._idle.pop()
            except IndexError:
                break  # another thread was quicker
            if _sounds_well(line):
                return line
            self._drop(line)
        line = open_line(self._place, prepares=self.prepares)
        line.patience = self.patience
        try:
            self._welcome(line)
        except BaseException:
            line.close()
            raise
        self._all.add(line)
        return line

    def put_back(self, line: Connection) -> None:
        """Whoever took a connection needs it no more."""
        if line.closed or line.pgconn.transaction_status != TransactionStatus.IDLE:
            self._drop(line)
            return
        now = time.monotonic()
        self._idle.append((line, now))
        while self._idle and now - self._idle[0][1] > IDLE:
            try:
                self._drop(self._idle.popleft()[0])
            except IndexError:
                break  # another thread was quicker
        if self._closed:
            self._hang_up_idle()

    def distrust(self, line: Connection, error: psycopg.Error) -> None:
        """A connection had trouble: what else is idle may have the same."""
        code = error.sqlstate
        if code in UNPREPARED and line.prepare_threshold is not None:
            self.prepares = code == "0A000" and self.prepares
            self._drop(line)
            self._hang_up_idle()
        elif line.closed or code in ELSEWHERE:
            self._drop(line)
            self._hang_up_idle()

    def _hang_up_idle(self) -> None:
        while self._idle:
            try:
                line, _ = self._idle.pop()
            except IndexError:
                return
            self._drop(line)

    def _drop(self, line: Connection) -> None:
        self._all.discard(line)
        line.close()


class Lent:
    """A connection while somebody uses it. No generator makes it: each write waits for that."""

    __slots__ = ("_line", "_lines")

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def __enter__(self) -> Connection:
        lines = self._lines
        lines.check()
        try:
            lines.room.get(timeout=PATIENCE)
        except Empty:
            raise StoreUnavailable(
                f"All {MOST} connections to the store {lines.shown} are busy."
            ) from None
        try:
            self._line = lines.take()
        except BaseException as error:
            lines.room.put(None)
            if isinstance(error, psycopg.Error):
                raise in_our_words(error, lines.shown) from error
            raise
        return self._line

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        lines = self._lines
        try:
            if isinstance(error, psycopg.Error):
                lines.distrust(self._line, error)
            lines.put_back(self._line)
        finally:
            lines.room.put(None)
        if isinstance(error, psycopg.Error):
            raise in_our_words(error, lines.shown) from error


def _sounds_well(line: Connection) -> bool:
    """Whether an idle connection was told nothing: what comes unasked is its end, as a rule."""
    return not (line.closed or line.poller.poll(0))
