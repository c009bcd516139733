"""What one worker's code can't run goes to another worker whose code fits, and is left alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from threading import Event
from typing import Any

import pytest

from everflow import Engine, Run, call, parallel, suspend
from everflow.store import RunQuery, RunRow
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, World, plus_one, see_all, settle, step, until


def counts(x: int) -> int:
    return x + 1


def measures(x: str) -> int:
    return len(x)


def with_code(world: World, fn: Any) -> Engine:
    """A worker of a deploy in which the flow's last step is that one."""
    world.deploy()
    world.flow("f", see_all >> suspend("go") >> step(fn, name="last"))
    return world.engine()


@pytest.mark.parametrize("fits", [0, 1])
def test_a_value_that_fits_another_worker_s_code_goes_there(world: World, fits: int) -> None:
    """Contract 8: whichever of them is the older one, it is done without anybody's help."""
    fns = (measures, counts) if fits == 0 else (counts, measures)
    with with_code(world, fns[0]) as one, with_code(world, fns[1]) as two:
        starts = enumerate((one, two, one, two))
        runs: list[Run[Any]] = [engine.start("f", n) for n, engine in starts]
        for n, run in enumerate(runs):
            settle(run)
            (one if n < 2 else two).resume(run, "four")
        until(lambda: all(run.status == "done" for run in runs))
        assert [run.result(PATIENT) for run in runs] == [4] * 4


def test_a_caller_goes_to_who_has_what_it_calls(world: World) -> None:
    """A flow that isn't imported here is imported there."""
    caller = see_all >> call("callee") >> plus_one
    world.flow("caller", caller)
    with world.engine() as one:
        run: Run[Any] = one.start("caller", 1)
        until(lambda: run.status == "blocked")
        world.deploy()
        world.flow("caller", caller)
        world.flow("callee", plus_one)
        with world.engine() as two:
            until(lambda: run.status == "done")
            assert two.run(run.id).result(PATIENT) == 3


class Counting(MemoryStore):
    """Counts what is claimed, and how often each worker asked for something."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self.looks: Counter[int] = Counter()

    def claim(self, worker: int, **how: Any) -> list[RunRow]:
        rows = super().claim(worker, **how)
        self.taken += len(rows)
        self.looks[worker] += 1
        return rows


def test_what_fits_nobody_is_tried_once_by_each() -> None:
    """Not again and again; a module that is imported then is enough (B065)."""
    store = Counting()
    world = World(store)
    world.flow("f", see_all >> suspend("go") >> step(counts, name="last"))

    def quiet(taken: int) -> None:
        until(lambda: store.taken == taken and all(not row.owner for row in store.runs(RunQuery())))
        looks = store.looks.copy()

        def looked_again() -> bool:
            world.clock.jump(2)
            return all(store.looks[worker] > looks[worker] + 3 for worker in (1, 2))

        until(looked_again)
        assert store.taken == taken

    with world.engine(lease_s=1e6) as one, world.engine(lease_s=1e6):
        runs: list[Run[Any]] = [one.start("f", n) for n in range(5)]
        for run in runs:
            settle(run)
            one.resume(run, "four")
        until(lambda: all(run.status == "blocked" for run in runs))
        quiet(5)
        world.flow("g", see_all)
        quiet(15)
        one.cancel(runs[0])
        until(lambda: runs[0].status == "cancelled")


def test_what_was_begun_here_ends_before_it_begins_there(memory: World) -> None:
    """B064: an async node that was stopped may take its time to end; then others have the run."""
    begun, ending, go = Event(), Event(), Event()

    @step
    async def slow(x: Any) -> int:
        begun.set()
        try:
            await asyncio.sleep(PATIENT)
        except asyncio.CancelledError:
            ending.set()
            await asyncio.to_thread(go.wait, PATIENT)
            raise
        return 1

    gate = step(lambda x: begun.wait(PATIENT) and x, name="gate")

    def flow(fn: Any, beside: Any) -> None:
        memory.deploy()
        memory.flow("f", see_all >> parallel(beside, gate >> step(fn, name="last")))

    flow(counts, slow)
    with memory.engine(grace_s=600) as one:
        run: Run[Any] = one.start("f", "four")
        assert ending.wait(PATIENT)
        until(lambda: run.status == "blocked")
        flow(measures, step(lambda x: 2, name="slow"))
        with memory.engine() as two:
            assert two.join(PATIENT)
            assert run.row().owner == 1
            go.set()
            until(lambda: run.status == "done")
            assert two.run(run.id).result(PATIENT) == (2, 4)


def test_what_does_not_end_is_waited_for_no_longer_than_its_grace(memory: World) -> None:
    """The run goes on elsewhere all the same (B032)."""
    begun, go = Event(), Event()

    @step
    async def stubborn(x: Any) -> int:
        begun.set()
        while not go.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.to_thread(go.wait, PATIENT)
        return 1

    gate = step(lambda x: begun.wait(PATIENT) and x, name="gate")
    memory.flow("f", see_all >> parallel(stubborn, gate >> step(counts, name="last")))
    with memory.engine(grace_s=30) as engine:
        run: Run[Any] = engine.start("f", "four")
        until(lambda: run.status == "blocked")
        engine.cancel(run)
        assert engine.join(0.05) is False
        assert run.row().owner == 1
        memory.clock.jump(31)
        until(lambda: run.status == "cancelled")
        go.set()
        until(lambda: engine.late == 1)
