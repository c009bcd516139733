"""Entries: everything that a run has learnt, in order, as texts that any store can keep.

An entry's body is one JSON array: ``[seq, at, kind, op, payload, node, input, ticks, note,
format]``. The op's path holds its position, so the position isn't written again. The checksum of a
body is CRC-32 over its UTF-8 bytes.
"""

from __future__ import annotations

from enum import StrEnum
from zlib import crc32

import msgspec

from everflow.errors import UnknownFrame

__all__ = ["FORMAT", "Entry", "Kind", "body_of", "decode_body", "row_of"]

FORMAT = 1


class Kind(StrEnum):
    """What an entry tells. Each op has one closing entry, or is closed by a consequence."""

    START = "start"  # the run begins; the payload is its input, note its id, op its caller's
    RESULT = "result"  # closes a node's op
    ERROR = "error"  # closes a node's op
    STOPPED = "stopped"  # closes a node's op that was cancelled
    FIRED = "fired"  # closes a timer
    ANSWER = "answer"  # closes a question
    EARLY = "early"  # an answer that comes before its question; op is its tag
    WANTED = "wanted"  # a sync node called wait_for; note is the tag, the payload its prompt
    AWAITED = "awaited"  # a body awaits a flow: note says which, the payload is what it is given
    CONTINUED = "continued"  # a body begins anew; the payload is the state that it goes on with
    CHILD = "child"  # closes a call; note says how the child ended, the payload is value or error
    SIGNAL = "signal"  # a message came; op is its name, note by whom
    CANCEL = "cancel"  # the run is to end; note says by whom
    MOVED = "moved"  # the run goes on under other settings; note is the definition's hash
    UPGRADED = "upgraded"  # it goes on under another shape, whose hash is the note
    BASE = "base"  # a snapshot: the payload is the state after the entry before it
    RETRIED = "retried"  # the next generation; the payload is the state to go on from, note by whom
    FORKED = "forked"  # all before it was copied from another run; note says which, up to where


class Entry(msgspec.Struct, gc=False):
    """One entry. ``payload`` is a JSON text, ``at`` microseconds since the epoch."""

    seq: int
    at: int
    kind: str
    op: str = ""
    payload: str = "null"
    node: str = ""
    input: int | None = None
    ticks: int = 0
    note: str = ""


class _Body(msgspec.Struct, array_like=True):
    seq: int
    at: int
    kind: str
    op: str
    payload: msgspec.Raw
    node: str
    input: int | None
    ticks: int
    note: str
    format: int


_decoder = msgspec.json.Decoder(_Body)
_text = msgspec.json.Encoder()
_TEXTS: dict[str, str] = {kind: kind.value for kind in Kind}
_NAMED = frozenset({Kind.EARLY.value, Kind.SIGNAL.value})  # their op is a name from outside


def body_of(entry: Entry) -> str:
    """The text of an entry. Ops and node names bear no character that JSON would escape."""
    # A look-up in a dict, since to format or to name a member of an enum takes 0.2 us each.
    kind = _TEXTS[entry.kind]
    op = entry.op if kind not in _NAMED else _text.encode(entry.op).decode()[1:-1]
    note = _text.encode(entry.note).decode() if entry.note else '""'
    source = "null" if entry.input is None else entry.input
    return (
        f'[{entry.seq},{entry.at},"{kind}","{op}",{entry.payload},'
        f'"{entry.node}",{source},{entry.ticks},{note},{FORMAT}]'
    )


def row_of(no: int, entry: Entry) -> tuple[int, int, str, int]:
    """The row that a store keeps of a run's entry."""
    body = body_of(entry)
    return no, entry.seq, body, crc32(body.encode())


def decode_body(body: str) -> Entry:
    """The entry of a body; ValueError when it isn't one, UnknownFrame for one of another format."""
    row = _decoder.decode(body)
    if row.format != FORMAT:
        raise UnknownFrame(
            f"the journal has an entry of format {row.format}; this release reads {FORMAT}",
            hint="the run loses nothing and goes on where the release that wrote it is installed",
        )
    payload = bytes(row.payload).decode()
    return Entry(
        row.seq, row.at, row.kind, row.op, payload, row.node, row.input, row.ticks, row.note
    )
