"""JSON that means one thing to whoever reads it (RFC 7493): what has two meanings isn't read.

A name that stands twice in an object is how a request says one thing to whoever checks it and
another to whoever acts on it.
"""

from __future__ import annotations

import json
import re
from typing import Any, Never

__all__ = ["read_json"]

_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def read_json(text: bytes) -> Any:
    """The value of a text of UTF-8.

    ValueError for anything else, names that stand twice, NaN and infinities; UnicodeError, which
    is one too, for halves of characters as well. RecursionError where it nests too deep.
    """
    value = json.loads(text.decode(), object_pairs_hook=_object, parse_constant=_refuse)
    if _HALF.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _refuse(name: str) -> Never:
    raise ValueError(f"{name} isn't JSON")
