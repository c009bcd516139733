"""Several workers over one store, as processes: who takes what, and how they end."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from everflow import Config, Engine, Registry, Status, flow, node, suspend
from everflow.engine.records.flights import put_on_trial, slots
from everflow.stores.memory import MemoryStore
from everflow.testing.conformance.base import begin as begin_run
from everflow.views.fleet import Beats, worker_views
from tests.cli.conftest import FLOWS, Cli
from tests.cli.test_worker import begun, until
from tests.engine.support import JumpClock

Spawn = Callable[..., "subprocess.Popen[str]"]


def begin(spawn: Spawn, *words: str) -> tuple["subprocess.Popen[str]", Any]:
    """A worker that works, and what it said of itself."""
    worker = spawn("worker", FLOWS, "--json", *words)
    assert worker.stdout is not None
    return worker, json.loads(worker.stdout.readline())


def test_what_does_not_end_in_time_is_told_by_the_code(
    spawn: Spawn, told: Any, folder: Path
) -> None:
    """3 after a grace that was too short; the node is named, and the next worker runs it again."""
    run = told("start", f"{FLOWS}:gated", json.dumps(str(folder)))["id"]
    worker, _ = begin(spawn, "--drain-grace", "0s")
    until(lambda: begun(folder), "the node begins")
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=20)
    assert worker.returncode == 3, errors
    assert f"of run {run} didn't end within" in errors
    (folder / "go").touch()
    told("worker", FLOWS, "--until-idle")
    assert told("status", run)["result"] == "went"


def test_a_worker_of_a_queue_takes_its_runs_alone(cli: Cli, told: Any) -> None:
    """By an option, or by pyproject.toml; it says so as it begins."""
    cli("queue", "set", "mails")
    mail = told("start", f"{FLOWS}:greet", '"ann"', "--queue", "mails")["id"]
    plain = told("start", f"{FLOWS}:greet", '"ben"')["id"]
    said = told("worker", FLOWS, "--until-idle", "--queue", "mails")
    assert said["queues"] == ["mails"]
    assert told("status", mail)["status"] == "done"
    assert told("status", plain)["status"] == "queued"
    Path("pyproject.toml").write_text('[tool.everflow]\nqueues = [""]\n')
    assert "queues: (none)" in cli("worker", FLOWS, "--until-idle").stderr
    assert told("status", plain)["status"] == "done"


@pytest.fixture
def gate() -> Iterator[Event]:
    """What the nodes of these tests wait for."""
    gate = Event()
    yield gate
    gate.set()


@pytest.fixture
def engine(gate: Event) -> Iterator[Engine]:
    """A worker in this process that has one run in flight and one at rest."""
    registry, begun = Registry(), Event()

    def held(x: int) -> int:
        begun.set()
        gate.wait(20)
        return x

    gated = flow("gated", suspend("go") >> node(held, name="held"), registry=registry)
    config = Config(poll_s=0.01, lease_s=0.4)
    with Engine(
        "everflow.db", registry=registry, config=config, queues=["mails", ""], name="one"
    ) as engine:
        runs = [engine.start(gated, 1) for _ in range(2)]
        for run in runs:
            run.wait(20)
        engine.resume(runs[0], 2)
        assert begun.wait(20)
        yield engine
        gate.set()


def test_workers_are_shown_with_what_they_hold(cli: Cli, told: Any, engine: Engine) -> None:
    """Who, where, since when, its heartbeat by the clock here, and the runs in flight."""
    view = told("workers", "--flights")
    assert (view["id"], view["name"], view["state"]) == (engine.worker, "one", "working")
    assert (view["active"], view["resting"], view["in_flight"]) == (1, 1, 1)
    assert (view["queues"], view["pid"], view["more"]) == (["mails", ""], os.getpid(), False)
    assert view["beat"] < 1
    assert [n["node"] for n in view["runs"][0]["nodes"]] == ["held"]
    shown = cli("workers", "--flights").stdout
    assert "mails, (none)" in " ".join(shown.split())
    assert view["runs"][0]["run"] in shown
    cli("workers", "99", "--drain")
    assert "there is no worker 99" in cli("workers", "99").stderr
    assert "--drain takes the IDs" in cli("workers", "--drain").stderr


def test_a_worker_is_told_to_drain(cli: Cli, told: Any, engine: Engine, gate: Event) -> None:
    """It hears of it, shows it, and what was said is in the audit."""
    number = str(engine.worker)
    assert told("workers", number, "--drain", "--by", "ann")["state"] == "draining"
    until(lambda: engine.draining, "it drains")
    assert told("audit", "--action", "drain")["by"] == "ann"
    gate.set()
    engine.close()
    assert cli("workers").stdout.startswith("no worker is there")
    assert told("workers", "--all")["state"] == "stopped"
    assert "has ended already" in cli("workers", number, "--drain").stderr


def test_what_nobody_takes_is_shown(cli: Cli, told: Any, engine: Engine) -> None:
    """By the workers, by the queue, by the check, and by the run."""
    cli("queue", "set", "pages")
    run = told("start", f"{FLOWS}:greet", '"ann"', "--queue", "pages")["id"]
    assert "1 run waits in the queue pages, and no worker takes such" in cli("workers").stderr
    assert "no worker takes it" in cli("queue", "list").stdout
    assert told("queue", "show", "pages")["workers"] == 0
    assert "no worker takes such" in cli("check", "--import", FLOWS).stderr
    assert told("status", run)["unattended"] is True
    cli("queue", "set", "mails")
    assert told("queue", "show", "mails")["workers"] == 1


def test_the_dead_and_the_stale_are_told_apart(folder: Path) -> None:
    """A heart that stood for the lease; a process that is gone; one whose runs wait for a taker.

    One whose runs rest is no alarm: others take each as something comes for it.
    """
    store = MemoryStore()
    clock = JumpClock()
    beats = Beats(store, clock, 1.0)
    ids = [store.enlist(host="h", pid=1, at=0, about="not ours").id for _ in range(5)]

    def pause(seconds: float) -> None:
        clock.jump(seconds)
        store.beat(ids[0])

    for number in (1, 2, 3):
        begin_run(store, str(number), owner=ids[number], status=Status.RUNNING)
    begin_run(store, "4", owner=ids[4], status=Status.SUSPENDED)
    beats.look()
    store.kill(ids[2])
    store.depose(ids[3], 1)
    store.depose(ids[4], 1)
    rows = beats.settle(pause)
    states = {view["id"]: view["state"] for view in worker_views(store, beats, rows)}
    assert [states[id_] for id_ in ids] == ["working", "stale", "dead", "dead", "stopped"]


def test_suspects_on_trial_are_shown(cli: Cli, told: Any, engine: Engine) -> None:
    """How many a worker tries, and which of those in flight they are."""
    (no,) = {row.no for row in engine.runs() if row.status is Status.RUNNING}
    board = engine.client.store.flights(engine.worker, slots(64))
    put_on_trial(board, 64, [no])
    view = told("workers", "--flights")
    assert (view["in_flight"], view["on_trial"]) == (1, 1)
    assert view["runs"][0]["on_trial"] is True
    assert "1 (1 on trial)" in cli("workers").stdout
