"""A list of 10,000 items, a loop of 10,000 rounds: the last must cost what the first did."""

from __future__ import annotations

import resource
import time

from bench.flows import MARKS
from bench.goals import Goal, Workload
from bench.scene import PATIENCE, Figures, Scene, clock
from everflow import Engine

__all__ = ["WORKLOADS"]

FEW = 100  # items, or rounds at each end


def each(scene: Scene) -> Figures:
    """One run over 10,000 dicts of 200 bytes, beside runs over 100 of them."""
    many = scene.many(10_000, 1_000)
    with Engine(scene.store()) as engine:
        engine.start("bench_each", FEW).result(PATIENCE)
        begun = time.perf_counter()
        for _ in range(many // FEW):
            engine.start("bench_each", FEW).result(PATIENCE)
        few = many / (time.perf_counter() - begun)
        long = many / clock(lambda: engine.start("bench_each", many).result(PATIENCE))
    return {"items": long, "short": few}


def rounds(scene: Scene) -> Figures:
    """One run of a loop of 10,000 rounds on a dict of 200 bytes: its last 100 beside its first."""
    many = scene.many(10_000, 1_000)
    with Engine(scene.store()) as engine:
        engine.start("bench_rounds", {"left": FEW}).result(PATIENCE)
        MARKS.clear()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        engine.start("bench_rounds", {"left": many}).result(PATIENCE)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    middle = len(MARKS) // 2
    half = min(middle, 10 * FEW)
    return {
        "last": half / (MARKS[-1] - MARKS[-half - 1]),
        "first": half / (MARKS[half] - MARKS[0]),
        "memory": grown / 1024,
    }


WORKLOADS = [
    Workload(
        "each",
        each,
        (Goal("each over 10,000 items; beside runs over 100", "items", "items/s", 0.5, "short"),),
    ),
    Workload(
        "rounds",
        rounds,
        (
            Goal("a loop's last 1,000 of 10,000 rounds", "last", "rounds/s", 0.5, "first"),
            Goal("memory that a loop of 10,000 rounds adds", "memory", "MB", 20, at_most=True),
        ),
    ),
]
