"""Crashes for real: a process is killed with SIGKILL, and another engine goes on with its runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from everflow import Engine, Run, RunQuery, Status, connect
from everflow.errors import RunBlocked
from tests.engine import app
from tests.engine.support import PATIENT, World, plus_one, settle, step, until


def spawn(*args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engine.app", *args],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or "." for entry in sys.path)},
    )


@contextmanager
def application(*args: str) -> Iterator[subprocess.Popen[str]]:
    process = spawn(*args)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "flows.db")


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    return str(tmp_path / "ledger")


ASIDE = RunQuery(status=(Status.BLOCKED,))


def done(engine: Engine, count: int) -> bool:
    return len(engine.runs(RunQuery(status=(Status.DONE,)))) == count


@pytest.mark.parametrize("name", ["deadly_once", "deadly_inline"])
def test_a_crash_between_effect_and_record_repeats_that_node_alone(
    path: str, ledger: str, name: str
) -> None:
    """Once more, with the same idempotency key; what was recorded isn't run again (B080)."""
    with application("run", path, name, ledger, "1") as process:
        assert process.wait(PATIENT) == -9
    with app.opened(path) as engine:
        until(lambda: done(engine, 1))
        (row,) = engine.runs()
    keys = Counter(Path(ledger).read_text().split())
    assert sorted(keys.values()) == [1, 1, 2]
    assert all(key.startswith(row.id) for key in keys)


def test_every_acknowledged_run_goes_on_unasked(path: str, ledger: str) -> None:
    """Runs of a killed process are taken by the next one and by nobody else (B080)."""
    with application("run", path, "steps", ledger, "40") as process:
        assert process.stdout is not None
        ids = [process.stdout.readline().strip() for _ in range(40)]
        process.kill()
        process.wait()
    with app.opened(path) as engine:
        until(lambda: done(engine, 40))
        assert {row.id for row in engine.runs()} == set(ids)
    counts = Counter(Path(ledger).read_text().split())
    assert len(counts) == 200
    assert sum(counts.values()) <= 200 + 64


def test_suspended_runs_of_a_killed_process_take_their_answers(path: str, ledger: str) -> None:
    """While no engine is there, and from any process (B080)."""
    with application("vanish", path, "waits", ledger, "5") as process:
        assert process.stdout is not None
        ids = process.stdout.readline().split()
    assert len(ids) == 5
    with connect(path, registry=app.registry) as flows:
        for run in ids:
            flows.resume(run, ledger)
    with app.opened(path) as engine:
        until(lambda: done(engine, 5))
    assert set(Counter(Path(ledger).read_text().split()).values()) == {1}


def test_a_node_that_kills_its_worker_is_found_and_set_aside(path: str, ledger: str) -> None:
    """Suspects go on alone; only deaths while alone count; innocent runs end (B067)."""
    app.start_all(path, "deadly", ledger, 1)
    app.start_all(path, "steps", ledger, 30)
    for _ in range(20):
        with application("work", path) as process, connect(path) as flows:
            until(lambda: process.poll() is not None or bool(flows.runs(ASIDE)))
            if process.poll() is None:
                break
    with app.opened(path) as engine:
        until(lambda: done(engine, 30))
        blocked = engine.runs(ASIDE)
        assert [(row.flow, row.until) for row in blocked] == [("deadly", "operator")]
        with pytest.raises(RunBlocked, match=r"(?s)died 3 times.*kills_always"):
            engine.run(blocked[0].id).result(PATIENT)
        engine.cancel(blocked[0].id)
        assert settle(engine.run(blocked[0].id)) == "cancelled"


def test_the_applications_engine_and_others_share_a_file(path: str, ledger: str) -> None:
    """The command line answers, cancels and lists while another process executes."""
    with application("work", path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with connect(path, registry=app.registry) as flows:
            run: Run[Any] = flows.start("waits", ledger)
            other: Run[Any] = flows.start("waits", ledger)
            assert run.wait(PATIENT) == "suspended"
            assert other.wait(PATIENT) == "suspended"
            flows.resume(run.id, ledger)
            flows.cancel(other.id)
            assert run.result(PATIENT) == ledger
            assert other.wait(PATIENT) == "cancelled"
            assert [row.status for row in flows.runs()] == ["done", "cancelled"]


def test_two_engines_on_one_file_repeat_nothing(path: str, ledger: str) -> None:
    """A second process that opens the store leaves the first one's runs alone."""
    with application("work", path) as first, application("work", path) as second:
        for process in (first, second):
            assert process.stdout is not None
            process.stdout.readline()
        with connect(path, registry=app.registry) as flows:
            runs: list[Run[Any]] = [flows.start("steps", ledger) for _ in range(60)]
            for run in runs:
                run.result(PATIENT)
    assert set(Counter(Path(ledger).read_text().split()).values()) == {1}


def test_a_survivor_takes_over_from_a_killed_neighbour(path: str, ledger: str) -> None:
    """On the same host at once: the kernel tells of the death."""
    with app.opened(path, lease_s=600.0) as engine:
        with application("run", path, "stuck", ledger, "1") as process:
            assert process.stdout is not None
            run = process.stdout.readline().strip()
            until(lambda: Path(ledger).exists() and "hanging" in Path(ledger).read_text())
            process.kill()
            process.wait()
        until(lambda: Path(ledger).read_text().split().count("hanging") == 2)
        engine.cancel(run)
        assert settle(engine.run(run)) == "cancelled"


def test_an_engine_dropped_without_close_harms_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Another engine takes its runs once its lease is over; the old one writes nothing more."""
    go = threading.Event()

    @step
    def held(x: int) -> int:
        world.seen.append("begun")
        go.wait(PATIENT)
        return x + len(world.seen)

    flow = world.flow("f", held)
    other = World(world.where)
    other.flow("f", step(lambda x: 100, name="held"))
    with world.engine(lease_s=600.0) as dropped:
        run = dropped.start(flow, 1).id
        until(lambda: world.seen == ["begun"])
        stop_heart(dropped)
        with other.engine(lease_s=0.05) as taker:
            until(lambda: taker.run(run).status == "done")
            go.set()
            until(lambda: "was taken for dead" in caplog.text)
            assert taker.run(run).result(PATIENT) == 100
            assert dropped.start(world.flow("g", plus_one), 1).result(PATIENT) == 2
    assert world.seen == ["begun"]


def stop_heart(engine: Any) -> None:
    """Let the heartbeat stand, as that of a process that is stopped."""
    store, mine = engine.client.store, engine.client.store.workers()[-1].id
    beat = store.beat
    store.beat = lambda worker: None if worker == mine else beat(worker)


def test_a_clean_close_leaves_no_suspects(world: World) -> None:
    """The next engine has them at once, all of them beside each other."""
    barrier = threading.Barrier(3, timeout=PATIENT)
    flow = world.flow("f", step(lambda x: barrier.wait() and 0, name="meet"))
    with world.engine(grace_s=0.02, drain_s=0.02) as engine:
        runs = [engine.start(flow, n).id for n in range(2)]
        until(lambda: barrier.n_waiting == 2)
    barrier.abort()
    barrier.reset()
    with world.engine() as engine:
        third = engine.start(flow, 2)
        for run in (*runs, third.id):
            assert engine.run(run).result(PATIENT) in {0, None}
