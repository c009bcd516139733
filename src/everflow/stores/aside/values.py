"""How a large value is put aside: its entry keeps a mark with the hash of its text and its size.

Aside go payloads that the machine refers to and never reads: inputs, results, answers. Errors,
snapshots and failures stay where they are.
"""

from __future__ import annotations

from hashlib import sha256
from zlib import crc32

from everflow.core.entries import Kind, body_of, decode_body
from everflow.core.marks import ASIDE, is_marked, marked, unmarked
from everflow.core.refs import FAILURE_PREFIX
from everflow.errors import EverflowError
from everflow.store import EntryRow

__all__ = ["BLOB", "address_of", "put_aside", "put_back"]

BLOB = "blob"  # the kind of record: key = hash, body = payload
_KINDS = frozenset({Kind.START, Kind.RESULT, Kind.ANSWER, Kind.EARLY, Kind.WANTED})


def put_aside(row: EntryRow, over: int) -> tuple[EntryRow, tuple[str, str] | None]:
    """The row as it is kept, and (hash, payload) where its payload goes aside."""
    no, seq, body, checksum = row
    if len(body) <= over:
        return row, None
    try:
        entry = decode_body(body)
    except (ValueError, EverflowError):
        return row, None
    payload = entry.payload
    small = len(payload) <= over or entry.kind not in _KINDS or payload.startswith(FAILURE_PREFIX)
    if small or body_of(entry) != body:
        return row, None
    address = sha256(payload.encode()).hexdigest()
    entry.payload = marked(ASIDE, f"{address} {len(payload)}")
    return (no, seq, *_summed(body, checksum, body_of(entry))), (address, payload)


def address_of(body: str) -> str | None:
    """The hash in an entry whose payload is aside; None for any other."""
    if f'"$":"{ASIDE}"' not in body:
        return None
    try:
        payload = decode_body(body).payload
    except (ValueError, EverflowError):
        return None
    return unmarked(payload).split(" ")[0] if is_marked(ASIDE, payload) else None


def put_back(row: EntryRow, payload: str) -> EntryRow:
    """The row as it was before its payload was put aside."""
    no, seq, body, checksum = row
    entry = decode_body(body)
    entry.payload = payload
    return no, seq, *_summed(body, checksum, body_of(entry))


def _summed(body: str, checksum: int, other: str) -> tuple[str, int]:
    """The other body with its checksum; one that didn't hold still doesn't."""
    return other, crc32(other.encode()) ^ crc32(body.encode()) ^ checksum
