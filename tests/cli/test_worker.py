"""Real workers: signals, kills, and several processes on one file."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FLOWS, Cli, environment

Spawn = Callable[..., "subprocess.Popen[str]"]
MANY = 30


def until(holds: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Look until it holds."""
    pause = threading.Event()
    for _ in range(round(seconds / 0.02)):
        if holds():
            return
        pause.wait(0.02)
    raise AssertionError(f"never: {what}")


def begun(folder: Path) -> list[str]:
    """The lines that the slow node wrote."""
    file = folder / "begun"
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_ends_orderly_at_a_signal(
    spawn: Spawn, told: Any, folder: Path, number: signal.Signals
) -> None:
    """What is begun is ended and recorded, nothing new is begun, and the code is 0."""
    run = told("start", f"{FLOWS}:gated", json.dumps(str(folder)))["id"]
    worker = spawn("worker", FLOWS)
    until(lambda: begun(folder), "the node begins")
    worker.send_signal(number)
    (folder / "go").touch()
    _, errors = worker.communicate(timeout=20)
    assert worker.returncode == 0, errors
    assert "Traceback" not in errors
    assert told("status", run)["status"] in {"done", "running", "queued"}
    told("worker", FLOWS, "--until-idle")
    assert told("status", run)["result"] == "went"
    assert len(begun(folder)) == 1


def test_a_second_signal_ends_it_at_once(spawn: Spawn, told: Any, folder: Path) -> None:
    """The node is still running; the run goes on with the next worker."""
    run = told("start", f"{FLOWS}:gated", json.dumps(str(folder)))["id"]
    worker = spawn("worker", FLOWS)
    until(lambda: begun(folder), "the node begins")
    worker.terminate()
    pause = threading.Event()
    while worker.poll() is None:
        worker.terminate()
        pause.wait(0.05)
    assert worker.returncode == 128 + signal.SIGTERM
    (folder / "go").touch()
    told("worker", FLOWS, "--until-idle")
    assert told("status", run)["result"] == "went"


def test_a_killed_worker_loses_nothing(spawn: Spawn, told: Any, folder: Path) -> None:
    """B080: SIGKILL in the middle; the next worker runs the node again, with the same key."""
    run = told("start", f"{FLOWS}:gated", json.dumps(str(folder)))["id"]
    worker = spawn("worker", FLOWS)
    until(lambda: begun(folder), "the node begins")
    worker.kill()
    worker.wait()
    (folder / "go").touch()
    told("worker", FLOWS, "--until-idle")
    assert told("status", run)["result"] == "went"
    assert len(begun(folder)) == 2
    assert len(set(begun(folder))) == 1


def test_two_workers_share_a_store(spawn: Spawn, told: Any, cli: Cli) -> None:
    """Each run is executed once, by one of them."""
    runs = [told("start", f"{FLOWS}:greet", str(n) + "x")["id"] for n in range(MANY)]
    workers = [spawn("worker", FLOWS, "--json") for _ in range(2)]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    until(lambda: told("list", "--count") == {"done": MANY}, "all are done")
    for worker in workers:
        worker.terminate()
    assert [worker.wait(20) for worker in workers] == [0, 0]
    for run in runs:
        kinds = [entry["kind"] for entry in told("show", run)["entries"]]
        assert kinds == ["start", "result"]


def test_a_worker_without_flows_is_told(cli: Cli, folder: Path) -> None:
    """There is nothing that it could execute."""
    done = subprocess.run(
        [sys.executable, "-m", "everflow.cli", "worker"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert "everflow worker FILE.py" in done.stderr


def test_a_worker_takes_what_another_process_starts(spawn: Spawn, told: Any) -> None:
    """Started, answered, cancelled and listed by others while it works."""
    worker = spawn("worker", FLOWS, "--json")
    assert worker.stdout is not None
    assert "cli.greet" in json.loads(worker.stdout.readline())["flows"]
    run = told("start", f"{FLOWS}:sure", "a")["id"]
    assert told("status", run, "--wait", "20", code=3)["status"] == "suspended"
    told("answer", run, "yes")
    assert told("status", run, "--wait", "20")["result"] == ["Hello a", True]
    other = told("start", f"{FLOWS}:sure", "b")["id"]
    told("status", other, "--wait", "20", code=3)
    told("cancel", other)
    assert told("status", other, "--wait", "20", code=1)["status"] == "cancelled"


APPLICATION = """
import sys
sys.path.insert(0, {samples!r})
import cli_flows
from everflow import Engine
from everflow.errors import RunCancelled
with Engine("everflow.db", provide=cli_flows.provide) as engine:
    runs = [engine.start(cli_flows.sure, name) for name in ("a", "b")]
    for run in runs:
        run.wait(20)
    print(*(run.id for run in runs), flush=True)
    print(runs[0].result(30), flush=True)
    try:
        runs[1].result(30)
    except RunCancelled:
        print("cancelled", flush=True)
"""


def test_the_command_line_beside_an_application(told: Any, folder: Path) -> None:
    """An application runs the engine while the command line lists, answers and cancels."""
    script = APPLICATION.format(samples=str(Path(FLOWS).parent))
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as application:
        assert application.stdout is not None
        first, second = application.stdout.readline().split()
        assert {row["id"] for row in told("list", "--status", "suspended")} == {first, second}
        told("answer", f"{first}.sure.1", "yes")
        assert application.stdout.readline() == "('Hello a', True)\n"
        told("cancel", second)
        assert application.communicate(timeout=30)[0] == "cancelled\n"
    assert told("status", second)["status"] == "cancelled"
