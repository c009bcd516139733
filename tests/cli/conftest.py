"""Commands in this process, in an empty folder of their own, and as real processes."""

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from everflow.cli.root import everflow
from everflow.core.registry import Registry

SAMPLES = Path(__file__).parent / "samples"
FLOWS = str(SAMPLES / "cli_flows.py")

Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, a registry of its own, and Python's path as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("everflow.core.registry._default", Registry())
    monkeypatch.delitem(sys.modules, "cli_flows", raising=False)
    for name in {"FORCE_COLOR", *filter(lambda name: name.startswith("EVERFLOW_"), os.environ)}:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Modules that a test imports from its own folder are gone afterwards."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if "pytest-of" in file:
            del sys.modules[name]


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a worker sets for its whole process is as it was afterwards.

    It freezes nothing: to thaw that would thaw what the tests' process froze, and from then on each
    collection would look through it.
    """
    monkeypatch.setattr(gc, "freeze", lambda: None)
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    for number, known in signals.items():
        signal.signal(number, known)
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


@pytest.fixture
def cli() -> Cli:
    """Runs a command in this process."""

    def run(*words: str, given: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(everflow, words, input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def told(cli: Cli) -> Callable[..., Any]:
    """Runs a command with --json and gives what it says; its exit code must be the one expected."""

    def run(*words: str, code: int = 0, given: str | None = None) -> Any:
        result = cli(*words, "--json", given=given)
        assert result.exit_code == code, result.output
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        return lines[0] if len(lines) == 1 else lines

    return run


def command(*words: str) -> list[str]:
    """The words of a real process."""
    return [sys.executable, "-W", "error", "-m", "everflow.cli", *words]


def environment() -> dict[str, str]:
    """What a real process inherits."""
    return {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def spawn(folder: Path) -> Any:
    """Starts a real process in the folder; it is killed at the end, if it still lives."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            command(*words),
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
