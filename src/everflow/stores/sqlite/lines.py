"""The two lines to the file: a pen that writes and a glass that reads.

* Each is one connection under one lock, so a read never waits for a commit.
* A line that met an I/O error is closed, and opened anew by the next call: so it heals by itself.
* A line is used by the process that opened it alone. A forked child that wrote through it would
  share file locks and a cache with its parent.
* What a statement gives is one row with one JSON text: with another Python thread busy each further
  row costs a fight for the GIL (measured: 1,000 rows 4 s, as one row 7 ms).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import apsw

from everflow.errors import StoreDamaged, StoreError
from everflow.stores.sqlite.opening import Value
from everflow.stores.sqlite.trouble import RESTORE, in_our_words, of_system
from everflow.stores.sqlite.turnstile import Turnstile

Values = tuple[Value, ...] | Mapping[str, Value]
Connect = Callable[[], apsw.Connection]
_SHORTLY = 100  # milliseconds


class Line:
    """One connection of this process to the store, opened when it is needed."""

    def __init__(self, connect: Connect, place: str) -> None:
        self._connect = connect
        self._place = place
        self._pid = os.getpid()
        self._closed = False
        self._db: apsw.Connection | None = None
        self._openings = 0

    @property
    def is_ours(self) -> bool:
        """False in a forked child."""
        return self._pid == os.getpid()

    def check(self) -> None:
        """Raise unless the store is open in this very process."""
        if not self.is_ours:
            raise StoreError(
                f"The store {self._place} was opened before a fork.",
                hint="open it again in the child",
            )
        if self._closed:
            raise StoreError(f"The store {self._place} is closed.", hint="open it again")

    @contextmanager
    def _connected(self) -> Iterator[apsw.Connection]:
        try:
            if self._db is None:
                self.check()
                self._db = self._connect()
                self._openings += 1
            yield self._db
        except apsw.Error as error:
            self._recover(error)
            raise in_our_words(error, self._place) from error
        except OSError as error:
            raise of_system(error, self._place) from error

    def _recover(self, error: apsw.Error) -> None:
        """Leave the line as if the call hadn't been."""
        if isinstance(error, apsw.IOError | apsw.CantOpenError | apsw.CorruptError):
            self._hang_up()
        elif self._db is not None and self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except apsw.Error:
                self._hang_up()

    def _hang_up(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            try:
                db.close(force=True)
            except apsw.Error:
                del db  # the error that led here is being told already


class Glass(Line):
    """The line that reads."""

    def __init__(self, connect: Connect, place: str) -> None:
        super().__init__(connect, place)
        self._lock = threading.Lock()

    def look(self) -> None:
        """Open the line."""
        self.check()
        with self._lock, self._connected():
            pass

    def text(self, statement: str, values: Values = ()) -> str:
        """The one text that a statement gives."""
        self.check()
        with self._lock, self._connected() as db:
            try:
                return str(db.execute(statement, values).get)
            except UnicodeDecodeError as error:
                raise StoreDamaged(
                    f"The store {self._place} has a text that can't be read: {error}.", hint=RESTORE
                ) from error

    def hold(self, end: float) -> bool:
        """Keep all calls out until ``go_on``; False where one is still inside at that instant."""
        return self._lock.acquire(timeout=max(0.0, end - time.monotonic()))

    def go_on(self) -> None:
        """The end of ``hold``."""
        self._lock.release()

    def close(self) -> None:
        """Hang up for good."""
        with self._lock:
            self._closed = True
            self._hang_up()


class Pen(Line):
    """The line that writes. ``told`` holds the numbers that the last statement told us."""

    def __init__(self, connect: Connect, place: str, turnstile: Turnstile) -> None:
        super().__init__(connect, place)
        self.turnstile = turnstile
        self.told: list[int] = []
        self._seen = 0
        self._soiled = False

    @contextmanager
    def turn(self) -> Iterator[apsw.Connection]:
        """The connection while it is this caller's turn to write, outside of a transaction."""
        self.check()
        self.turnstile.enter()
        try:
            with self._connected() as db:
                if self._soiled:
                    self._wipe(db)
                yield db
        finally:
            self.turnstile.leave()

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """A transaction of several statements."""
        with self.turn() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def look(self) -> None:
        """Open the line."""
        with self.turn():
            pass

    def write(self, statement: str, values: Values = ()) -> list[int]:
        """One statement that is its own transaction; the numbers that it told."""
        with self.turn() as db:
            told: list[int] = []
            self.told = told
            db.execute(statement, values)
            return told

    def tell(self, *numbers: Value) -> None:
        """What ``everflow_tell`` calls."""
        self.told.extend(cast("tuple[int, ...]", numbers))

    def version(self) -> int:
        """Changes with every commit of another connection, not with this one's own.

        While this line is writing it is the last number known: to wait would be to wait for a
        commit, and whoever asks will ask again.
        """
        self.check()
        with self.turnstile.hall() as inside:
            if inside and self._db is not None:
                with self._connected() as db:
                    version = int(str(db.execute("PRAGMA data_version").get))
                    self._seen = (self._openings << 32) + version
        return self._seen

    def close(self) -> None:
        """Hang up for good."""
        if self._closed:
            return
        self._closed = True
        self.turnstile.close()
        self._hang_up()

    def _recover(self, error: apsw.Error) -> None:
        super()._recover(error)
        if isinstance(error, apsw.IOError | apsw.FullError):
            self._soiled = True

    def _wipe(self, db: apsw.Connection) -> None:
        """Empty the log after a write that failed.

        It left frames behind the last commit. Those of one failed write are taken for a torn last
        transaction, which they are; those of several, the later ones shorter, would look like
        damage in the middle (see ``wal``).
        """
        patience = round(1000 * self.turnstile.patience)
        db.set_busy_timeout(_SHORTLY)
        try:
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._soiled = False
        except apsw.BusyError:
            self._soiled = True  # somebody reads: the next turn tries again
        finally:
            db.set_busy_timeout(patience)
