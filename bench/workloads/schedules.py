"""10,000 schedules in one store: what they cost while nothing is due, and how fast they fire."""

from __future__ import annotations

from datetime import timedelta

from bench.goals import Goal, Workload
from bench.scene import Figures, Scene, clock
from everflow import Registry, flow, identity, schedule
from everflow.engine.schedules.policy import Standing
from everflow.engine.schedules.spec import Body, read_body
from everflow.store import Put
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.harness import Harness, harness

__all__ = ["WORKLOADS"]

TURNS = 2_000
HOME = Registry()
echo = flow("bench_scheduled", identity, registry=HOME)


def measure(scene: Scene) -> Figures:
    """Turns of a worker without schedules and with all of them at rest; then all are due."""
    many = scene.many(10_000, 200)
    with harness(echo, store=SQLiteStore.open(scene.store()), registry=HOME) as h:
        empty = _turns(h)
        first = h.schedules.add(schedule("s", "0 7 * * *", echo, zone="Europe/Berlin"))
        body = read_body(h.store.records("schedule", keys=["s"])[0].body)
        due = first.standing.next or 0
        text = Body(body.plan, Standing(next=due)).encoded()
        h.store.write(
            [Put(kind="schedule", key=f"s{i}", body=text, due=due) for i in range(many)],
            at=h.clock.wall(),
        )
        h.settle()
        idle = _turns(h)
        h.clock.jump(timedelta(days=1))
        ticker = h.scheduler.ticker

        def fire() -> None:
            while ticker.restless:
                ticker.look()

        length = clock(fire)
        fired = len(h.runs()) - 1
    return {"idle": idle, "empty": empty, "fired": fired / length, "late": length}


def _turns(h: Harness[object, object]) -> float:
    """Microseconds of a turn in which nothing is due."""

    def turns() -> None:
        for _ in range(TURNS):
            h.scheduler.turn()

    return 1_000_000 * clock(turns) / TURNS


WORKLOADS = [
    Workload(
        "schedules",
        measure,
        (
            Goal("an idle turn, 10,000 schedules; none", "idle", "us", 2, "empty", at_most=True),
            Goal("10,000 schedules due at once: fired", "fired", "runs/s", 1_000),
            Goal("the last of them is late by", "late", "s", 10, at_most=True),
        ),
    ),
]
