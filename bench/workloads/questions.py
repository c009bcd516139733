"""Suspensions: many runs that wait and are answered, and runs with very many questions."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import apsw

from bench.flows import ANSWER, token
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
        engine.answer_all([(token(run.id, 1), ANSWER) for run in warm])
        done(engine)
        runs: list[Run[object]] = []

        def begin() -> None:
            runs.extend(engine.start_all("bench_asked", [1] * many))
            done(engine)

        def answer() -> None:
            engine.answer_all([(token(run.id, 1), ANSWER) for run in runs])
            done(engine)

        started, answered = clock(begin), clock(answer)
        ended = [run.result(0) for run in runs[:: max(many // 20, 1)]]
    if set(ended) != {1}:
        raise AssertionError(f"the runs ended with {set(ended)}")
    return {"suspended": many / started, "answered": many / answered}


def in_a_row(scene: Scene) -> Figures:
    """One run that asks 10,000 times, one question after the other."""
    return _often(scene, "bench_asked_often", scene.many(10_000, 40), scene.many(100, 5))


def at_once(scene: Scene) -> Figures:
    """One run that asks 2,000 questions at once."""
    return _often(scene, "bench_asked_at_once", scene.many(2_000, 40), scene.many(100, 5))


def _often(scene: Scene, flow: str, questions: int, part: int) -> Figures:
    """Milliseconds an answer, until the run rests again.

    First ``part`` answers with the engine reopened each time, then as many warm; the rest warm but
    the last, which are as the first.
    """
    path = scene.store()
    with Engine(path) as engine:
        run: Run[object] = engine.start(flow, 1)
        run.wait(PATIENCE)
    places = [token(run.id, number) for number in range(1, questions + 1)]
    end = questions - 1  # with the last answer the run ends, which costs less
    cold_first = _reopened(path, places[:part])
    with Engine(path) as engine:
        engine.run(run.id).wait(PATIENCE)
        warm_first = _answered(engine, places[part : 2 * part])
        _answered(engine, places[2 * part : end - 2 * part])
        warm_last = _answered(engine, places[end - 2 * part : end - part])
    cold_last = _reopened(path, places[end - part : end])
    return {
        "first": _each(warm_first),
        "last": _each(warm_last),
        "first reopened": _each(cold_first),
        "last reopened": _each(cold_last),
    }


def _each(seconds: Sequence[float]) -> float:
    return 1_000 * sum(seconds) / len(seconds)


def _answered(engine: Engine, places: Sequence[str]) -> list[float]:
    """Seconds of each answer: accepted, and applied."""
    seconds = []
    for place in places:
        begun = time.perf_counter()
        engine.answer(place, ANSWER)
        engine.run(place.split(".")[0]).wait(PATIENCE)
        seconds.append(time.perf_counter() - begun)
    return seconds


def _reopened(path: Path, places: Sequence[str]) -> list[float]:
    seconds = []
    for place in places:
        with Engine(path) as engine:
            seconds += _answered(engine, [place])
    return seconds


def resting(engine: Engine, many: int) -> None:
    """Have so many runs more wait for their answers."""
    for first in range(0, many, PORTION):
        engine.start_all("bench_asked", [1] * min(PORTION, many - first))
        done(engine)


def weight(scene: Scene) -> Figures:
    """What a suspended run weighs on disk and in memory.

    SQLite's page cache, which grows with the file up to its bound, is told apart from the rest.
    """
    path, few, many = scene.store(), scene.many(1_000, 50), scene.many(20_000, 200)
    with Engine(path) as engine:
        resting(engine, few)
    light = path.stat().st_size
    with Engine(path) as engine:
        resting(engine, few)
        memory, cache = _memory(), apsw.memory_used()
        resting(engine, many - few)
        grown, cached = _memory() - memory, apsw.memory_used() - cache
    disk = (path.stat().st_size - light) / many
    return {
        "disk": disk,
        "memory": max(grown - cached, 0) / (many - few),
        "rss": grown / 2**20,
        "cache": cached / 2**20,
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
            Goal("a suspended run in memory, without cache", "memory", "bytes", 64, at_most=True),
            Goal("growth of memory from 1,000 to 20,000 of them", "rss", "MiB", None),
            Goal("of it SQLite's bounded page cache", "cache", "MiB", None),
        ),
    ),
]
