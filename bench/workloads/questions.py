"""Suspensions: many runs that wait and are answered, and runs with very many questions."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import apsw

from bench.flows import token
from bench.goals import Goal, Workload
from bench.scene import PATIENCE, Figures, Scene, clock, done
from everflow import Engine, Run

__all__ = ["WORKLOADS", "resting"]

PORTION = 1_000


def asked(scene: Scene) -> Figures:
    """Runs started until each is suspended, then all of them answered until each is done."""
    many = scene.many(20_000, 500)
    with Engine(scene.store()) as engine:
        warm: list[Run[object]] = engine.start_all("bench_asked", [1] * 200)
        done(engine)
        engine.answer_all([(token(run.id, 1), True) for run in warm])
        done(engine)
        runs: list[Run[object]] = []

        def begin() -> None:
            runs.extend(engine.start_all("bench_asked", [1] * many))
            done(engine)

        def answer() -> None:
            engine.answer_all([(token(run.id, 1), True) for run in runs])
            done(engine)

        started, answered = clock(begin), clock(answer)
        ended = [run.result(0) for run in runs[:: max(many // 20, 1)]]
    if set(ended) != {1}:
        raise AssertionError(f"the runs ended with {set(ended)}")
    return {"suspended": many / started, "answered": many / answered}


def in_a_row(scene: Scene) -> Figures:
    """One run that asks 10,000 times, in a loop."""
    return _often(scene, "bench_asked_often", scene.many(10_000, 40), scene.many(100, 5))


def at_once(scene: Scene) -> Figures:
    """One run that asks 2,000 questions at once."""
    return _often(scene, "bench_asked_at_once", scene.many(2_000, 40), scene.many(100, 5))


def _often(scene: Scene, flow: str, questions: int, part: int) -> Figures:
    """Milliseconds an answer, until the run rests again: of a young run, and of an old one.

    The two take turns, so that a slow moment of the disk hits both: the young one's first answers
    and the old one's last but few, warm, and then with the engine reopened before each.
    """
    young, old = scene.store(), scene.store()
    first, last = _asking(young, flow), _asking(old, flow)
    with Engine(old) as engine:
        _answered(engine, [next(last) for _ in range(questions - 2 * part - 1)])
    seconds: dict[str, list[float]] = {}
    with Engine(young) as one, Engine(old) as other:
        for _ in range(part):
            seconds.setdefault("first", []).extend(_answered(one, [next(first)]))
            seconds.setdefault("last", []).extend(_answered(other, [next(last)]))
    for _ in range(part):
        seconds.setdefault("first reopened", []).extend(_reopened(young, next(first)))
        seconds.setdefault("last reopened", []).extend(_reopened(old, next(last)))
    return {name: 1_000 * sum(each) / len(each) for name, each in seconds.items()}


def _asking(path: Path, flow: str) -> Iterator[str]:
    """Start the run that asks; the tokens of its questions."""
    with Engine(path) as engine:
        run: Run[object] = engine.start(flow, 1)
        run.wait(PATIENCE)
    return (token(run.id, number) for number in count(1))


def _answered(engine: Engine, places: Sequence[str]) -> list[float]:
    """Seconds of each answer: accepted, and applied."""
    seconds = []
    for place in places:
        begun = time.perf_counter()
        engine.answer(place, False)  # with True the loop would end
        engine.run(place.split(".")[0]).wait(PATIENCE)
        seconds.append(time.perf_counter() - begun)
    return seconds


def _reopened(path: Path, place: str) -> list[float]:
    with Engine(path) as engine:
        return _answered(engine, [place])


def resting(engine: Engine, many: int) -> None:
    """Have so many runs more wait for their answers."""
    for first in range(0, many, PORTION):
        engine.start_all("bench_asked", [1] * min(PORTION, many - first))
        done(engine)


def weight(scene: Scene) -> Figures:
    """What a suspended run weighs on disk and in memory.

    Python's own blocks of memory are counted exactly. The process's resident memory is shown too,
    and what SQLite's page caches have of it: they grow with the file up to their bound.
    """
    path, few, many = scene.store(), scene.many(1_000, 50), scene.many(20_000, 200)
    with Engine(path) as engine:
        resting(engine, few)
    light = path.stat().st_size
    with Engine(path) as engine:
        resting(engine, few)
        before = sys.getallocatedblocks(), _memory(), apsw.memory_used()
        resting(engine, many - few)
        after = sys.getallocatedblocks(), _memory(), apsw.memory_used()
    blocks, memory, cache = (now - then for now, then in zip(after, before, strict=True))
    disk = (path.stat().st_size - light) / many
    return {
        "disk": disk,
        "blocks": max(blocks, 0) / (many - few),
        "rss": memory / 2**20,
        "cache": cache / 2**20,
    }


def _memory() -> int:
    """The process's resident memory in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _often_goals(title: str) -> tuple[Goal, ...]:
    return (
        Goal(f"{title}: last 100, warm", "last", "ms", 1.2, "first", at_most=True),
        Goal(f"{title}: reopened", "last reopened", "ms", 1.2, "first reopened", at_most=True),
    )


WORKLOADS = [
    Workload(
        "asked",
        asked,
        (
            Goal("20,000 runs started until suspended", "suspended", "runs/s", 15_000),
            Goal("the 20,000 answered until done", "answered", "runs/s", 10_000),
        ),
    ),
    Workload("in_a_row", in_a_row, _often_goals("10,000 suspensions in a row")),
    Workload("at_once", at_once, _often_goals("2,000 suspensions at once")),
    Workload(
        "weight",
        weight,
        (
            Goal("a suspended run on disk", "disk", "bytes", 1_024, at_most=True),
            Goal("a suspended run in memory", "blocks", "blocks", 0.05, at_most=True),
            Goal("growth of memory from 1,000 to 20,000 of them", "rss", "MiB", None),
            Goal("of it SQLite's bounded page cache", "cache", "MiB", None),
        ),
    ),
]
