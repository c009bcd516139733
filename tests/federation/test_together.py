"""Writes that go together are each as if it were alone."""

from __future__ import annotations

from typing import Any

import pytest

from everflow.errors import StoreError
from everflow.federation.together import Together
from everflow.store import Put, RunRow
from everflow.stores.memory import MemoryStore


class Counted(MemoryStore):
    """A store that counts its transactions, and refuses one key."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions = 0

    def write(self, puts: Any, **given: Any) -> list[RunRow] | None:
        self.transactions += 1
        if any(put.key == "bad" for put in puts):
            raise StoreError("that can't be written")
        return super().write(puts, **given)

    @property
    def keys(self) -> list[str]:
        return [record.key for record in self.records("k")]


def put(key: str, expect: int | None = 0) -> list[Put]:
    return [Put(kind="k", key=key, body="", expect=expect)]


def together(store: Counted) -> Together:
    return Together(store, lambda: 7)


def test_writes_go_in_one_transaction() -> None:
    """A sync of the disk for all of them."""
    store = Counted()
    assert together(store).each([put("a"), put("b"), put("c")]) == [True, True, True]
    assert (store.keys, store.transactions) == (["a", "b", "c"], 1)


def test_one_that_is_not_taken_stops_no_other() -> None:
    """Each has its own expectation."""
    store = Counted()
    assert together(store).each([put("a"), put("b", expect=5), put("c")]) == [True, False, True]
    assert store.keys == ["a", "c"]


def test_of_two_for_one_record_the_second_finds_the_first() -> None:
    """Both expect that it isn't there: they must not be looked at together."""
    store = Counted()
    assert together(store).each([put("a"), put("b"), put("a")]) == [True, True, False]
    assert store.transactions == 2


def test_one_that_raises_stops_no_other() -> None:
    """Its own caller is told, and nobody else."""
    store = Counted()
    writes = together(store)
    with pytest.raises(StoreError, match="can't be written"):
        writes.each([put("a"), put("bad"), put("c")])
    assert store.keys == ["a", "c"]
    assert writes(put("d")) == []
