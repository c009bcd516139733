"""Retentions: that ended runs were let go of stays written down, up to when they had ended.

It is written before the first of them goes: who misses one reads this afterwards.
"""

from __future__ import annotations

import msgspec

from everflow.store import Put, Store

__all__ = ["RETENTION", "Let", "let_of", "letting"]

RETENTION = "retention"  # the kind of record
_KEY = "runs"


class Let(msgspec.Struct):
    """The runs that had ended ``before`` were let go of, ``at`` that time; in microseconds."""

    before: int
    at: int


def let_of(store: Store) -> Let | None:
    """What was let go of here so far; None: nothing."""
    found = store.records(RETENTION, keys=[_KEY])
    return msgspec.json.decode(found[0].body, type=Let) if found else None


def letting(store: Store, told: Let) -> list[Put]:
    """What writes that down, unless as much is written."""
    known = let_of(store)
    if known is not None and known.before >= told.before:
        return []
    return [Put(kind=RETENTION, key=_KEY, body=msgspec.json.encode(told).decode())]
