"""Where stores are: the one place that names concrete ones."""

from __future__ import annotations

import os

from everflow.errors import ConfigurationError
from everflow.store import Store
from everflow.stores.memory import MemoryStore
from everflow.stores.sqlite import SQLiteStore

__all__ = ["is_durable", "open_store"]

MEMORY = ":memory:"


def open_store(place: Store | str | os.PathLike[str], *, create: bool = True) -> tuple[Store, bool]:
    """The store at a place, and whether it was opened here (and so is to be closed by the caller).

    ``":memory:"`` is a store in memory, a path a SQLite file.
    """
    if isinstance(place, Store):
        return place, False
    if place == MEMORY:
        return MemoryStore(), True
    if isinstance(place, str) and "://" in place:
        raise ConfigurationError(
            f"stores of the kind {place.split('://', 1)[0]!r:.40} aren't known",
            hint="give the path of a file, or ':memory:'",
        )
    return SQLiteStore.open(place, create=create), True


def is_durable(store: Store) -> bool:
    """Whether runs in the store can outlive the process, so that their leaves need names."""
    return not isinstance(store, MemoryStore)
