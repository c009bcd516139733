"""What a store refuses beside the batches of a worker stops nobody, either (B067)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from everflow import Writes, need, suspend
from everflow.errors import StoreRefused
from everflow.stores.refusals import Inconsistent
from tests.engine.refusing import Picky
from tests.engine.support import PATIENT, World, plus_one, settle, step, until


def refuse(store: Picky, verb: str, monkeypatch: pytest.MonkeyPatch, when: Any) -> list[int]:
    """Have a verb refuse what ``when`` says of its arguments; give a list of how often it did."""
    real, times = getattr(store, verb), list[int]()

    def call(*args: Any, **named: Any) -> Any:
        if when(*args, **named):
            times.append(1)
            raise Inconsistent("The store refused an inconsistent row: no such word.")
        return real(*args, **named)

    monkeypatch.setattr(store, verb, call)
    return times


def test_what_a_node_settles(picky: tuple[World, Picky], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its run is set aside: what it settles wasn't written, and is settled once it is adopted."""
    world, store = picky
    times = refuse(store, "settle", monkeypatch, lambda settled, *_, **__: settled is not None)

    def pays(x: int, *, writes: Writes = need(Writes)) -> int:
        writes.execute("pay", x)
        return x

    flow = world.flow("f", step(pays))
    with world.engine() as engine:
        run = engine.start(flow, 3)
        assert settle(run) == "blocked"
        row = run.row()
        assert row.until == "operator"
        assert row.reason.startswith("store_refused: ")
        assert "pays at" in row.reason
        assert engine.start(world.flow("g", plus_one), 1).result(PATIENT) == 2
        assert times == [1]
        monkeypatch.undo()
        until(lambda: engine.adopt(run))
        assert run.result(PATIENT) == 3
    assert [side.values for side in store.side if side.statement == "pay"] == [[3]]


def test_who_starts_a_run_is_told(
    picky: tuple[World, Picky], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller alone."""
    world, store = picky
    flow = world.flow("f", suspend("go"))
    with world.engine() as engine:
        refuse(store, "start", monkeypatch, lambda *_, **__: True)
        with pytest.raises(StoreRefused, match="no such word"):
            engine.start(flow, 1)
        monkeypatch.undo()
        assert settle(engine.start(flow, 1)) == "suspended"


def test_what_a_debounced_start_begins(
    picky: tuple[World, Picky], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at later, and begins then; another one begins in its time."""
    world, store = picky
    bad, good = world.flow("bad", plus_one), world.flow("good", plus_one)
    minute = timedelta(minutes=1)
    with world.engine() as engine:
        times = refuse(
            store,
            "write",
            monkeypatch,
            lambda puts, *, starts=(), **_: any(run.flow == "bad" for run in starts),
        )
        refused = engine.start(bad, 1, key="k", debounce=minute)
        other = engine.start(good, 2, key="k", debounce=minute)
        world.clock.jump(61)
        assert other.result(PATIENT) == 3
        assert times == [1]
        monkeypatch.undo()
        world.clock.jump(601)
        assert refused.result(PATIENT) == 2


def test_who_is_admitted_to_a_queue(
    picky: tuple[World, Picky], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody gets a place in it meanwhile; all else goes on."""
    world, store = picky
    flow = world.flow("f", plus_one)
    with world.engine() as engine:
        engine.queues.declare("q", limit=1)
        refuse(store, "write", monkeypatch, lambda puts, *, admit=(), **_: bool(admit))
        waits = engine.start(flow, 1, queue="q")
        until(lambda: "nothing is admitted from the queue" in caplog.text)
        assert engine.start(flow, 2).result(PATIENT) == 3
        monkeypatch.undo()
        assert waits.result(PATIENT) == 2
