"""Texts as PostgreSQL can bear them: its own can't hold a NUL.

Every text that a caller gives is marked on its way in and unmarked on its way out: a NUL becomes a
mark (``MARK``, code point 1) and code point 2, and a mark of the text's own one and code point 3.
Marked texts stand in the same order by code points as the texts themselves, and one begins with
another exactly if they do. Two marks stand together in none of them: they part texts that travel as
one. JSON that was encoded here needs no marks, since it writes either character as an escape, but
where the server reads the texts in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["MARK", "joined", "marked", "marked_json", "unmarked"]

MARK = "\x01"
PARTED = "\x01\x01"
_NUL = "\0"
_MARKS = {"\x01\x02": _NUL, "\x01\x03": MARK}
_MARKED = re.compile("\x01[\x02\x03]")
_ESCAPES = {"\\u0000": "\\u0001\\u0002", "\\u0001": "\\u0001\\u0003"}
_ESCAPED = re.compile(r"\\(?:u000[01]|.)")


def marked(text: str) -> str:
    """A text as it is stored."""
    if MARK in text or _NUL in text:
        return text.replace(MARK, "\x01\x03").replace(_NUL, "\x01\x02")
    return text


def unmarked(text: str) -> str:
    """A stored text as it was given."""
    return _MARKED.sub(lambda found: _MARKS[found[0]], text) if MARK in text else text


def marked_json(document: str) -> str:
    """A JSON document with its texts marked; control characters are escapes in it."""
    if "\\u000" not in document:
        return document
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[0], found[0]), document)


def joined(texts: Sequence[str]) -> str:
    """Marked texts, parted."""
    whole = PARTED.join(texts)
    if _NUL in whole or whole.count(MARK) > len(PARTED) * (len(texts) - 1):
        return PARTED.join(map(marked, texts))
    return whole
