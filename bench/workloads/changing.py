"""What changed code means for 100,000 open runs: read, folded and judged, without executing any."""

from __future__ import annotations

from collections import Counter

from bench.goals import Goal, Workload
from bench.scene import Figures, Scene, clock, done
from everflow import Engine, Registry, connect, flow, node, suspend
from everflow.core.matching import Fit

__all__ = ["WORKLOADS"]

PORTION = 5_000


def kept(value: object) -> object:
    """A step."""
    return value


def measure(scene: Scene) -> Figures:
    """Seconds of a check whose verdicts are all ``same``, and of one whose are all ``moves``."""
    many, place, step = scene.many(100_000, 500), scene.store(), node(kept)
    before, after = Registry(), Registry()
    flow("bench_changed", step >> suspend("go") >> step, registry=before)
    flow("bench_changed", step >> suspend("go") >> step >> step, registry=after)
    with Engine(place, registry=before) as engine:
        for first in range(0, many, PORTION):
            values = [{"no": no} for no in range(first, min(first + PORTION, many))]
            engine.start_all("bench_changed", values)
            done(engine)
    same = _checked(place, before, {Fit.SAME: many})
    moved = _checked(place, after, {Fit.MOVES: many})
    return {"same": same, "moved": moved}


def _checked(place: object, registry: Registry, wanted: dict[Fit, int]) -> float:
    found: Counter[Fit] = Counter()

    def check() -> None:
        found.update(verdict.fit for verdict in flows.check())

    with connect(str(place), registry=registry) as flows:
        length = clock(check)
    if found != wanted:
        raise AssertionError(f"the verdicts are {found}")
    return length


WORKLOADS = [
    Workload(
        "changing",
        measure,
        (
            Goal("check over 100,000 open runs: all same", "same", "s", 10, at_most=True),
            Goal("the same with a changed flow: all move", "moved", "s", 10, at_most=True),
        ),
    ),
]
