"""Erasures: that a run's data was erased stays written down, and is what its readers are told."""

from __future__ import annotations

import msgspec

from everflow.core.entries import Entry
from everflow.core.marks import SEALED, is_marked
from everflow.errors import KeyMissing, RunErased
from everflow.store import RunRow, Store

__all__ = [
    "ERASED",
    "Erasure",
    "erasure_of",
    "require_open",
    "require_readable",
    "require_unerased",
]

ERASED = "erased"  # the kind of record


class Erasure(msgspec.Struct, kw_only=True):
    """When a run was erased, in microseconds, and by whom."""

    at: int
    by: str = ""


def erasure_of(store: Store, run: str) -> Erasure | None:
    """When and by whom a run was erased; None for one that wasn't."""
    found = store.records(ERASED, keys=[run])
    return msgspec.json.decode(found[0].body, type=Erasure) if found else None


def require_readable(store: Store, row: RunRow) -> None:
    """RunErased for a run whose data is gone, KeyMissing for one whose key isn't here."""
    if not is_marked(SEALED, row.outcome or ""):
        return
    require_unerased(store, row)
    raise KeyMissing(
        "the run's data is sealed, and its key isn't here",
        run=row.id,
        flow=row.flow,
        hint="open the store with the keys it was written with; nothing is lost",
    )


def require_unerased(store: Store, row: RunRow) -> None:
    """RunErased for a run whose data is gone."""
    if erasure_of(store, row.id) is not None:
        raise RunErased(
            "the run's data was erased; only its skeleton is left", run=row.id, flow=row.flow
        )


def require_open(first: Entry) -> None:
    """KeyMissing where a run's first entry is still sealed: nobody here can work on it."""
    if is_marked(SEALED, first.payload):
        raise KeyMissing(
            "the run's data is sealed, and this worker was given no keys",
            hint="give it the key store that the run was begun with; nothing is lost",
        )
