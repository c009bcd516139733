"""Whether entries are those that were written: by their checksums, and without a gap."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from everflow.errors import StoreDamaged
from everflow.store import EntryRow

__all__ = ["check_sums", "check_whole", "missing"]

_RESTORE = "nothing was changed; restore a backup"


def check_sums(run: str, entries: Iterable[EntryRow]) -> None:
    """Raise ``StoreDamaged`` for the first entry whose checksum doesn't hold."""
    for _, seq, body, checksum in entries:
        if zlib.crc32(body.encode()) != checksum:
            raise StoreDamaged(
                f"Entry {seq} is damaged: its checksum is wrong.", run=run, hint=_RESTORE
            )


def check_whole(run: str, base: int, entries: Sequence[EntryRow]) -> None:
    """Raise ``StoreDamaged`` for the first entry from ``base`` on that is missing."""
    if not entries:
        raise missing(run, base)
    for seq, entry in enumerate(entries, base):
        if entry[1] != seq:
            raise missing(run, seq)


def missing(run: str, seq: int) -> StoreDamaged:
    """The error for an entry that isn't there."""
    return StoreDamaged(f"Entry {seq} is missing.", run=run, hint=_RESTORE)
