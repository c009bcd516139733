"""For how long a call waits for the server's answer.

TCP notices a machine that is gone, by what isn't acknowledged. It doesn't notice a server that
stands, or a proxy that lost the other half of a connection: there a call would wait for ever. So
one that waits for too long has its connection shut down under it, which ends the call as if the
server had hung up. A store without calls has no thread for that. A wait costs no lock: it is noted
before it is looked whether somebody watches, and who ceases to watch says so before it looks anew.

What a node executes may take as long as it takes: there the server is asked, on another connection,
whether it is at work on it, and the wait goes on if it is.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

__all__ = ["Patience"]


class _Wait:
    """What a call waits for, and since when."""

    __slots__ = ("line", "since")

    def __init__(self, since: float, line: psycopg.Connection[Any]) -> None:
        self.since = since
        self.line = line


class Patience:
    """Gives up connections on which a call waits for longer than ``seconds``.

    But not while the server ``works`` for it, if that can be known.
    """

    def __init__(
        self, seconds: float, works: Callable[[psycopg.Connection[Any]], bool] | None = None
    ) -> None:
        self._seconds = seconds
        self._works = works
        self._lock = threading.Lock()
        self._waiting: dict[int, _Wait] = {}
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def begins(self, line: psycopg.Connection[Any]) -> None:
        """A wait for what a connection brings begins: there is one at a time on each."""
        self._waiting[id(line)] = _Wait(time.monotonic(), line)
        if self._thread is None:
            with self._lock:
                self._begin()

    def ends(self, line: psycopg.Connection[Any]) -> None:
        """The wait is over."""
        self._waiting.pop(id(line), None)

    def close(self) -> None:
        """Watch no more. In a forked child there is nothing to end."""
        self._closed.set()

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._watch, name="everflow-patience", daemon=True
            )
            self._thread.start()

    def _watch(self) -> None:
        """Look now and then; end when there was nothing to look at."""
        idle = False
        while not self._closed.wait(self._seconds / 4):
            oldest = time.monotonic() - self._seconds
            for wait in tuple(self._waiting.values()):
                if wait.since < oldest:
                    self._see_to(wait)
            if idle and not self._waiting:
                with self._lock:
                    self._thread = None
                    if self._waiting:  # it began before it could see that nobody watches
                        self._begin()
                return
            idle = not self._waiting

    def _see_to(self, wait: _Wait) -> None:
        """End a wait that takes long, or let it take as long once more."""
        if self._works is None or not self._works(wait.line):
            _hang_up(wait.line)
        else:
            wait.since = time.monotonic()


def _hang_up(line: psycopg.Connection[Any]) -> None:
    """End a connection under whoever waits on it."""
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(line.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
