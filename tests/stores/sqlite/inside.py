"""A look inside a store: its two connections, which the contract doesn't show."""

from __future__ import annotations

from contextlib import AbstractContextManager

import apsw

from everflow.stores.sqlite import SQLiteStore


def connections(store: SQLiteStore) -> list[apsw.Connection]:
    """The one that writes and the one that reads."""
    found = [store._pen._db, store._glass._db]  # noqa: SLF001 - tests of what they do look at them
    return [db for db in found if db is not None]


def hang_up(store: SQLiteStore) -> None:
    """Close both connections, as after I/O errors."""
    store._pen._hang_up()  # noqa: SLF001 - an I/O error on demand
    store._glass._hang_up()  # noqa: SLF001 - an I/O error on demand


def turn(store: SQLiteStore) -> AbstractContextManager[apsw.Connection]:
    """A turn to write, as long as a test wants it."""
    return store._pen.turn()  # noqa: SLF001 - no verb lasts as long as a test wants
