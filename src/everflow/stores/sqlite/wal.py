"""The scan of the write-ahead log: what SQLite's own recovery would drop in silence.

Recovery reads the log up to the first frame whose checksum doesn't hold and takes the rest for
never written. That is right for the last transaction, whose writing a power loss may have torn, and
wrong for anything earlier: each commit is synced before the next one is begun. So: frames of the
current generation (by their salts) that lie beyond the transaction at which recovery stopped are
proof of damage. (One flipped bit lost 52 of 100 acknowledged rows so; integrity_check said ok.)

The format is that of https://sqlite.org/fileformat.html, section 4. Checksums are left to SQLite:
recovery has just computed them, in C, and tells how far it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import apsw

from everflow.errors import StoreDamaged
from everflow.stores.sqlite.files import read_bytes
from everflow.stores.sqlite.trouble import RESTORE

_HEADER, _FRAME = 32, 24  # bytes
_KIND = apsw.SQLITE_OPEN_WAL


class Frame(NamedTuple):
    """The header of a frame: its page, the size of the store after a commit (else 0), its salts."""

    page: int
    commit: int
    salts: tuple[bytes, bytes]


def check_log(path: str, vfs: str | None, *, recovered: int, place: str) -> None:
    """Raise ``StoreDamaged`` when committed frames lie beyond the ``recovered`` ones.

    To be called while nobody writes: within a write transaction that wrote nothing.
    """
    header = _read(path, vfs, _HEADER, 0)
    if len(header) < _HEADER:
        return
    size = int.from_bytes(header[8:12])
    if not recovered and not _is_header(header):
        if _read(path, vfs, 1, _HEADER):
            raise StoreDamaged(
                f"The header of the log of the store {place} is damaged.", hint=RESTORE
            )
        return
    lost = _beyond(list(_frames(path, vfs, size, recovered)), (header[16:20], header[20:24]))
    if lost:
        raise StoreDamaged(
            f"The log of the store {place} is damaged after its frame {recovered}; "
            f"{lost} more frames can't be read.",
            hint=RESTORE,
        )


def _beyond(frames: list[Frame], salts: tuple[bytes, bytes]) -> int:
    """How many frames of the current generation follow the first transaction in ``frames``.

    A frame is of this generation when one of its salts is right: damage may have hit the other.
    """
    current = [
        frame for frame in frames if frame.salts[0] == salts[0] or frame.salts[1] == salts[1]
    ]
    for index, frame in enumerate(current):
        if frame.commit:
            return len(current) - index - 1
    return 0


def pages_in_log(path: str, vfs: str | None, *, recovered: int) -> set[int]:
    """The numbers of the pages that the first ``recovered`` frames hold."""
    header = _read(path, vfs, _HEADER, 0)
    size = int.from_bytes(header[8:12])
    frames = _frames(path, vfs, size, 0)
    return {frame.page for frame, _ in zip(frames, range(recovered), strict=False)}


def _is_header(header: bytes) -> bool:
    """Does the checksum of the log's header hold, by section 4.2?"""
    order: Literal["big", "little"] = "big" if header[3] & 1 else "little"
    words = [int.from_bytes(header[at : at + 4], order) for at in range(0, 24, 4)]
    first = second = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    sums = (int.from_bytes(header[24:28]), int.from_bytes(header[28:32]))
    return header[:3] == b"\x37\x7f\x06" and (first, second) == sums


def _frames(path: str, vfs: str | None, size: int, skip: int) -> Iterator[Frame]:
    file = apsw.VFSFile(vfs or "", path, [_KIND | apsw.SQLITE_OPEN_READONLY, 0])
    try:
        end = file.xFileSize()
        at = _HEADER + skip * (_FRAME + size)
        while at + _FRAME <= end:
            head = file.xRead(_FRAME, at)
            yield Frame(
                page=int.from_bytes(head[:4]),
                commit=int.from_bytes(head[4:8]),
                salts=(head[8:12], head[12:16]),
            )
            at += _FRAME + size
    finally:
        file.xClose()


def _read(path: str, vfs: str | None, amount: int, offset: int) -> bytes:
    try:
        return read_bytes(path, vfs, _KIND, amount, offset)
    except apsw.CantOpenError:
        return b""
