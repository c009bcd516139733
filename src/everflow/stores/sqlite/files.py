"""What is looked at before SQLite opens a file, so that nothing else is taken for a store.

Files that SQLite may have open in this process are read through its own file layer: closing any
descriptor of a file drops all POSIX locks that the process holds on it, SQLite's included.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from everflow.errors import ConfigurationError, StoreDamaged, StoreForeign
from everflow.stores.sqlite.trouble import RESTORE

APPLICATION = int.from_bytes(b"Evfl")
MAGIC = b"SQLite format 3\0"
_FIXED = bytes([64, 32, 32])  # the payload fractions
HEADER = 100  # bytes; https://sqlite.org/fileformat.html, 1.3
_NETWORK = frozenset(
    {
        "9p",
        "afs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse.ceph",
        "fuse.davfs2",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.gvfsd-fuse",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.smbnetfs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    }
)
_MOUNTS = Path("/proc/self/mountinfo")


@contextmanager
def opened(path: Path, vfs: str | None, kind: int) -> Iterator[apsw.VFSFile]:
    """A file of SQLite's, by way of its file layer. ``kind`` is one of its ``SQLITE_OPEN_*``."""
    file = apsw.VFSFile(vfs or "", str(path), [kind | apsw.SQLITE_OPEN_READONLY, 0])
    try:
        yield file
    finally:
        file.xClose()


def part(file: apsw.VFSFile, amount: int, offset: int) -> bytes:
    """A part of a file; shorter where the file ends."""
    amount = max(0, min(amount, file.xFileSize() - offset))
    return file.xRead(amount, offset) if amount else b""


def inspect(path: Path, vfs: str | None) -> None:
    """Refuse a file that is emptied, foreign or cut inside its header."""
    with opened(path, vfs, apsw.SQLITE_OPEN_MAIN_DB) as file:
        header = part(file, HEADER, 0)
    if not header:
        raise StoreDamaged(
            f"The store {path} is empty: it was a store or never became one.",
            hint="restore a backup, or delete the file if nothing was ever in it",
        )
    application = int.from_bytes(header[68:72])
    if not header.startswith(MAGIC):
        if application == APPLICATION:
            raise StoreDamaged(f"The header of the store {path} is damaged.", hint=RESTORE)
        raise StoreForeign(
            f"{path} is no store: it isn't even an SQLite file.", hint="name another file"
        )
    if len(header) < HEADER:
        raise StoreDamaged(f"The store {path} is cut inside its header.", hint=RESTORE)
    if not {header[18], header[19]} <= {1, 2} or header[21:24] != _FIXED:
        raise StoreDamaged(f"The header of the store {path} is damaged.", hint=RESTORE)
    if application != APPLICATION:
        raise StoreForeign(
            f"{path} is an SQLite file of another application.", hint="name another file"
        )


def refuse_network(path: Path, mounts: str | None = None) -> None:
    """Refuse network file systems: their locks and shared memory don't hold what WAL asks of them.

    ``mounts`` is the text of ``/proc/self/mountinfo`` (proc(5)); without it nothing is refused.
    """
    if mounts is None:
        mounts = _MOUNTS.read_text(encoding="utf-8") if _MOUNTS.exists() else ""
    where, kind = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = before.split(" ")[4].encode().decode("unicode_escape")
        inside = path == Path(point) or Path(point) in path.parents
        if inside and len(point) >= len(where):  # of mounts on one place the last one is seen
            where, kind = point, after.split(" ")[0]
    if kind in _NETWORK:
        raise ConfigurationError(
            f"{path} is on a network file system ({kind}), where SQLite loses data.",
            hint="put the store on a local disk, or use PostgreSQL",
        )


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
