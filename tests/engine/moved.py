"""Stores with something of everything, for moves; and one that is cut at a given write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from msgspec import structs

from everflow.clock import SystemClock
from everflow.engine.moving import Choice, MoveReport, move
from everflow.store import Hand, Put, RunQuery, RunRow, Signal, Status, Store
from everflow.stores.layer import Layer
from everflow.testing.conformance.base import (
    START,
    Scribe,
    answer,
    begin,
    early,
    entry,
    standing,
)

ALL = Choice()
T = TypeVar("T")


class Cut(Exception):
    """The process ends here."""


class Cuttable(Layer):
    """A store whose nth write is the last: before it, or after it and before its answer."""

    def __init__(self, inner: Store, counter: Callable[[], bool], *, after: bool) -> None:
        super().__init__(inner)
        self._counter = counter
        self._after = after

    def _cut(self, write: Callable[[], T]) -> T:
        over = self._counter()
        if over and not self._after:
            raise Cut
        done = write()
        if over:
            raise Cut
        return done

    def write(self, puts: Sequence[Put], *, at: int, **more: Any) -> list[RunRow] | None:
        return self._cut(lambda: self.inner.write(puts, at=at, **more))

    def hand_all(self, acts: Sequence[Hand], *, at: int, **more: Any) -> bool:
        return self._cut(lambda: self.inner.hand_all(acts, at=at, **more))


def counter(nth: int) -> Callable[[], bool]:
    """Says True from the nth call on."""
    calls = 0

    def over() -> bool:
        nonlocal calls
        calls += 1
        return calls >= nth

    return over


def moved(source: Store, target: Store, choice: Choice = ALL, **more: Any) -> MoveReport:
    """A move by the machine's clock."""
    return move(source, target, choice, clock=SystemClock(), **more)


def furnish(store: Store) -> Scribe:
    """Runs in every standing, a family, and records of many kinds; a worker has the live ones."""
    scribe = Scribe(store)
    for status in sorted(set(Status) - {Status.HANDED_OFF}):
        row = begin(
            store, f"run-{status}", key=f"k-{status}", labels={"s": status}, owner=scribe.id
        )
        scribe.write(entries=[entry(row.no, 1, f'["{status}"]')], changes=[standing(row, status)])
    asking = scribe.asking("asking")
    store.accept([answer(asking), early(asking, "later")])
    store.accept([Signal(no=asking.no, name="n", payload="[1]", key="s", at=START)])
    parent = scribe.run("parent")
    begin(store, "child", parent=parent.id, owner=scribe.id)
    begin(store, "placed", queue="q", admitted=START, owner=scribe.id)
    begin(store, "waits", queue="q")
    kinds = ("schedule", "audit", "current", "queue", "acknowledged")
    for nth in (1, 2):
        puts = [Put(kind=kind, key=f"{kind}{nth}", body=f'"{nth}"', due=nth) for kind in kinds]
        store.write(puts, at=START + nth)
    return scribe


def told(store: Store) -> dict[str, Any]:
    """All that is here of runs, in plain data, without a store's own numbers."""
    found = {}
    for row in store.runs(RunQuery(limit=1_000)):
        whole = store.export(row.no)
        found[row.id] = (
            structs.replace(row, no=0, owner=0),
            [entry[1:] for entry in whole.entries],
            [structs.replace(question, no=0) for question in whole.questions],
            [structs.replace(message, no=0) for message in whole.arrivals],
            whole.heard,
        )
    return found


def as_they_go_on(runs: dict[str, Any]) -> dict[str, Any]:
    """What becomes of rows at a move: one that ran or rested is queued, for whoever takes it."""
    for row, *_ in runs.values():
        if row.status in {Status.RUNNING, Status.SUSPENDED, Status.WAITING}:
            row.status = Status.QUEUED
    return runs


def opened_by(store: Store, run: str) -> RunRow:
    """Its row."""
    row = store.find(run)
    assert row is not None
    return row
