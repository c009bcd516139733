"""What tests of exactly-once nodes share: a store in trouble, a node that pays, its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from everflow import Registry, Writes, flow, need, node, suspend
from everflow.core.flow import Flow
from everflow.engine.nodes.settling import commit
from everflow.store import Settlement, Store
from everflow.stores.layer import Layer
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.harness import Harness, harness

LEDGER = "CREATE TABLE ledger (who INTEGER PRIMARY KEY, sum INTEGER)"
INSERT = "INSERT INTO ledger VALUES ($1, $2)"


class Killed(BaseException):
    """The process that made the call is no more."""


class Troubled(Layer):
    """A store of which the next calls of ``settle`` go wrong, as they are told to.

    ``before``: nothing is written, ``after``: it was, all the same. ``calls`` counts.
    """

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.next: list[tuple[str, BaseException]] = []
        self.calls = 0

    def settle(self, *args: Any, **named: Any) -> Settlement | None:
        self.calls += 1
        when, error = self.next.pop(0) if self.next else ("", Killed())
        if when == "before":
            raise error
        done = self.inner.settle(*args, **named)
        if when == "after":
            raise error
        return done


@contextmanager
def troubled(folder: Path) -> Iterator[Troubled]:
    """A store in SQLite with the ledger in it."""
    sqlite = SQLiteStore.open(folder / "flows.db")
    store = Troubled(sqlite)
    done = Writes()
    done.execute(LEDGER)
    with at_work(suspend("never"), sqlite) as h:
        commit(h.client, done)
    yield store
    sqlite.close()


def ledger(store: Layer) -> list[tuple[object, ...]]:
    db = apsw.Connection(store.info().place)
    try:
        return list(db.execute("SELECT who, sum FROM ledger ORDER BY who"))
    finally:
        db.close()


class Payer:
    """A node that pays, and counts how often it was asked to."""

    def __init__(self, *, place: str = "thread") -> None:
        self.asked: list[int] = []
        self.raises: list[BaseException] = []
        self.meanwhile: Any = None

        def pay(x: int, *, writes: Writes = need(Writes)) -> int:
            return self.pay(x, writes)

        async def pay_later(x: int, *, writes: Writes = need(Writes)) -> int:
            return self.pay(x, writes)

        fn: Any = pay_later if place == "loop" else pay
        self.node = node(fn, name="pay")

    def pay(self, x: int, writes: Writes) -> int:
        self.asked.append(x)
        writes.execute(INSERT, x, len(self.asked))
        if self.meanwhile is not None:
            self.meanwhile()
        if self.raises:
            raise self.raises.pop(0)
        return x * 10


@contextmanager
def at_work(body: Any, store: Store, name: str = "f") -> Iterator[Harness[Any, Any]]:
    registry = Registry()
    made: Flow[Any, Any] = flow(name, body, registry=registry)
    with harness(made, store=store, registry=registry) as h:
        yield h


def inbox(h: Harness[Any, Any]) -> list[Any]:
    nos = [row.no for row in (h.client.row(run.id) for run in h.runs())]
    return [arrival for loaded in h.store.load(nos) for arrival in loaded.arrivals]
