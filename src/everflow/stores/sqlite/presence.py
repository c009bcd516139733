"""Who has the store open: a lock on one file, shared by all of them.

Who can have it alone is the first: it makes the store if need be and looks at the log, where all
that recovery dropped is still to be seen. Later ones needn't: since then the log is in the hands of
processes that live, and a write of theirs that failed looks much like damage.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path

from everflow.errors import StoreUnavailable
from everflow.stores.locks import lock_by, try_lock


class Presence:
    """This object's share of the lock, from the opening to the end."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.alone = False

    def enter(self) -> None:
        """Be alone, or among others of whom none is alone."""
        deadline = time.monotonic() + self._patience
        pause = threading.Event()
        while True:
            if try_lock(self._fd):
                self.alone = True
                return
            if try_lock(self._fd, fcntl.LOCK_SH):
                return
            if time.monotonic() >= deadline:
                raise self._too_long()
            pause.wait(0.001)

    def share(self) -> None:
        """Let others in."""
        deadline = time.monotonic() + self._patience
        if not lock_by(self._fd, deadline, threading.Event(), fcntl.LOCK_SH):
            raise self._too_long()
        self.alone = False

    def leave(self) -> None:
        """Let go of the lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _too_long(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"Another process has been opening the store of {self._path} for {self._patience:g} s."
        )
