"""The reference store holds the contract."""

from pathlib import Path
from typing import Any, ClassVar

from everflow.store import Put, SideRow, Store
from everflow.stores.memory import MemoryStore
from everflow.testing.conformance import StoreConformance


class TestMemoryStore(StoreConformance):
    """The conformance suite over the store in memory."""

    def make_store(self, place: Path) -> Store:
        return MemoryStore()

    def reopen(self, store: Store, place: Path) -> Store:
        store.close()
        return store

    def another(self, store: Store, place: Path) -> Store:
        return store

    def open_backup(self, store: Store, backup: str) -> Store:
        assert isinstance(store, MemoryStore)
        copy = store.backups[backup]
        assert isinstance(copy, MemoryStore)
        return copy

    def side_row(self, text: str) -> SideRow:
        return SideRow(statement="note", values=[text])

    def side_texts(self, store: Store) -> list[str]:
        assert isinstance(store, MemoryStore)
        return [str(row.values[0]) for row in store.side]


def test_it_is_a_store() -> None:
    """The protocol is complete."""
    assert isinstance(MemoryStore(), Store)


def test_a_killed_worker_is_seen_as_lost() -> None:
    """Tests of takeover need no process to kill."""
    store = MemoryStore()
    one = store.enlist(host="here", pid=1, at=0)
    store.enlist(host="here", pid=2, at=0)
    store.kill(one.id)
    assert [worker.lost for worker in store.workers()] == [True, False]


class Looked(str):
    """A key that counts how often keys are looked at."""

    __slots__ = ()
    looks: ClassVar[list[str]] = []

    def startswith(self, *given: Any) -> bool:
        self.looks.append(self)
        return super().startswith(*given)


def test_a_page_of_records_costs_what_is_in_it() -> None:
    """However many there are: triggers and peers read logs and promises a page at a time."""
    store = MemoryStore()
    store.write([Put(kind="k", key=Looked(f"{n:04}"), body="") for n in range(500)], at=0)
    page = store.records("k", after="0100", limit=10)
    assert [record.key for record in page] == [f"{n:04}" for n in range(101, 111)]
    assert len(Looked.looks) == len(page)
