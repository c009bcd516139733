"""Locks on files between processes, which the kernel frees at a death.

``flock`` is called without giving up the GIL, and so never blocks: with another Python thread busy,
each call that gives it up costs some 5 ms.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import threading
import time

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.flock.argtypes = (ctypes.c_int, ctypes.c_int)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0001, 0.001  # seconds


def try_lock(fd: int, operation: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file unless somebody else holds it. Never blocks, never gives up the GIL."""
    while _libc.flock(fd, operation | fcntl.LOCK_NB) != 0:
        code = ctypes.get_errno()
        if code == errno.EWOULDBLOCK:
            return False
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))
    return True


def unlock(fd: int) -> None:
    """Free a lock that ``try_lock`` took."""
    _libc.flock(fd, fcntl.LOCK_UN)


def lock_by(
    fd: int, deadline: float, stop: threading.Event, operation: int = fcntl.LOCK_EX
) -> bool:
    """Lock an open file; False when the deadline (monotonic) comes or ``stop`` is set first.

    By looking again and again, because ``flock`` knows no timeout.
    """
    pause = _FIRST_PAUSE
    while not try_lock(fd, operation):
        if time.monotonic() >= deadline or stop.wait(pause):
            return False
        pause = min(2 * pause, _LONGEST_PAUSE)
    return True
