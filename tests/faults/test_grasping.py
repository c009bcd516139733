"""RELIABILITY 12a: nodes that never return, or hold the whole process, are seen and got round."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from everflow import Config, Engine, Flow, Status, connect, flow, node, timeout, try_catch
from everflow.engine.faces.connect import Connection
from tests.faults.grasping import (
    REGISTRY,
    grasping,
    grasping_inline,
    innocent,
    insatiable,
)
from tests.faults.outside import Ledger, Process, until

CONFIG = Config(poll_s=0.01, watchdog_s=0.1, threads=2, lease_s=1.0)
freed = Event()


@node(inline=True)
def stuck_inline(x: int) -> int:
    freed.wait(30)
    return x


@node
def stuck(x: int) -> int:
    freed.wait(30)
    return x


@node
def add(x: int) -> int:
    return x + 1


@node(inline=True)
def gave_up(caught: object) -> int:
    return -1


holding = flow("stuck-inline", stuck_inline)
adding = flow("stuck-adding", add >> add)
bounded = flow("stuck-bounded", try_catch(timeout(timedelta(seconds=0.2), stuck), gave_up) >> add)


@pytest.fixture(autouse=True)
def freeing() -> Iterator[None]:
    freed.clear()
    yield
    freed.set()


def test_an_inline_node_that_does_not_return_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By the watchdog, in the log; the lease is kept meanwhile, and all goes on when it returns."""
    caplog.set_level(logging.WARNING, logger="everflow.engine")
    with Engine(tmp_path / "store.db", config=CONFIG) as engine:
        run = engine.start(holding, 1)
        until(lambda: "stuck_inline holds the scheduler" in caplog.text)
        (before,) = engine.client.store.workers()
        until(lambda: engine.client.store.workers()[0].beat > before.beat + 2)
        freed.set()
        assert run.result(10) == 1
        assert [row.id for row in engine.client.store.workers()] == [before.id]


def test_threads_that_do_not_return_are_abandoned_at_their_timeout(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """More of them than there are threads: their runs go on, and so do all others (B032)."""
    caplog.set_level(logging.WARNING, logger="everflow.engine")
    with Engine(tmp_path / "store.db", config=CONFIG) as engine:
        runs = [engine.start(bounded, number) for number in range(6)]
        others = [engine.start(adding, number) for number in range(6)]
        assert [run.result(10) for run in runs] == [0] * 6
        assert [run.result(10) for run in others] == list(range(2, 8))
        abandoned = caplog.text.count("can't be interrupted on its thread")
        assert 0 < abandoned <= 6  # one whose time was over before it had a place never began
        freed.set()
        assert engine.start(adding, 1).result(10) == 3
        assert [run.result(1) for run in runs] == [0] * 6


class Graspers:
    """Worker processes on one file."""

    def __init__(self, folder: Path, count: int) -> None:
        self.ledger = Ledger(folder / "ledger")
        self.store = folder / "store.db"
        self.workers = [Process("grasping", self.store, self.ledger.path) for _ in range(count)]
        for worker in self.workers:
            assert worker.line() == "ready"

    def close(self) -> None:
        for worker in self.workers:
            assert "Traceback" not in worker.stop()


@pytest.mark.parametrize("flow_", [grasping, grasping_inline], ids=["thread", "inline"])
def test_a_worker_whose_lock_is_held_is_taken_over(flow_: Flow[int, int], tmp_path: Path) -> None:
    """Its heart stands, another one finishes the run, and what it brings later is refused."""
    graspers = Graspers(tmp_path, 2)
    with connect(graspers.store, registry=REGISTRY) as client:
        run = client.start(flow_, 1)
        heir = run.result(20)
        first, second = until(lambda: graspers.ledger.of("begun")[:2])
        assert first[0] != second[0]
        assert heir == int(second[0])
        until(lambda: len(graspers.ledger.of("ended")) == 2)
        assert client.start(innocent, 1).result(10) == 3
        assert run.result(1) == heir
    graspers.close()


def test_a_lone_worker_whose_lock_is_held_goes_on_by_itself(tmp_path: Path) -> None:
    """Nobody takes it for dead, so its result is recorded."""
    graspers = Graspers(tmp_path, 1)
    with connect(graspers.store, registry=REGISTRY) as client:
        run = client.start(grasping, 1)
        assert run.result(20) == graspers.workers[0].pid
        assert len(graspers.ledger.of("begun")) == 1
    graspers.close()


def test_a_node_that_always_holds_the_lock_too_long_is_not_passed_on_for_ever(
    tmp_path: Path,
) -> None:
    """It ends or is set aside with its name; the innocent finish (B067)."""
    graspers = Graspers(tmp_path, 2)
    with connect(graspers.store, registry=REGISTRY) as client:
        run = client.start(insatiable, 1)
        others = [client.start(innocent, number) for number in range(20)]
        until(lambda: run.status in {Status.DONE, Status.BLOCKED})
        assert [other.result(20) for other in others] == list(range(2, 22))
        if run.status is Status.BLOCKED:
            assert "always" in run.row().reason
        _bounded(client, graspers)
    graspers.close()


def _bounded(client: Connection, graspers: Graspers) -> None:
    begun = len(graspers.ledger.of("begun"))
    print(f"begun {begun} times, {len(client.store.workers())} workers")  # noqa: T201 - the figure is reported
    assert begun <= 5
