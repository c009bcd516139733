"""Lists as payload texts: how many elements, and the text of each, without decoding any.

Lists, tuples and sets count as lists; a set's order is that of its elements' texts, as the codec
writes it. What the machine decides by (truth, cases, failures) it learns of short elements here.
"""

from __future__ import annotations

import msgspec

from everflow.errors import NotAList, StoreDamaged

__all__ = ["Count", "count_of", "counted", "elements"]

LISTS = frozenset({"tuple", "set", "frozenset"})
_raw = msgspec.json.Decoder(list[msgspec.Raw])


class _Tagged(msgspec.Struct):
    name: str = msgspec.field(name="$")
    content: msgspec.Raw = msgspec.field(name="v")


class Count(msgspec.Struct, array_like=True):
    """What is known of a list: its length, the texts of short elements, which are failures."""

    count: int
    small: list[str | None] = []
    failures: list[int] = []


_tagged = msgspec.json.Decoder(_Tagged)
_count = msgspec.json.Decoder(Count)
_encoder = msgspec.json.Encoder()


def elements(payload: str) -> list[str]:
    """The texts of a list's elements. NotAList says what it is instead."""
    text: str | msgspec.Raw = payload
    if payload.startswith('{"$":'):
        tagged = _tagged.decode(payload)
        if tagged.name not in LISTS:
            raise _refused(f"a value of the type {tagged.name}")
        text = tagged.content
    elif not payload.startswith("["):
        raise _refused(_kind(payload))
    return [bytes(item).decode() for item in _raw.decode(text)]


def count_of(payload: str, small: int, failure: str) -> str:
    """What ``Count`` holds of a list's payload, as a text.

    ``small`` is how long an element may be to be told, ``failure`` how a failure's text begins.
    """
    items = elements(payload)
    told: list[str | None] = [item if len(item) <= small else None for item in items]
    failures = [i for i, item in enumerate(items) if item.startswith(failure)]
    known = Count(len(items), told if any(text is not None for text in told) else [], failures)
    return _encoder.encode(known).decode()


def counted(text: str) -> Count:
    """The inverse of ``count_of``; StoreDamaged for any other text."""
    try:
        return _count.decode(text)
    except ValueError as error:
        raise StoreDamaged(f"the count of a list can't be read: {error}") from error


def _refused(what: str) -> NotAList:
    return NotAList(
        f"each takes a list, a tuple or a set, not {what}",
        hint='let the node before it give a list; of an object write it["items"] >> each(...)',
    )


def _kind(payload: str) -> str:
    kinds = {"{": "a dict", '"': "a text", "n": "None", "t": "a truth value", "f": "a truth value"}
    return kinds.get(payload[:1], "a number")
