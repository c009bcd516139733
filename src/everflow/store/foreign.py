"""What others wrote of a run: doubts that a look at it alone can raise.

One rule holds: a file or a peer is believed in nothing that can be checked. A definition is the
one that its hash names, or none; a number fits a store's columns; and no text stands for a value
that lies elsewhere, since what lies there is this store's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from everflow.core.definition import Definition, from_data
from everflow.core.registry import Registry
from everflow.store.messages import Message
from everflow.store.rows import EntryRow

__all__ = ["LARGEST", "is_definition", "number_beyond", "points_away"]

LARGEST = (1 << 63) - 1
_SHORT = 65_536  # characters of a definition that is looked at once for all of its runs


def is_definition(hash_: str, body: str) -> bool:
    """Whether a text is the definition of that hash: others' runs may go by that name.

    A text that this release can't read is none.
    """
    check = _bears if len(body) <= _SHORT else _bears.__wrapped__
    return check(hash_, body)


@lru_cache(maxsize=256)
def _bears(hash_: str, body: str) -> bool:
    try:
        return Definition(from_data(body, Registry())).hash == hash_
    except Exception:  # noqa: BLE001 - whatever a text of others does, it is no definition then
        return False


def number_beyond(row: msgspec.Struct) -> str:
    """The field of a row whose number has more than 64 bits; empty where none has."""
    for field in row.__struct_fields__:
        value = getattr(row, field)
        if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
            return field
    return ""


def points_away(
    entries: Iterable[EntryRow], messages: Iterable[Message], marks: Iterable[str]
) -> bool:
    """Whether a value among these is one of these marks instead, which only a store may write."""
    signs = [f'"$":"{name}"' for name in marks]
    return any(sign in text for text in _texts(entries, messages) for sign in signs)


def _texts(entries: Iterable[EntryRow], messages: Iterable[Message]) -> Iterable[str]:
    yield from (body for _, _, body, _ in entries)
    for message in messages:
        values = (getattr(message, field) for field in message.__struct_fields__)
        yield from (value for value in values if isinstance(value, str))
