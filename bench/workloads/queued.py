"""What waiting for a turn costs: the same runs with a queue and without."""

from __future__ import annotations

from bench.goals import Goal, Workload
from bench.scene import Figures, Scene, clock, done
from everflow import Config, Engine

__all__ = ["WORKLOADS"]

LIMIT = 100
LANES = 1_000


def queued(scene: Scene) -> Figures:
    """10,000 runs of 5 inline nodes: plain, in a queue of 100 places, and there in 1,000 lanes.

    A queue has two costs: that few runs share each commit, and the admissions. So the same runs are
    timed without a queue, too, while no more of them are in memory than have places.
    """
    many = scene.many(10_000, 200)
    with Engine(scene.store(), config=Config(live_runs=LIMIT)) as engine:
        engine.start_all("bench_five", [1] * 100)
        done(engine)
        few = clock(lambda: _plain(engine, many))
    with Engine(scene.store()) as engine:
        engine.start_all("bench_five", [1] * 100)
        done(engine)
        engine.queues.declare("bench", limit=LIMIT)
        plain = clock(lambda: _plain(engine, many))
        one = clock(lambda: _queued(engine, many))
        lanes = clock(lambda: _in_lanes(engine, many))
        if engine.queues.view("bench").waiting:
            raise AssertionError("runs still wait")
    rates = {"plain": many / plain, "queued": many / one, "lanes": many / lanes}
    costs = {"few": (few - plain) / many * 1e6, "admission": (one - few) / many * 1e6}
    return rates | {"hundred": many / few} | costs


def _plain(engine: Engine, many: int) -> None:
    engine.start_all("bench_five", [1] * many)
    done(engine)


def _queued(engine: Engine, many: int) -> None:
    engine.start_all("bench_five", [1] * many, queue="bench")
    _empty(engine)


def _in_lanes(engine: Engine, many: int) -> None:
    share = max(many // LANES, 1)
    for lane in range(many // share):
        engine.start_all("bench_five", [1] * share, queue="bench", lane=str(lane))
    _empty(engine)


def _empty(engine: Engine) -> None:
    """Until nobody waits and nobody has a place."""
    done(engine)
    while engine.client.store.lanes("bench"):
        done(engine)


WORKLOADS = [
    Workload(
        "queued",
        queued,
        (
            Goal("10,000 runs of 5 in a queue of 100 places", "queued", "runs/s", None, "plain"),
            Goal("the same in 1,000 lanes", "lanes", "runs/s", None, "plain"),
            Goal("without a queue, 100 at once", "hundred", "runs/s", None, "plain"),
            Goal("what 100 at once add to a run", "few", "µs", None),
            Goal("what admission adds to that", "admission", "µs", None),
        ),
    ),
]
