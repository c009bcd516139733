"""The records of triggers and of how far they are, and how they change.

Laws: all triggers that have come equally far share one cursor, "*", whose ``mark`` grows with every
change to any trigger; so whoever decides on condition that this cursor is as it was, decides by
the triggers as they are. A trigger that is behind the others, or paused, or whose record can't be
read, has a cursor of its own, and joins them once it has come as far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from everflow.store import Put, Record, Store
from everflow.triggers.spec import KIND, Plan

__all__ = [
    "CURSOR",
    "GROUP",
    "Body",
    "Broken",
    "Cursor",
    "Stood",
    "cursor_put",
    "cursors",
    "read_all",
    "read_triggers",
]

CURSOR = "cursor"  # the kind of the records
GROUP = "*"  # the key of the cursor that triggers share
PAGE = 1_000


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a trigger's record holds.

    ``order``: its place among the triggers. ``begin``: the number of the last activity before it.
    ``declared``: the mark of the declaration in code that it came from.
    """

    plan: Plan
    order: int
    begin: int
    declared: str = ""
    paused: bool = False
    reason: str = ""

    def encoded(self) -> str:
        """As a record holds it."""
        return msgspec.json.encode(self).decode()


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far: the number of the last activity that was decided about."""

    at: int
    mark: int = 0


class Stood(NamedTuple):
    """A cursor as it was read, with the version of its record; 0 where there is none."""

    cursor: Cursor
    version: int


def cursors(store: Store) -> dict[str, Stood]:
    """All cursors by their names."""
    return {
        record.key: Stood(msgspec.json.decode(record.body, type=Cursor), record.version)
        for record in everything(store, CURSOR)
    }


def cursor_put(name: str, cursor: Cursor | None, expect: int) -> Put:
    """A cursor's record, moved or taken away, on condition that it is as it was read."""
    body = None if cursor is None else msgspec.json.encode(cursor).decode()
    return Put(kind=CURSOR, key=name, body=body, expect=expect)


class Broken(NamedTuple):
    """A record that can't be read, and why."""

    version: int
    why: str


def read_all(
    store: Store, keys: Sequence[str] | None = None
) -> tuple[dict[str, tuple[Body, int]], dict[str, Broken]]:
    """The triggers with the versions of their records, in the order of registration.

    Beside them those whose records can't be read: damaged, or of a release that says more.
    """
    found = everything(store, KIND) if keys is None else store.records(KIND, keys=keys)
    rows, broken = [], {}
    for record in found:
        try:
            body = msgspec.json.decode(record.body, type=Body)
            str(body.plan.guard)  # an expression that can't be shown can't be evaluated
        except Exception as error:  # noqa: BLE001 - whatever is in it, it's about this one alone
            broken[record.key] = Broken(record.version, f"{error!s:.200}")
        else:
            rows.append((body, record.version, record.key))
    rows.sort(key=lambda row: (row[0].order, row[2]))
    return {name: (body, version) for body, version, name in rows}, broken


def read_triggers(store: Store, keys: Sequence[str] | None = None) -> dict[str, tuple[Body, int]]:
    """Those that can be read."""
    return read_all(store, keys)[0]


def everything(store: Store, kind: str) -> list[Record]:
    """All records of a kind, read a page at a time."""
    found: list[Record] = []
    while True:
        page = store.records(kind, after=found[-1].key if found else "", limit=PAGE)
        found += page
        if len(page) < PAGE:
            return found
