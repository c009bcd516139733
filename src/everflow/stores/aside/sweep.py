"""Collecting values that nothing refers to: mark what entries name, sweep what was not marked.

Safe beside writers. A value's record is looked at before the entries are, and deleted only if its
version is still that one: whoever refers to a value writes it again in the same transaction. An
import writes its values before its runs; they are safe while they are younger than ``grace``.
"""

from __future__ import annotations

import msgspec

from everflow.store import BRANCH, Put, RunQuery, Store
from everflow.stores.aside.values import BLOB, address_of

__all__ = ["GRACE", "Sweep", "sweep"]

GRACE = 3_600_000_000  # microseconds; an import of so long is none
RUNS = 1_000
ENTRIES = 1_000
VALUES = 16


class Sweep(msgspec.Struct, kw_only=True):
    """What a sweep found: values in all, and how many of them went, with their characters."""

    values: int = 0
    deleted: int = 0
    size: int = 0


def sweep(store: Store, *, now: int, grace: int = GRACE, dry: bool = False) -> Sweep:
    """Delete the values aside that nothing refers to; with ``dry``, only count them.

    ``store`` is the one that keeps them, without layers. It reads every journal.
    """
    seen = _values(store)
    marked = _marked(store)
    found = Sweep(values=len(seen))
    for key, (version, size, at) in seen.items():
        if key in marked or at > now - grace:
            continue
        put = Put(kind=BLOB, key=key, body=None, expect=version)
        if dry or store.write([put], at=now) is not None:
            found.deleted += 1
            found.size += size
    return found


def _values(store: Store) -> dict[str, tuple[int, int, int]]:
    """Version, size and time of each value."""
    seen: dict[str, tuple[int, int, int]] = {}
    after = ""
    while page := store.records(BLOB, after=after, limit=VALUES):
        seen.update({found.key: (found.version, len(found.body), found.at) for found in page})
        after = page[-1].key
    return seen


def _of_branches(store: Store) -> set[str]:
    found: set[str] = set()
    after = ""
    while page := store.records(BRANCH, after=after, limit=VALUES):
        for run in {record.key.rpartition("/")[0] for record in page}:
            entries = (row for branch in store.branches(run) for row in branch.whole.entries)
            found.update(a for row in entries if (a := address_of(row[2])) is not None)
        after = page[-1].key
    return found


def _marked(store: Store) -> set[str]:
    """The addresses in all entries, those of branches that were set aside included."""
    found = _of_branches(store)
    last = 0
    while runs := store.runs(RunQuery(after=last, limit=RUNS)):
        for run in runs:
            first = 0
            while page := store.journal(run.no, first=first, limit=ENTRIES):
                found.update(a for row in page if (a := address_of(row[2])) is not None)
                first = page[-1][1] + 1
        last = runs[-1].no
    return found
