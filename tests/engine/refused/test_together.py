"""What goes to the store together is refused alone (B061): nobody pays for another's start."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from everflow import suspend
from everflow.engine.operating.intake import Group
from everflow.errors import StoreRefused
from everflow.store import NewRun, RunRow
from everflow.stores.refusals import TooBig
from tests.engine.refusing import Picky
from tests.engine.support import PATIENT, World, until


def test_callers_that_came_together_are_told_apart() -> None:
    """One is refused; the others, who waited with it, are served."""
    go, sent = threading.Event(), list[list[int]]()

    def send(items: Sequence[int]) -> list[int]:
        sent.append(list(items))
        if len(sent) == 1:
            go.wait(PATIENT)
        if 3 in items:
            raise StoreRefused("No.")
        return [item * 10 for item in items]

    group = Group[int, int](send)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(group, 0)
        until(lambda: sent == [[0]])
        others = [pool.submit(group, item) for item in range(1, 7)]
        until(lambda: len(group._waiting) == 6)  # noqa: SLF001 - nothing outside shows it
        go.set()
        assert first.result(PATIENT) == 0
        told = [other.exception(PATIENT) or other.result(PATIENT) for other in others]
    assert [str(one) for one in told] == ["10", "20", "No.", "40", "50", "60"]


def test_more_than_goes_at_once_goes_in_pieces(
    picky: tuple[World, Picky], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred inputs of which the store takes seven in one write are a hundred runs."""
    world, store = picky
    real, sizes = store.start, list[int]()

    def start(runs: Sequence[NewRun], *rest: Any) -> list[RunRow]:
        if len(runs) > 7:
            raise TooBig("That is more than the store handles at once.")
        sizes.append(len(runs))
        return real(runs, *rest)

    flow = world.flow("f", suspend("go"))
    with world.engine() as engine:
        monkeypatch.setattr(store, "start", start)
        runs = engine.start_all(flow, list(range(100)))
        assert len({run.id for run in runs}) == 100
        assert engine.join(PATIENT)
    assert sum(sizes) == 100


def test_who_starts_many_is_told_of_the_first_that_is_refused() -> None:
    """Those before it are there; each has an id, so that nothing is there twice."""
    sent: list[int] = []

    def send(items: Sequence[int]) -> Sequence[int]:
        if 5 in items:
            raise StoreRefused("No.")
        sent.extend(items)
        return items

    with pytest.raises(StoreRefused):
        Group[int, int](send).all(range(8))
    assert sent == [0, 1, 2, 3, 4]
