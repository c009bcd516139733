"""For how long a call waits for the server's answer.

TCP notices a machine that is gone, by what isn't acknowledged. It doesn't notice a server that
stands, or a proxy that lost the other half of a connection: there a call would wait for ever. So
one that waits for too long has its connection shut down under it, which ends the call as if the
server had hung up. A store without calls has no thread for that. A wait costs no lock: it is noted
before it is looked whether somebody watches, and who ceases to watch says so before it looks anew.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import psycopg

__all__ = ["Patience"]


class Patience:
    """Gives up connections on which a call waits for longer than ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[float, psycopg.Connection[Any]]] = {}
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def begins(self, line: psycopg.Connection[Any]) -> None:
        """A wait for what a connection brings begins: there is one at a time on each."""
        self._waiting[id(line)] = (time.monotonic(), line)
        if self._thread is None:
            with self._lock:
                self._begin()

    def ends(self, line: psycopg.Connection[Any]) -> None:
        """The wait is over."""
        del self._waiting[id(line)]

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
            for begun, line in tuple(self._waiting.values()):
                if begun < oldest:
                    _hang_up(line)
            if idle and not self._waiting:
                with self._lock:
                    self._thread = None
                    if self._waiting:  # it began before it could see that nobody watches
                        self._begin()
                return
            idle = not self._waiting


def _hang_up(line: psycopg.Connection[Any]) -> None:
    """End a connection under whoever waits on it."""
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(line.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
