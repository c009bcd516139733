"""Texts as PostgreSQL can bear them: its own can't hold a NUL.

Every text that a caller gives is marked on its way in and unmarked on its way out: a NUL becomes
two marks (``MARK``, code point 1), and a mark of the text's own one and code point 2. Marked texts
stand in the same order by code points as the texts themselves, and one begins with another exactly
if they do. JSON that was encoded here needs no marks, only the texts in it, since it writes either
character as an escape.
"""

from __future__ import annotations

import re

__all__ = ["MARK", "marked", "unmarked"]

MARK = "\x01"
_NUL = "\0"
_MARKS = {"\x01\x01": _NUL, "\x01\x02": MARK}
_MARKED = re.compile("\x01[\x01\x02]")


def marked(text: str) -> str:
    """A text as it is stored."""
    if MARK in text or _NUL in text:
        return text.replace(MARK, "\x01\x02").replace(_NUL, "\x01\x01")
    return text


def unmarked(text: str) -> str:
    """A stored text as it was given."""
    return _MARKED.sub(lambda found: _MARKS[found[0]], text) if MARK in text else text
