"""Several workers over one store, as processes: who takes what, and how they end."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import FLOWS, Cli
from tests.cli.test_worker import begun, until

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
