"""Rates of queues, in all and of a lane: exact over any span, whoever admits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from everflow import Run
from tests.engine.support import World, plus_one, until
from tests.engine.test_queues import MINUTE, results


def test_a_rate_holds_over_any_span(world: World) -> None:
    """The next ones go on when the first admissions are so long ago."""
    work = world.flow("f", plus_one)
    with world.engine() as engine:
        engine.queues.declare("q", rate=(2, MINUTE))
        runs = [engine.start(work, n, queue="q") for n in range(5)]
        for passed in (2, 4, 5):
            waiting: list[Run[Any]] = []
            while len(waiting) != 5 - passed:
                waiting = [run for run in runs if run.row().admitted is None]
                assert len(waiting) >= 5 - passed
            world.clock.jump(61)
        assert results(runs) == [1, 2, 3, 4, 5]


def test_a_rate_of_a_lane_holds_that_lane_alone(world: World) -> None:
    """The others pass it by; it goes on when its admissions are so long ago."""
    work = world.flow("f", plus_one)
    with world.engine() as engine:
        engine.queues.declare("q", rate_per_lane=(2, MINUTE))
        ann = [engine.start(work, n, queue="q", lane="ann") for n in range(4)]
        bob = [engine.start(work, n, queue="q", lane="bob") for n in range(2)]
        assert results([*ann[:2], *bob]) == [1, 2, 1, 2]
        assert [run.row().admitted for run in ann[2:]] == [None, None]
        world.clock.jump(61)
        assert results(ann) == [1, 2, 3, 4]


def test_rates_hold_over_two_engines_on_one_store(tmp_path: Path) -> None:
    """In all and of a lane: each sees what the other admitted."""
    world = World(tmp_path / "s.db")
    work = world.flow("f", plus_one)
    with world.engine() as one, world.engine() as two:
        one.queues.declare("q", rate=(6, MINUTE), rate_per_lane=(2, MINUTE))
        engines = (one, two)
        runs = [
            engines[n % 2].start(work, n, queue="q", lane=lane)
            for n, lane in enumerate("aaaabbbbcccc")
        ]
        until(lambda: sum(run.row().admitted is not None for run in runs) == 6)
        admitted = [run.row().lane for run in runs if run.row().admitted is not None]
        assert sorted(admitted) == list("aabbcc")
        world.clock.jump(61)
        assert sorted(results(runs)) == list(range(1, 13))
