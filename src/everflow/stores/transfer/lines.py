"""The lines of an export, in their order.

A header; then for each run its definition (when no line before gave it), the run, its entries, its
questions, its inbox; at the end the counts and a SHA-256 over every byte before. Each line is one
JSON object whose ``kind`` says what it is. A change of any line's meaning is a new format.
"""

from __future__ import annotations

import msgspec

from everflow.store import Message, QuestionRow, RunRow

FORMAT = 1
LIVE_REASON = "imported; adopt it to go on"


class _Line(msgspec.Struct, tag_field="kind", forbid_unknown_fields=True):
    pass


class Header(_Line, tag="everflow-export"):
    """Who wrote the file: format, release, store id, and how many runs it promises."""

    format: int
    version: str
    store: str
    runs: int


class DefinitionLine(_Line, tag="definition"):
    """A definition by its hash."""

    hash: str
    body: str


class RunLine(_Line, tag="run"):
    """A run's row, the keys of the signals it took, and how many lines of its own follow."""

    row: RunRow
    entries: int
    questions: int
    messages: int
    heard: list[tuple[str, str]] = []


class EntryLine(_Line, tag="entry"):
    """An entry of the run above, with the CRC-32 of its body."""

    seq: int
    sum: int
    body: str


class QuestionLine(_Line, tag="question"):
    """A question of the run above."""

    row: QuestionRow


class MessageLine(_Line, tag="message"):
    """A message in the inbox of the run above."""

    message: Message


class Counts(msgspec.Struct):
    """How many lines of each kind there were."""

    runs: int = 0
    definitions: int = 0
    entries: int = 0
    questions: int = 0
    messages: int = 0


class End(_Line, tag="end"):
    """The last line: what there was, and the digest of all bytes before this line."""

    counts: Counts
    sha256: str


Line = Header | DefinitionLine | RunLine | EntryLine | QuestionLine | MessageLine | End

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class First(msgspec.Struct):
    """What a first line of any format must have."""

    kind: str
    format: int


def encode(line: Line) -> bytes:
    """A line with its end."""
    return _encoder.encode(line) + b"\n"


def decode(data: bytes) -> Line:
    """A line without its end. Raises what msgspec raises, or ``RecursionError``."""
    return _decoder.decode(data)
