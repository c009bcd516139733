"""Runs that are copied to a peer at each commit, while their owner is at full load."""

from __future__ import annotations

import time
import urllib.request
from statistics import median

from bench.goals import Goal, Workload
from bench.peers import Sides, sides
from bench.scene import PATIENCE, Figures, Scene, clock, done
from everflow import Flow, Registry, flow, node
from everflow.federation.carrying.policies import Policy

__all__ = ["WORKLOADS"]

LOOK = 0.05  # seconds
NODES = 5
ENTRIES = NODES + 1  # of a run: its start besides


@node(name="bench_kept", inline=True)
def kept(value: int) -> int:
    """A step."""
    return value


def measure(scene: Scene) -> Figures:
    """Nodes a second: before, while so many other runs are copied, and when all copies are there.

    The instances are the same all the time, each in a process of its own. ``behind`` is the time
    from when the copied runs have ended to the last copy, ``one`` that of a run by itself.
    """
    many, copied, registry = scene.many(20_000, 400), scene.many(1_000, 40), Registry()
    five: Flow[int, int] = kept
    for _ in range(NODES - 1):
        five = five >> kept
    flow("bench_alone", five, registry=registry)
    flow("bench_copied", five, registry=registry)
    copies = [Policy(flow="bench_copied", to="callee")]
    with sides(scene, registry, copies) as both:
        _load(both, "bench_alone", many // 10)
        before = _load(both, "bench_alone", many)
        _load(both, "bench_copied", copied)
        ended = time.perf_counter()
        beside = _load(both, "bench_alone", many)
        if _copies(both) >= copied * ENTRIES and not scene.quick:
            raise AssertionError("all was copied before the load had ended")
        _until_copied(both, copied)
        behind = time.perf_counter() - ended
        after = _load(both, "bench_alone", many)
        ones = [_one(both, copied + n) for n in range(scene.many(20, 2))]
    return {
        "alone": NODES * many * 2 / (before[0] + after[0]),
        "beside": NODES * many / beside[0],
        "processor": 1e6 * (before[1] + after[1]) / 2 / (NODES * many),
        "processor beside": 1e6 * beside[1] / (NODES * many),
        "shipped": copied * ENTRIES / behind,
        "behind": behind,
        "one": 1_000 * median(ones),
    }


def _load(both: Sides, name: str, many: int) -> tuple[float, float]:
    """Seconds of the clock, and of the processor in all threads of this process."""

    def work() -> None:
        both.engine.start_all(name, [1] * many)
        done(both.engine)

    begun = time.process_time()
    return clock(work), time.process_time() - begun


def _one(both: Sides, before: int) -> float:
    both.engine.start("bench_copied", 1).result(PATIENCE)
    return clock(lambda: _until_copied(both, before + 1, 0.001))


def _until_copied(both: Sides, runs: int, look: float = LOOK) -> None:
    """Wait until the peer says that it has all entries of so many runs."""
    deadline = time.monotonic() + PATIENCE
    while _copies(both) < runs * ENTRIES:
        if time.monotonic() > deadline:
            raise TimeoutError("the copies didn't come to an end")
        time.sleep(look)


def _copies(both: Sides) -> int:
    with urllib.request.urlopen(f"{both.callee}/plain/copies") as answer:
        return int(answer.read())


WORKLOADS = [
    Workload(
        "replicated",
        measure,
        (
            Goal("nodes of 20,000 runs, nothing is copied", "alone", "1/s", None),
            Goal("the same while 1,000 others are copied", "beside", "1/s", 0.9, over="alone"),
            Goal("processor time of each, nothing is copied", "processor", "µs", None),
            Goal(
                "the same while others are copied",
                "processor beside",
                "µs",
                1.1,
                over="processor",
                at_most=True,
            ),
            Goal("entries of those that are copied", "shipped", "1/s", None),
            Goal("the last of those copies", "behind", "s", None),
            Goal("a run by itself: its copy after its end", "one", "ms", None),
        ),
    ),
]
