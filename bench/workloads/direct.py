"""Direct style: bodies of many awaits beside sequences, and what their resumes cost."""

from __future__ import annotations

from pathlib import Path

from bench.flows import token
from bench.goals import Goal, Workload
from bench.scene import PATIENCE, Figures, Scene, clock, done
from everflow import Engine, Run

__all__ = ["WORKLOADS"]

AWAITS = 1_000
ANSWERS = 20


def beside(scene: Scene) -> Figures:
    """One run of 1,000 awaits, and one of a sequence of 1,000 nodes, in turn."""
    bodies, sequences = 0.0, 0.0
    rounds = scene.many(4, 1)
    with Engine(scene.store()) as engine:
        for flow in ("bench_body", "bench_thousand"):
            engine.start(flow, 10 if flow == "bench_body" else 1).result(PATIENCE)
        for _ in range(rounds):
            sequences += clock(lambda: engine.start("bench_thousand", 1).result(PATIENCE))
            bodies += clock(lambda: engine.start("bench_body", AWAITS).result(PATIENCE))
    return {"awaits": rounds * AWAITS / bodies, "nodes": rounds * AWAITS / sequences}


def long(scene: Scene) -> Figures:
    """A body of 10,000 awaits that asks: an answer warm, and one by an engine that begins anew."""
    many = scene.many(10_000, 300)
    warm, cold, length = _asked(scene.store(), "bench_body_asks", many)
    _, flat, _ = _asked(scene.store(), "bench_body_flat", many)
    return {"warm": warm, "cold": cold, "flat": flat, "awaits": many / length}


def _asked(path: Path, flow: str, many: int) -> tuple[float, float, float]:
    """Milliseconds of an answer to a run in memory and to one that isn't; seconds up to there."""
    with Engine(path) as engine:
        engine.start(flow, 0)
        done(engine)
        begun: list[Run[object]] = []

        def work() -> None:
            begun.append(engine.start(flow, many))
            done(engine)

        length = clock(work)
        run = begun[0].id

        def answer(engine: Engine, first: int, last: int) -> None:
            for occurrence in range(first, last):
                engine.answer(token(run, occurrence), True)
                done(engine)

        warm = clock(lambda: answer(engine, 1, ANSWERS + 1)) / ANSWERS
    with Engine(path) as engine:
        done(engine)
        cold = clock(lambda: answer(engine, ANSWERS + 1, ANSWERS + 2))
    return 1_000 * warm, 1_000 * cold, length


WORKLOADS = [
    Workload(
        "direct",
        beside,
        (Goal("one run of 1,000 awaits; a sequence's", "awaits", "awaits/s", 0.5, "nodes"),),
    ),
    Workload(
        "direct_long",
        long,
        (
            Goal("a body of 10,000 awaits, while it goes on", "awaits", "awaits/s", None),
            Goal("an answer to it in memory", "warm", "ms", 20, at_most=True),
            Goal("an answer to it after a restart, its log replayed", "cold", "ms", None),
            Goal("the same with continue_with each 100 awaits", "flat", "ms", 100, at_most=True),
        ),
    ),
]
