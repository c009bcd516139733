"""PostgreSQL under one worker and under several, each in a process of its own where they are."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.flows import LEDGER, token
from bench.goals import Goal, Workload
from bench.postgres import SCHEMA, copied, one_by_one, pg_rows, served
from bench.scene import PATIENCE, Figures, Scene, clock, done
from everflow import Connection, Engine, Run, RunQuery, Status, connect
from tests.stores.postgres.proxy import Fault, Proxy

__all__ = ["WORKLOADS"]

LOOK = 0.01  # seconds
ENTRIES = 7  # of a run of 5 nodes
ROUNDS = 3  # within a sample: an engine and the floor take turns


def pg_sequence(scene: Scene) -> Figures:
    """One run of 1,000 inline nodes after the other, the floor's 1,000 commits between them."""
    rates, floors = [], []
    with served() as server, Engine(server.url(SCHEMA)) as engine:
        engine.start("bench_thousand", 1).result(PATIENCE)
        for _ in range(scene.many(ROUNDS, 1)):
            rates.append(1_000 / clock(lambda: engine.start("bench_thousand", 1).result(PATIENCE)))
            floors.append(one_by_one(server, pg_rows(server, 1_000)))
    return {"nodes": _mean(rates), "floor": _mean(floors)}


def pg_five(scene: Scene) -> Figures:
    """2,000 runs of 5 inline nodes from the first start to the last end, and their rows by COPY."""
    many, rates, floors = scene.many(2_000, 100), [], []
    with served() as server, Engine(server.url(SCHEMA)) as engine:

        def work() -> None:
            engine.start_all("bench_five", [1] * many)
            done(engine)

        work()
        spent = time.process_time()
        for _ in range(scene.many(ROUNDS, 1)):
            rates.append(ENTRIES * many / clock(work))
            rows = pg_rows(server, ENTRIES * many)
            spent -= time.process_time()
            floors.append(copied(server, rows))
            spent += time.process_time()
    return {"rows": _mean(rates), "floor": _mean(floors), "nodes": _mean(rates) * 5 / ENTRIES}


def _mean(rates: Sequence[float]) -> float:
    """Of rates over the same number of rows: by their times."""
    return len(rates) / sum(1 / rate for rate in rates)


def pg_workers(scene: Scene) -> Figures:
    """Runs of 5 nodes that burn 1 ms each, by one worker process and by two, in turns."""
    many, rates = scene.many(400, 20), {1: list[float](), 2: list[float]()}
    with served() as server, connect(server.url(SCHEMA), create=True) as flows:
        for _ in range(scene.many(ROUNDS, 1)):
            for workers, found in rates.items():
                with ExitStack() as stack:
                    for _ in range(workers):
                        stack.enter_context(_member(scene, server.url(SCHEMA)))
                    _run_burning(flows, workers)  # each has met the flow
                    found.append(5 * many / clock(lambda: _run_burning(flows, many)))
    return {"one": _mean(rates[1]), "two": _mean(rates[2])}


def _run_burning(flows: Connection, many: int) -> None:
    before = _count(flows, Status.DONE)
    flows.client.start_all("bench_five_burning", [1] * many)
    _until(lambda: _count(flows, Status.DONE) == before + many)


def _count(flows: Connection, status: Status) -> int:
    return flows.store.count(RunQuery(status=(status,))).get(status, 0)


@contextmanager
def _member(scene: Scene, place: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that is ready; it ends with what is done in its presence."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.member", place],
        env=scene.environment(**environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as worker:
        assert worker.stdout is not None
        if not worker.stdout.readline():
            raise AssertionError("the worker doesn't begin")
        yield worker


def _until(holds: Callable[[], bool]) -> None:
    end = time.perf_counter() + PATIENCE
    while not holds():
        if time.perf_counter() > end:
            raise TimeoutError("the workers don't get on")
        time.sleep(LOOK)


def pg_asked(scene: Scene) -> Figures:
    """Runs started until each is suspended, then all answered until each is done; starts alone."""
    many, few = scene.many(5_000, 100), scene.many(300, 20)
    with served() as server, Engine(server.url(SCHEMA)) as engine:
        runs: list[Run[object]] = []

        def begin() -> None:
            runs.extend(engine.start_all("bench_asked", [1] * many))
            done(engine)

        def answer() -> None:
            engine.answer_all([(token(run.id, 1), True) for run in runs])
            done(engine)

        engine.start_all("bench_asked", [1] * few)
        done(engine)
        started, answered = clock(begin), clock(answer)
        with connect(server.url(SCHEMA)) as flows:
            alone = clock(lambda: [flows.client.start("bench_asked", 1) for _ in range(few)])
        done(engine)
    return {"started": many / started, "resumed": many / answered, "alone": few / alone}


def pg_takeover(scene: Scene) -> Figures:
    """From the SIGKILL of a worker until another goes on with its run: on its host, and on another.

    Another host is one that can't see the locks of the first: they lie in another folder.
    """
    here, there = _folder(scene, "here"), _folder(scene, "there")
    return {"host": _taken_over(scene, here, here), "stranger": _taken_over(scene, here, there)}


def _taken_over(scene: Scene, *folders: str) -> float:
    ledger = Path(folders[-1], f"{len(set(folders))}.ledger")
    ledger.touch()
    one, two = ({LEDGER: str(ledger), "TMPDIR": folder} for folder in folders)
    with (
        served() as server,
        connect(server.url(SCHEMA), create=True) as flows,
        _member(scene, server.url(SCHEMA), **one) as first,
    ):
        flows.client.start("bench_slowly_told", 1)
        _until(lambda: ledger.stat().st_size > 0)
        with _member(scene, server.url(SCHEMA), **two):
            first.kill()
            first.wait()
            size = ledger.stat().st_size
            return clock(lambda: _until(lambda: ledger.stat().st_size > size))


def _folder(scene: Scene, name: str) -> str:
    folder: Path = scene.folder / name
    folder.mkdir(exist_ok=True)
    return str(folder)


def pg_idle(scene: Scene) -> Figures:
    """What a worker with 1,000 suspended runs asks of its server in 10 s without anything to do."""
    seconds = scene.many(10, 1)
    sent: list[int] = []

    def told(message: bytes) -> Fault:
        sent.append(len(message))
        return Fault.NONE

    with served() as server:
        proxy = Proxy(server)
        try:
            with Engine(proxy.url(SCHEMA)) as engine:
                engine.start_all("bench_asked", [1] * scene.many(1_000, 20))
                done(engine)
                time.sleep(2)  # whatever came of that is over
                proxy.judge = told
                time.sleep(seconds)
                proxy.judge = lambda _: Fault.NONE
        finally:
            proxy.close()
    return {"queries": len(sent) / seconds, "bytes": sum(sent) / seconds}


WORKLOADS = [
    Workload(
        "pg_sequence",
        pg_sequence,
        (Goal("PostgreSQL: 1,000 inline nodes in sequence", "nodes", "nodes/s", 0.6, "floor"),),
    ),
    Workload(
        "pg_five",
        pg_five,
        (
            Goal("PostgreSQL: 2,000 runs of 5 inline nodes", "rows", "rows/s", 0.25, "floor"),
            Goal("the same, in nodes", "nodes", "nodes/s", None, "floor"),
        ),
    ),
    Workload(
        "pg_workers",
        pg_workers,
        (Goal("PostgreSQL: two workers over one", "two", "nodes/s", 1.5, "one"),),
    ),
    Workload(
        "pg_asked",
        pg_asked,
        (
            Goal("PostgreSQL: started until suspended", "started", "runs/s", None),
            Goal("PostgreSQL: answered until done", "resumed", "runs/s", None),
            Goal("PostgreSQL: starts one by one", "alone", "runs/s", None),
        ),
    ),
    Workload(
        "pg_takeover",
        pg_takeover,
        (
            Goal("a killed worker's run goes on, same host", "host", "s", 1, at_most=True),
            Goal("the same, by its lease of 5 s", "stranger", "s", 6, at_most=True),
        ),
    ),
    Workload(
        "pg_idle",
        pg_idle,
        (
            Goal("queries of an idle worker", "queries", "/s", 5, at_most=True),
            Goal("bytes of an idle worker", "bytes", "bytes/s", None),
        ),
    ),
]
