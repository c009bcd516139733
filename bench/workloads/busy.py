"""The same beside threads of the process that burn CPU, and what the switch interval does to it.

Whoever shares a process with plain Python that never waits gets the interpreter's lock back once a
switch interval, at best: so the interval times the number of handovers is what everything costs.
"""

from __future__ import annotations

import time
from statistics import median

from bench.goals import Goal, Workload
from bench.scene import DEFAULT_SWITCH, PATIENCE, Figures, Scene, busy
from bench.workloads.rates import drain
from everflow import Engine, Run

__all__ = ["WORKLOADS"]


def beside(scene: Scene) -> Figures:
    """Runs of 5 inline nodes, quiet and beside busy threads; fewer of them at 5 ms."""
    many, few = scene.many(20_000, 200), scene.many(2_000, 100)
    figures = {"quiet": 5 * many / drain(scene.store(), "bench_five", [1] * many)}
    for threads in (1, 2):
        with busy(threads):
            seconds = drain(scene.store(), "bench_five", [1] * many)
        figures[f"busy {threads}"] = 5 * many / seconds
        with busy(threads, DEFAULT_SWITCH):
            seconds = drain(scene.store(), "bench_five", [1] * few)
        figures[f"busy {threads} at 5 ms"] = 5 * few / seconds
    return figures


def start(scene: Scene) -> Figures:
    """One start after the other beside one busy thread, each run waited for before the next."""
    with Engine(scene.store()) as engine:
        figures = {"quiet": _start(engine, scene.many(200, 5))}
        with busy(1):
            figures["busy"] = _start(engine, scene.many(100, 5))
        with busy(1, DEFAULT_SWITCH):
            figures["busy at 5 ms"] = _start(engine, scene.many(50, 5))
    return figures


def _start(engine: Engine, many: int) -> float:
    """The median of so many starts, in milliseconds."""
    seconds = []
    for _ in range(many):
        begun = time.perf_counter()
        run: Run[object] = engine.start("bench_one", 1)
        seconds.append(time.perf_counter() - begun)
        run.result(PATIENCE)
    return 1_000 * median(seconds)


def _rate(title: str, figure: str, bound: float | None) -> Goal:
    return Goal(f"20,000 runs of 5, {title}", figure, "nodes/s", bound, "quiet")


WORKLOADS = [
    Workload(
        "busy",
        beside,
        (
            _rate("beside 1 busy thread, 0.5 ms", "busy 1", 0.3),
            _rate("beside 2 busy threads, 0.5 ms", "busy 2", 0.15),
            Goal("2,000 runs, beside 1, 5 ms", "busy 1 at 5 ms", "nodes/s", None, "quiet"),
            Goal("2,000 runs, beside 2, 5 ms", "busy 2 at 5 ms", "nodes/s", None, "quiet"),
        ),
    ),
    Workload(
        "start",
        start,
        (
            Goal("a start beside 1 busy thread, 0.5 ms", "busy", "ms", 10, at_most=True),
            Goal("a start beside 1 busy thread, 5 ms", "busy at 5 ms", "ms", None),
            Goal("a start, quiet", "quiet", "ms", None),
        ),
    ),
]
