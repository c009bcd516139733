"""The store in a file gives the answers of the store in memory."""

from pathlib import Path

import pytest

from everflow.store import Store
from everflow.stores.memory import MemoryStore
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.differential import Side, compare


@pytest.mark.parametrize("seed", range(20))
def test_random_operations_get_the_same_answers(seed: int, tmp_path: Path) -> None:
    """One sequence of verbs against memory and a file, closed and opened again in between."""
    made = 0

    def sides() -> tuple[Side, Side]:
        nonlocal made
        made += 1
        path = tmp_path / f"{made}.db"

        def reopen(store: Store) -> Store:
            store.close()
            return SQLiteStore.open(path, create=False)

        return Side(MemoryStore()), Side(SQLiteStore.open(path), reopen)

    compare(seed, 300, sides)
