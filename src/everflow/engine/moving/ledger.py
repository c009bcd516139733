"""What a move writes down of itself, at both stores, to go on where it was cut.

``moving`` (at the source) stands as long as a move isn't through, ``coming`` (at the target) from
its begin on, by the id of the other store each. ``leaving`` (at the source) names what was given up
and may not have arrived; ``arrived`` (at the target), by the same key, says that it has. It goes
once the other one is gone.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from everflow.store import Put, Record, Store

__all__ = [
    "ARRIVED",
    "BY",
    "COMING",
    "LEAVING",
    "LEDGER",
    "MOVING",
    "Given",
    "Leaving",
    "Moving",
    "read",
    "read_one",
    "writing",
]

MOVING, COMING = "moving", "coming"
LEAVING, ARRIVED = "leaving", "arrived"
LEDGER = frozenset({MOVING, COMING, LEAVING, ARRIVED})  # kinds that never move themselves
BY = "everflow move"  # who pauses queues

T = TypeVar("T", bound=msgspec.Struct)


class Given(msgspec.Struct, array_like=True):
    """A run that was given up, with its tenure; and of a copy, who has the run."""

    run: str
    body: str = ""
    due: int | None = None
    copy: bool = False
    holder: str = ""
    leased: bool = False


class Leaving(msgspec.Struct, array_like=True):
    """What one transaction gave up: runs, or records."""

    runs: list[Given] = []
    records: list[Record] = []
    placed: bool = True  # whether runs keep their places in queues


class Moving(msgspec.Struct):
    """A move that isn't through: where to, or where from."""

    place: str
    whole: bool
    through: bool = False


def writing(kind: str, key: str, value: msgspec.Struct | None) -> Put:
    """The record of something in the ledger; None takes it out."""
    body = None if value is None else msgspec.json.encode(value).decode()
    return Put(kind=kind, key=key, body=body)


def read(record: Record, kind: type[T]) -> T:
    """What such a record says."""
    return msgspec.json.decode(record.body, type=kind)


def read_one(store: Store, kind: str, key: str, of: type[T]) -> T | None:
    """What the record of that key says, where there is one."""
    found = store.records(kind, keys=[key])
    return read(found[0], of) if found else None
