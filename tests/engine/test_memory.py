"""Memory stays bounded: a suspended run costs rows, and cells come back when they are needed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from everflow import ask, suspend
from tests.engine.support import DAY, PATIENT, World, plus_one, see_all, settle


def cells(engine: Any) -> int:
    return len(engine._scheduler.cells)  # noqa: SLF001 - nothing outside shows it


def timers(engine: Any) -> int:
    return len(engine._scheduler.timers._heap)  # noqa: SLF001 - nothing outside shows it


def test_five_thousand_suspended_runs_leave_the_warm_ones_in_memory(memory: World) -> None:
    """All of them can still be answered."""
    flow = memory.flow("f", plus_one >> suspend("go") >> plus_one)
    with memory.engine(warm_runs=100) as engine:
        runs = engine.start_all(flow, list(range(5_000)))
        assert engine.join(PATIENT)
        assert cells(engine) <= 100
        assert len(engine.client.questions()) == 5_000
        for n in (0, 2_500, 4_999):
            engine.resume(runs[n], n)
            assert runs[n].result(PATIENT) == n + 1


def test_finished_runs_leave_nothing_in_memory(world: World) -> None:
    """However they ended."""
    flow = world.flow("f", plus_one)
    with world.engine() as engine:
        for run in engine.start_all(flow, list(range(200))):
            run.result(PATIENT)
        assert engine.join(PATIENT)
        assert cells(engine) == 0


def test_timers_of_evicted_runs_are_forgotten(memory: World) -> None:
    """They stand in the store, and come back when they are due."""
    flow = memory.flow("f", ask("ok", bool, within=timedelta(days=3), default=False))
    with memory.engine(warm_runs=10) as engine:
        runs = []
        for first in range(0, 3_000, 500):
            runs += engine.start_all(flow, list(range(first, first + 500)))
            assert engine.join(PATIENT)
        assert cells(engine) <= 10
        assert timers(engine) <= 2_000
        memory.clock.jump(3.1 * DAY)
        assert [run.result(PATIENT) for run in runs[:5]] == [(n, False) for n in range(5)]
        assert runs[2_999].result(PATIENT) == (2_999, False)
        assert engine.join(PATIENT)
        assert cells(engine) == 0


@pytest.mark.parametrize("warm", [1, 1_000])
def test_a_run_of_many_suspensions_stays_small(world: World, warm: int) -> None:
    """It is folded from its latest base, warm or cold (B052)."""
    body: Any = suspend("go")
    for _ in range(60):
        body = body >> suspend("go")
    flow, other = world.flow("f", body), world.flow("other", suspend("go"))
    with world.engine(warm_runs=warm) as engine:
        run = engine.start(flow, "x" * 200)
        for n in range(61):
            settle(run)
            if n % 20 == 0:
                settle(engine.start(other, n))
            engine.answer(f"{run.id}.go.{n + 1}", "y" * 500)
        assert run.result(PATIENT) == "y" * 500
        row = run.row()
        assert row.base > 0
        assert len(engine.client.store.load([row.no])[0].entries) < 61


def test_an_evicted_run_is_reloaded_for_each_answer(world: World) -> None:
    """With room for one, many runs take turns."""
    flow = world.flow("f", suspend("a") >> suspend("b") >> see_all)
    with world.engine(warm_runs=1) as engine:
        runs = [engine.start(flow, n) for n in range(12)]
        for run in runs:
            settle(run)
        for tag in ("a", "b"):
            for n, run in enumerate(runs):
                engine.resume(run, f"{tag}{n}", tag=tag)
        assert [run.result(PATIENT) for run in runs] == [f"b{n}" for n in range(12)]
