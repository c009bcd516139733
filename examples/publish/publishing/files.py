"""Whole files, written by one at a time.

Laws: a reader sees the old file or the new one, never a part; who writes into a folder holds that
folder's lock; what a killed writer left behind is overwritten by the next.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder, made if it isn't there, against other threads and processes of this machine.

    The kernel gives the lock back when its holder dies, so a killed worker leaves nothing to clear
    away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> bool:
    """Make the file hold these bytes, durably and at once; False when it already did.

    Call it under `locked(path.parent)`: the temporary name is a fixed one, so that a killed
    writer's remains are reused.
    """
    if path.is_file() and path.read_bytes() == data:
        return False
    partial = path.with_name(f".{path.name}.part")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
