"""The turnstile: whoever wants to write queues here, so that nobody is starved.

Two locks, taken in turn: *next* is held while waiting for *writing* and let go once inside. A busy
writer that comes again finds the waiting one in *next* and goes behind it. (Measured: without, a
process that commits all the time kept another one's single row waiting for 3 s; with, 0.4 ms.)

Between processes these are locks on two files (see ``stores/locks.py``), which the kernel frees at
a death; between threads of one process two plain locks, because Python's lock isn't fair either.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from everflow.errors import StoreError, StoreUnavailable
from everflow.stores.locks import lock_by, unlock

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class Turnstile:
    """One writer at a time, in about the order of coming."""

    def __init__(self, folder: Path, *, patience: float, place: str) -> None:
        self.patience = patience
        self._place = place
        self._queue = threading.Lock()
        self._hall = threading.Lock()
        self._closing = threading.Event()
        self._next = os.open(folder / "next", _FLAGS, 0o644)
        self._writing = os.open(folder / "writing", _FLAGS, 0o644)

    def enter(self) -> None:
        """Wait for one's turn; raises ``StoreUnavailable`` when patience is at its end."""
        deadline = time.monotonic() + self.patience
        if not self._queue.acquire(timeout=self.patience):
            raise self._too_long()
        try:
            if not self._hall.acquire(timeout=max(0.0, deadline - time.monotonic())):
                raise self._too_long()
            try:
                self._pass(deadline)
            except BaseException:
                self._hall.release()
                raise
        finally:
            self._queue.release()

    def leave(self) -> None:
        """Let the next one in."""
        unlock(self._writing)
        self._hall.release()

    @contextmanager
    def hall(self) -> Iterator[bool]:
        """Keep this process's other threads out if none is inside, without a turn to write."""
        inside = self._hall.acquire(blocking=False)
        try:
            yield inside
        finally:
            if inside:
                self._hall.release()

    def hold(self, end: float) -> bool:
        """Keep all threads out until ``go_on``; False where one is still inside at that instant."""
        return self._hall.acquire(timeout=max(0.0, end - time.monotonic()))

    def go_on(self) -> None:
        """The end of ``hold``."""
        self._hall.release()

    def close(self) -> None:
        """Send away who waits, let who is inside finish, and let go of the files."""
        self._closing.set()
        with self._queue, self._hall:
            os.close(self._next)
            os.close(self._writing)

    def forsake(self) -> None:
        """In a forked child: let go of the files, whoever may be inside in the parent."""
        os.close(self._next)
        os.close(self._writing)

    def _pass(self, deadline: float) -> None:
        self._take(self._next, deadline)
        try:
            self._take(self._writing, deadline)
        finally:
            unlock(self._next)

    def _take(self, fd: int, deadline: float) -> None:
        if self._closing.is_set():
            raise StoreError(f"The store {self._place} is closed.", hint="open it again")
        if not lock_by(fd, deadline, self._closing):
            raise self._too_long()

    def _too_long(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"Others have been writing to the store {self._place} for {self.patience:g} s.",
            hint="look for a process that was stopped in the middle of a write",
        )
