"""Sweeping: records that were kept for a time alone are deleted once it is over.

One rule holds: what is swept says when by its ``due``, and nobody misses it after that.
"""

from __future__ import annotations

from collections.abc import Iterable

from everflow.store import Put, Store

__all__ = ["sweep"]

PAGE = 500


def sweep(store: Store, kinds: Iterable[str], now: int) -> None:
    """Delete the records of these kinds whose time is over, in transactions of bounded size."""
    for kind in kinds:
        while True:
            due = store.due_records(kind, now=now, limit=PAGE)
            if due:
                store.write([Put(kind=kind, key=one.key, body=None) for one in due], at=now)
            if len(due) < PAGE:
                break
