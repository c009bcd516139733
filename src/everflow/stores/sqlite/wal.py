"""The scan of the write-ahead log: what SQLite's own recovery would drop in silence.

Recovery reads the log up to the first frame whose checksum doesn't hold and takes the rest for
never written. That is right for the last transaction, whose writing a power loss may have torn, and
wrong for anything earlier: each commit is synced before the next one is begun. So: frames of the
current generation (by their salts) that lie beyond the transaction at which recovery stopped are
proof of damage. (One flipped bit lost 52 of 100 acknowledged rows so; integrity_check said ok.)

The format is that of https://sqlite.org/fileformat.html, section 4. Checksums are left to SQLite:
recovery has just computed them, in C, and tells how far it came. They are computed again only
before damage is told.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import apsw

from everflow.errors import StoreDamaged
from everflow.stores.sqlite.files import opened, part
from everflow.stores.sqlite.trouble import RESTORE

_HEADER, _FRAME = 32, 24  # bytes


class Frame(NamedTuple):
    """The header of a frame. ``commit`` is the size of the store after a commit, else 0."""

    page: int
    commit: int
    salts: bytes
    sums: tuple[int, int]

    @classmethod
    def of(cls, head: bytes) -> Frame:
        """From its 24 bytes."""
        page, commit, salts, first, second = struct.unpack(">II8sII", head)
        return cls(page, commit, salts, (first, second))


def check_log(path: Path, vfs: str | None, *, recovered: int, place: str) -> set[int]:
    """The pages in the first ``recovered`` frames, which are all that SQLite's recovery took.

    Raises ``StoreDamaged`` when committed frames lie beyond them. To be called while nobody writes.
    """
    try:
        with opened(path, vfs, apsw.SQLITE_OPEN_WAL) as file:
            return _check(file, recovered, place)
    except apsw.CantOpenError:
        return set()


def _check(file: apsw.VFSFile, recovered: int, place: str) -> set[int]:
    header = part(file, _HEADER, 0)
    if len(header) < _HEADER or (file.xFileSize() == _HEADER and not recovered):
        return set()
    if not recovered and not _is_header(header):
        raise StoreDamaged(f"The log of the store {place} has a damaged header.", hint=RESTORE)
    frames = list(_frames(file, header))
    lost = _beyond(frames[recovered:], header[16:24])
    # A log that was reset but not yet written again still holds what is in the store already.
    if lost and _recoverable(file, header) == recovered:
        raise StoreDamaged(
            f"The log of the store {place} is damaged after its frame {recovered}; "
            f"{lost} more frames can't be read.",
            hint=RESTORE,
        )
    return {frame.page for frame in frames[:recovered]}


def _frames(file: apsw.VFSFile, header: bytes) -> Iterator[Frame]:
    size = int.from_bytes(header[8:12])
    for at in range(_HEADER, file.xFileSize() - _FRAME - size + 1, _FRAME + size):
        yield Frame.of(file.xRead(_FRAME, at))


def _recoverable(file: apsw.VFSFile, header: bytes) -> int:
    """How many frames recovery would take: up to the last commit before the first bad frame."""
    size = int.from_bytes(header[8:12])
    sums, taken = _sums(header, (0, 0), header[:24]), 0
    for index, frame in enumerate(_frames(file, header), 1):
        content = file.xRead(_FRAME + size, _HEADER + (index - 1) * (_FRAME + size))
        sums = _sums(header, _sums(header, sums, content[:8]), content[_FRAME:])
        if frame.salts != header[16:24] or frame.sums != sums:
            break
        if frame.commit:
            taken = index
    return taken


def _beyond(frames: list[Frame], salts: bytes) -> int:
    """How many frames of the current generation follow the first transaction in ``frames``.

    A frame is of this generation when one of its salts is right: damage may have hit the other.
    """
    current = [
        frame for frame in frames if frame.salts[:4] == salts[:4] or frame.salts[4:] == salts[4:]
    ]
    for index, frame in enumerate(current):
        if frame.commit:
            return len(current) - index - 1
    return 0


def _is_header(header: bytes) -> bool:
    """Does the checksum of the log's header hold, by section 4.1?"""
    stored = int.from_bytes(header[24:28]), int.from_bytes(header[28:32])
    return header[:3] == b"\x37\x7f\x06" and _sums(header, (0, 0), header[:24]) == stored


def _sums(header: bytes, sums: tuple[int, int], content: bytes) -> tuple[int, int]:
    """The checksum of section 4.2, carried on over ``content``."""
    order = ">" if header[3] & 1 else "<"
    first, second = sums
    words = struct.unpack(f"{order}{len(content) // 4}I", content)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
