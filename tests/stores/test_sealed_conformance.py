"""A sealed store holds the contract, over the store in memory and the one in a file."""

from functools import cached_property
from pathlib import Path

import pytest

from everflow.store import Store
from everflow.stores.layer import innermost
from everflow.stores.sealed import MemoryKeys, SealedStore
from everflow.testing.conformance import StoreConformance
from tests.stores import test_memory, test_sqlite


class Sealing(StoreConformance):
    """The hooks of the store within, behind a seal."""

    @cached_property
    def keys(self) -> MemoryKeys:
        return MemoryKeys()

    def make_store(self, place: Path) -> Store:
        return SealedStore(super().make_store(place), self.keys)

    def reopen(self, store: Store, place: Path) -> Store:
        return SealedStore(super().reopen(innermost(store), place), self.keys)

    def another(self, store: Store, place: Path) -> Store:
        return SealedStore(super().another(innermost(store), place), self.keys)

    def open_backup(self, store: Store, backup: str) -> Store:
        return SealedStore(super().open_backup(innermost(store), backup), self.keys)

    def side_texts(self, store: Store) -> list[str]:
        return super().side_texts(innermost(store))


@pytest.mark.slow  # the suite over both layers, with the values aside, is never left out
class TestSealedMemoryStore(Sealing, test_memory.TestMemoryStore):
    """The conformance suite over the sealed reference store."""


@pytest.mark.slow  # the layer is the same; only its store differs
class TestSealedSQLiteStore(Sealing, test_sqlite.TestSQLiteStore):
    """The conformance suite over the sealed store in a file."""
