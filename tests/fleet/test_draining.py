"""Draining: what a worker that ends lets go of, what it finishes, and what is cut off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest

from everflow import Engine, Run, sleep, suspend
from everflow.engine.records.fleet import drain_key
from everflow.store import Put
from tests.engine.support import PATIENT, World, plus_one, see_all, seen_by, step, until


class Gate:
    """A node that tells when it begins, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = Event(), Event()
        self.times = 0

    def node(self) -> Any:
        def gated(x: int) -> int:
            self.times += 1
            self.begun.set()
            self.go.wait(PATIENT)
            return x

        return step(gated)


@contextmanager
def draining(engine: Engine) -> Iterator[None]:
    """Meanwhile the engine is closed by another thread; it drains already."""
    closing = Thread(target=engine.close)
    closing.start()
    until(lambda: engine._scheduler is not None and engine._scheduler.draining.active)  # noqa: SLF001 - nothing outside shows it
    yield
    closing.join(PATIENT)
    assert not closing.is_alive()


def test_what_is_not_begun_goes_to_others_at_once(world: World) -> None:
    """While the node that is begun ends, is recorded, and leaves its run to them, too."""
    gate = Gate()
    world.flow("gated", gate.node() >> step(seen_by(world), name="after"))
    world.flow("f", step(seen_by(world), name="sees"))
    old = world.engine(max_unrecorded=1, drain_s=PATIENT, lease_s=PATIENT)
    with old:
        begun: Run[Any] = old.start("gated", 0)
        assert gate.begun.wait(PATIENT)
        waiting = [old.start("f", n).id for n in range(1, 4)]
        until(lambda: old.client.row(waiting[-1]).owner == old.worker)
        with draining(old), world.engine(lease_s=PATIENT) as new:
            assert [new.run(run).result(PATIENT) for run in waiting] == [1, 2, 3]
            assert new.run(begun.id).row().owner == 1
            gate.go.set()
            assert new.run(begun.id).result(PATIENT) == 0
    assert (gate.times, world.seen[-1], old.cut) == (1, 0, [])


def test_what_rests_is_theirs_when_something_comes(world: World) -> None:
    """An answer and a timer, of warm runs and cold ones, while this worker still drains."""
    gate = Gate()
    world.flow("gated", gate.node())
    world.flow("asks", suspend("go") >> plus_one)
    world.flow("sleeps", sleep(timedelta(hours=1)) >> plus_one)
    with world.engine(drain_s=PATIENT, lease_s=1e6, warm_runs=1) as old:
        asks: list[Run[Any]] = [old.start("asks", n) for n in range(2)]
        sleeps: list[Run[Any]] = [old.start("sleeps", n) for n in range(2)]
        until(lambda: {run.status for run in asks} == {"suspended"})
        until(lambda: {run.status for run in sleeps} == {"waiting"})
        held: Run[Any] = old.start("gated", 7)
        assert gate.begun.wait(PATIENT)
        with draining(old), world.engine(lease_s=1e6) as new:
            for run in asks:
                new.resume(run.id, 5)
            world.clock.jump(3_601)
            assert [new.run(run.id).result(PATIENT) for run in asks] == [6, 6]
            assert [new.run(run.id).result(PATIENT) for run in sleeps] == [1, 2]
            assert new.run(held.id).row().owner == 1
            gate.go.set()
            assert new.run(held.id).result(PATIENT) == 7


def test_a_start_is_left_to_others_while_it_drains(memory: World) -> None:
    """The client goes on; what it starts isn't taken here."""
    memory.flow("f", plus_one)
    with memory.engine() as old:
        old.drain()
        until(lambda: old.draining)
        run: Run[Any] = old.start("f", 1)
        old.drain()
        assert old.join(PATIENT)
        assert (run.status, run.row().owner) == ("queued", 0)
        with memory.engine():
            assert run.result(PATIENT) == 2


def test_what_does_not_end_in_its_grace_is_cut_off(
    memory: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named, and begun again by another worker."""
    gate = Gate()
    memory.flow("gated", gate.node())
    with memory.engine(drain_s=0.05) as old:
        run = old.start("gated", 3).id
        assert gate.begun.wait(PATIENT)
        with caplog.at_level(logging.WARNING, "everflow.engine"):
            old.close()
    assert old.cut == [(run, "gated")]
    assert f"gated of run {run} didn't end within 0.05 s" in caplog.text
    with memory.engine() as new:
        until(lambda: gate.times == 2)
        gate.go.set()
        assert new.run(run).result(PATIENT) == 3


def test_a_cut_off_async_node_has_ended_before_it_begins_elsewhere(memory: World) -> None:
    """Contract 3: two attempts overlap only where the older one can't be interrupted."""
    begun, story = Event(), []

    async def slow(x: int) -> int:
        story.append("begins")
        begun.set()
        try:
            if len(story) == 1:
                await asyncio.sleep(PATIENT)
        finally:
            story.append("ends")
        return x

    memory.flow("f", step(slow))
    old = memory.engine(drain_s=0.05)
    with old, memory.engine() as new:
        run = old.start("f", 3).id
        assert begun.wait(PATIENT)
        old.close()
        assert new.run(run).result(PATIENT) == 3
    assert story == ["begins", "ends", "begins", "ends"]


def test_a_worker_may_be_told_from_afar(world: World) -> None:
    """By a record under its number; whoever buries it forgets that."""
    world.flow("f", see_all)
    with world.engine(lease_s=1e6) as one, world.engine(lease_s=1e6) as two:
        store = two.client.store
        store.write([Put(kind="pause", key=drain_key(one.worker), body="{}")], at=0)

        def told() -> bool:
            world.clock.jump(2)
            return one.draining

        until(told)
        assert not two.draining
        run: Run[Any] = one.start("f", 1)
        assert run.result(PATIENT) == 1
        assert run.row().owner == two.worker


def test_a_long_drain_is_shown_and_forgotten(memory: World) -> None:
    """Others see that it drains, until it is gone."""
    gate = Gate()
    memory.flow("gated", gate.node())
    with memory.engine(drain_s=PATIENT) as old, memory.engine() as new:
        old.start("gated", 3)
        assert gate.begun.wait(PATIENT)
        store, key = new.client.store, drain_key(old.worker)
        with draining(old):
            until(lambda: bool(store.records("pause", keys=[key])))
            gate.go.set()
        assert store.records("pause", keys=[key]) == []
