"""The ear: a thread with a connection of its own that hears of what others wrote.

* It begins with the first call of ``version``: who never asks costs no connection.
* What it hears is a hint. Once in a while it looks for itself, in one cheap query, and only if
  somebody asked meanwhile; that is the net for what was written without telling.
* Whether notifications come through is tried, each time it connects, by one that another
  connection sends: behind a pooler that gives connections out by transactions none come, and
  nothing else would say so. Then it looks more often.
* Trouble is never the asker's: the number stands still while the server is away, and moves when it
  is back.
"""

from __future__ import annotations

import logging
import os
import random
import secrets
import select
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import psycopg

from everflow.errors import EverflowError
from everflow.stores.postgres.code import QUERIES, in_schema
from everflow.stores.postgres.lines import Connection, Lines, forsake_line, open_line
from everflow.stores.postgres.place import Place

__all__ = ["Ear"]

NET = 1.0  # seconds between two looks while notifications come through
POLL = 0.25  # and while they don't
TRIAL = 2.0  # seconds in which the one that was sent for trial must come
FIRST = 1.0  # seconds that the first asker waits for all that
PAUSE = 2.0  # seconds between two attempts to connect, at most
_TRIED = "?"  # what such a notification begins with
_log = logging.getLogger("everflow.store")


class Seen(NamedTuple):
    """What a look shows: a sum that grows with writes, and which transactions were under way."""

    told: int
    oldest: int
    next: int


class Ear:
    """Says by a number whether others wrote."""

    def __init__(self, place: Place, lines: Lines) -> None:
        self._place = place
        self._lines = lines
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._early = False  # somebody asked, and looks, before anything is heard
        self._line: Connection | None = None
        self._waker: int | None = None
        self._closed = False
        self._asked = False
        self._number = 0
        self.mine: set[int] = set()  # this object's own workers
        self._reactions: list[list[Callable[[], None]]] = []
        self._token = ""
        self._deadline = 0.0  # of the trial
        self.hears: bool | None = None  # None while that is being tried
        self._seen = Seen(0, 0, 0)
        self._shown = 0.0  # when that was
        self._comparing = threading.Lock()
        self._until = 0  # transactions below were under way as something was seen to change

    def version(self) -> int:
        """A number that changes after others wrote. Never waits for the server but at first."""
        self._lines.check()
        if self._thread is None:
            self._begin()
        self._asked = True
        if not self._ready.is_set():
            self._early = True
        return self._number

    def shown(self, now: Seen) -> None:
        """Another query of this store saw so much by the way: the next look isn't needed."""
        if self._ready.is_set():
            self._compare(now)

    def heed(self, react: Callable[[], None]) -> Callable[[], None]:
        """Have ``react`` called whenever the number changes; give what ends that."""
        entry = [react]  # the same function may be given twice
        self._reactions.append(entry)
        return lambda: self._reactions.remove(entry) if entry in self._reactions else None

    def _advance(self) -> None:
        self._number += 1
        for (react,) in list(self._reactions):
            react()

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            self._closed = True
            thread, waker = self._thread, self._waker
            self._waker = None
        if waker is not None and thread is not None and self._lines.is_ours:
            os.close(waker)  # the other end wakes the thread, which closes that
            thread.join(timeout=PAUSE)

    def forsake(self) -> None:
        """In a forked child: let go of the parent's connection."""
        if self._line is not None:
            forsake_line(self._line)
        if self._waker is not None:
            os.close(self._waker)
            self._waker = None

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                wake, self._waker = os.pipe()
                self._thread = threading.Thread(
                    target=self._run, args=[wake], name="everflow-ear", daemon=True
                )
                self._thread.start()
        self._ready.wait(FIRST)

    def _run(self, wake: int) -> None:
        pause = 0.0
        try:
            while not self._closed:
                try:
                    with open_line(self._place) as self._line:
                        self._line.patience = self._lines.patience
                        self._attend(self._line, wake)
                    pause = 0.0
                except (psycopg.Error, OSError) as error:
                    _log.debug("listening to %s broke: %s", self._place.shown, error)
                    pause = min(2 * pause + 0.05, PAUSE)
                self._line = None
                self.hears = None
                short = pause * random.uniform(0.5, 1)  # noqa: S311 - no secret, but never the same
                select.select([wake], [], [], short)
        finally:
            os.close(wake)

    def _attend(self, line: Connection, wake: int) -> None:
        """Listen until closed."""
        line.add_notify_handler(self._heard)
        line.execute(f"LISTEN {self._place.channel}")
        if self._ready.is_set() or self._early:
            self._advance()  # what was told meanwhile is lost
        self._seen = self._look(line)
        self._ready.set()
        self._try()
        next_look = time.monotonic() + POLL
        poller = select.poll()
        poller.register(line.fileno(), select.POLLIN)
        poller.register(wake, select.POLLIN)
        while not self._closed:
            if poller.poll(max(0, round(1000 * (next_look - time.monotonic())))):
                _hear(line)
            if time.monotonic() >= next_look:
                self._judge()
                next_look = time.monotonic() + (NET if self.hears else POLL)
                pause = NET if self.hears else POLL
                if self._asked and time.monotonic() - self._shown >= 0.9 * pause:
                    self._asked = False
                    self._compare(self._look(line))

    def _try(self) -> None:
        """Send a notification that must come."""
        self._token = _TRIED + secrets.token_hex(8)
        self._deadline = time.monotonic() + TRIAL
        try:
            with self._lines.line() as other:
                other.execute("SELECT pg_notify(%s, %s)", [self._place.channel, self._token])
        except EverflowError as error:
            _log.debug("no trial of notifications from %s: %s", self._place.shown, error)

    def _judge(self) -> None:
        if self.hears is None and time.monotonic() > self._deadline:
            self.hears = False
            _log.warning(
                "Notifications from %s don't come through (a pooler by transactions is between?): "
                "this process looks %d times a second instead.",
                self._place.shown,
                round(1 / POLL),
            )

    def _heard(self, told: psycopg.Notify) -> None:
        if not told.payload.startswith(_TRIED):
            if not self._is_for_others(told.payload):
                self._advance()
        elif told.payload == self._token:
            self.hears = True

    def _is_for_others(self, payload: str) -> bool:
        """Whether it is a worker's number, and that worker isn't of this store object.

        Who has no workers here, such as a client that waits, hears everything.
        """
        return bool(self.mine) and payload.isdecimal() and int(payload) not in self.mine

    def _look(self, line: Connection) -> Seen:
        (row,) = line.execute(in_schema(QUERIES["told"], self._place.schema)).fetchall()
        return Seen(*row)

    def _compare(self, now: Seen) -> None:
        """What can be seen as changed may not be committed: another number once it must be."""
        with self._comparing:
            changed = now.told != self._seen.told
            if changed or (self._until and now.oldest >= self._until):
                self._until = now.next if changed else 0
                self._advance()
            self._seen, self._shown = now, time.monotonic()


def _hear(line: Connection) -> None:
    """Take in what came without being asked for."""
    pgconn = line.pgconn
    pgconn.consume_input()
    while told := pgconn.notifies():
        if pgconn.notify_handler:
            pgconn.notify_handler(told)
