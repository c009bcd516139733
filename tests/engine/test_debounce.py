"""Debounced starts: the last input counts, and the run begins when nothing more came."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from everflow import Status, flow
from everflow.errors import NoSuchRun, WrongArgument
from everflow.store import Put
from tests.engine.support import PATIENT, World, plus_one
from tests.engine.test_queues import MINUTE, outside


def test_a_debounced_start_takes_the_last_input(world: World) -> None:
    """All who started it hold the same run; it begins when nothing more came for so long."""
    work = world.flow("f", plus_one)
    with world.engine() as engine:
        runs = [engine.start(work, n, key="k", debounce=MINUTE) for n in (1, 5, 7)]
        assert len({run.id for run in runs}) == 1
        assert runs[0].wait(0.05) is Status.QUEUED
        assert engine.runs() == []
        world.clock.jump(61)
        assert [run.result(PATIENT) for run in runs] == [8, 8, 8]
        again = engine.start(work, 1, key="k", debounce=MINUTE)
        assert again.id != runs[0].id


def test_the_last_start_counts_whole(world: World) -> None:
    """Its labels, its priority and its place in a queue too; of the first the run's id is left."""
    work = flow("f", plus_one, queue="own", registry=world.registry)
    with world.engine() as engine:
        for name in ("own", "other"):
            engine.queues.declare(name)
        more: Any = {"key": "k", "debounce": MINUTE}
        first = engine.start(
            work, 1, queue="other", lane="a", priority=5, labels={"by": "ann"}, **more
        )
        engine.start(work, 2, lane="b", labels={"for": "bob"}, **more)
        world.clock.jump(61)
        assert first.result(PATIENT) == 3
        row = first.row()
        assert (row.queue, row.lane, row.priority) == ("own", "b", 0)
        assert row.labels == {"for": "bob"}


def test_each_further_start_pushes_the_time_back(world: World) -> None:
    """But no further than ten times the debounce after the first."""
    work = world.flow("f", plus_one)
    with outside(world) as flows:
        for n in range(14):
            run = flows.start(work, n, key="k", debounce=MINUTE)
            (record,) = flows.store.records("debounce")
            assert record.due is not None
            left = (record.due - world.clock.wall()) / 60_000_000
            assert left == pytest.approx(min(1.0, 10 - n * 0.75), abs=0.1)
            world.clock.jump(45)
        assert run.status is Status.QUEUED
    with world.engine() as engine:
        assert engine.run(run.id).result(PATIENT) == 14


def test_what_is_still_to_begin_can_be_cancelled(world: World) -> None:
    """Then it never was."""
    work = world.flow("f", plus_one)
    with world.engine() as engine:
        run = engine.start(work, 1, key="k", debounce=MINUTE)
        assert engine.run(run.id).status is Status.QUEUED
        engine.cancel(run)
        with pytest.raises(NoSuchRun):
            engine.run(run.id)
        with pytest.raises(NoSuchRun, match="there is no run"):
            run.wait(0)
        world.clock.jump(61)
        assert engine.runs() == []


def test_a_debounced_run_may_wait_in_a_queue(world: World) -> None:
    """From when it begins on."""
    work = world.flow("f", plus_one)
    with world.engine() as engine:
        engine.queues.declare("q", limit=1)
        run = engine.start(work, 1, key="k", debounce=MINUTE, queue="q", lane="x")
        world.clock.jump(61)
        assert run.result(PATIENT) == 2
        assert (run.row().queue, run.row().lane, run.row().key) == ("q", "x", None)


def test_a_damaged_debounce_is_set_aside(world: World) -> None:
    """With a warning; the engine and other runs go on."""
    work = world.flow("f", plus_one)
    with world.engine() as engine:
        store = engine.client.store
        store.write([Put(kind="debounce", key="bad", body="[", due=1)], at=1)
        run = engine.start(work, 1, key="k", debounce=MINUTE)
        world.clock.jump(61)
        assert run.result(PATIENT) == 2
        assert [(r.key, r.due) for r in store.records("debounce")] == [("bad", None)]


@pytest.mark.parametrize("debounce", [timedelta(0), -MINUTE, timedelta(days=400), 5], ids=str)
def test_a_debounce_that_means_nothing_is_refused(world: World, debounce: Any) -> None:
    """And one without a key, and one of many starts at once."""
    work = world.flow("f", plus_one)
    with outside(world) as flows:
        with pytest.raises(WrongArgument):
            flows.start(work, 1, key="k", debounce=debounce)
        with pytest.raises(WrongArgument, match="key"):
            flows.start(work, 1, debounce=MINUTE)
        with pytest.raises(WrongArgument, match="single"):
            flows.start_all(work, [1], debounce=MINUTE)
