"""The value codec: plain Python values to payloads (JSON text) and back, equal or refused.

What holds of every payload: it is JSON, at most ``LIMIT`` bytes of it, in which JSON types stand as
themselves and everything else as ``{"$":NAME,"v":CONTENT}``; NAME is one of the built-in ones or
comes from the registry (``Types``), never an import path; decoding gives a fresh value, equal to
the one encoded and of equal types throughout, dict order kept.

| value | content |
| --- | --- |
| None, bool, int of 64 bits, finite float, str, list, dict with string keys | itself |
| ``int`` beyond 64 bits | decimal text, 4,000 digits at most |
| ``bytes`` | base64 |
| ``datetime``, ``time`` | ISO 8601; a ZoneInfo by name as in RFC 9557, ``…+01:00[Europe/Berlin]`` |
| ``date`` | ISO 8601 |
| ``timedelta`` | microseconds, an integer |
| ``decimal``, ``uuid`` | text |
| ``tuple`` | a list |
| ``set``, ``frozenset`` | a list, in the order of its elements' texts |
| ``map``: a dict with other keys, or with the key ``"$"`` | a list of pairs |
| an enum's member | its value |
| a dataclass, Struct, or pydantic model | its fields; a Struct's by their encoded names |

Of a time zone: ``datetime.UTC`` and fixed offsets come back equal (the offset's own name is lost),
a named zone comes back by name with the wall time and the fold that were recorded; other zones are
refused. Refused too: NaN and infinities, halves of surrogate pairs, instances of subclasses of the
types above, anything nested deeper than ``DEPTH`` containers, and what contains itself.
"""

from __future__ import annotations

from everflow.core.decoding import decode, parse, untagged
from everflow.core.encoding import DEPTH, LIMIT, MAX_DIGITS, encode
from everflow.core.reading import Reader
from everflow.core.types import Types

__all__ = [
    "DEPTH",
    "LIMIT",
    "MAX_DIGITS",
    "Reader",
    "Types",
    "decode",
    "encode",
    "parse",
    "untagged",
]
