"""How many nodes a second: in sequence, in many runs, side by side, in place and in pools."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.floor import one_row_commits, rows_of, thousand_row_commits
from bench.flows import CARD
from bench.goals import Goal, Workload
from bench.scene import PATIENCE, Figures, Scene, clock, done
from everflow import Engine

__all__ = ["WORKLOADS"]


def sequence(scene: Scene) -> Figures:
    """One run of 1,000 inline nodes after the other, the floor's 1,000 commits between them."""
    path, floors, rates = scene.store(), [], []
    with Engine(path) as engine:
        engine.start("bench_thousand", 1).result(PATIENCE)
        for _ in range(scene.many(4, 1)):
            rates.append(1_000 / clock(lambda: engine.start("bench_thousand", 1).result(PATIENCE)))
            floors.append(one_row_commits(path, rows_of(path, 1_000)))
    return {"nodes": _mean(rates), "floor": _mean(floors)}


def _mean(rates: Sequence[float]) -> float:
    """Of rates over the same number of rows: by their times."""
    return len(rates) / sum(1 / rate for rate in rates)


def drain(path: Path, flow: str, values: Sequence[Any]) -> float:
    """Seconds from the first start until the last of the runs is done, after a few to warm up."""
    with Engine(path) as engine:
        engine.start_all(flow, values[:200])
        done(engine)

        def work() -> None:
            engine.start_all(flow, values)
            done(engine)

        return clock(work)


def _five(scene: Scene, flow: str, value: Any) -> Figures:
    path, many = scene.store(), scene.many(20_000, 500)
    begun = time.process_time()
    seconds = drain(path, flow, [value] * many)
    spent = time.process_time() - begun
    rows = rows_of(path)
    begun = time.process_time()
    floor = thousand_row_commits(path, rows)
    least = (time.process_time() - begun) / len(rows)
    return {
        "nodes": 5 * many / seconds,
        "floor": floor,
        "processor": 1e6 * spent / (5 * many),
        "floor's processor": 1e6 * least,
    }


def ints(scene: Scene) -> Figures:
    """Runs of 5 inline nodes on an int."""
    return _five(scene, "bench_five", 1)


def cards(scene: Scene) -> Figures:
    """Runs of 5 inline nodes on a dict of 200 bytes."""
    return _five(scene, "bench_five_cards", CARD)


def pooled(scene: Scene) -> Figures:
    """Runs of 5 nodes on the thread pool and on the loop, beside as many inline ones."""
    many = scene.many(4_000, 200)
    figures = {}
    for figure, flow in (
        ("inline", "bench_five"),
        ("threads", "bench_five_threaded"),
        ("async", "bench_five_awaited"),
    ):
        figures[figure] = 5 * many / drain(scene.store(), flow, [1] * many)
    return figures


def wide(scene: Scene) -> Figures:
    """One run with 1,000 parallel inline nodes."""
    with Engine(scene.store()) as engine:
        engine.start("bench_wide", 1).result(PATIENCE)
        rates = [
            1_000 / clock(lambda: engine.start("bench_wide", 1).result(PATIENCE))
            for _ in range(scene.many(10, 2))
        ]
    return {"nodes": _mean(rates)}


def _processor(value: str) -> Goal:
    """What the machine's other work hides least: processor time, of all threads."""
    title = f"processors' time a node, {value}; the floor's a row"
    return Goal(title, "processor", "us", None, "floor's processor")


WORKLOADS = [
    Workload(
        "sequence",
        sequence,
        (Goal("one run of 1,000 inline nodes in sequence", "nodes", "nodes/s", 0.6, "floor"),),
    ),
    Workload(
        "ints",
        ints,
        (
            Goal("20,000 runs of 5 inline nodes, an int", "nodes", "nodes/s", 0.2, "floor"),
            _processor("an int"),
        ),
    ),
    Workload(
        "cards",
        cards,
        (
            Goal("20,000 runs of 5 inline nodes, 200 bytes", "nodes", "nodes/s", 0.1, "floor"),
            _processor("200 bytes"),
        ),
    ),
    Workload(
        "pooled",
        pooled,
        (
            Goal("4,000 runs of 5 nodes on 64 threads", "threads", "nodes/s", 1 / 6, "inline"),
            Goal("4,000 runs of 5 async nodes", "async", "nodes/s", 1 / 6, "inline"),
        ),
    ),
    Workload(
        "wide",
        wide,
        (Goal("one run of 1,000 parallel inline nodes", "nodes", "nodes/s", 20_000),),
    ),
]
