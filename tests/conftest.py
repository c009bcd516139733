"""Settings that hold for every test: examples without a deadline, and modules compiled once.

pytest-timeout bounds each test; a bound per example would only measure how busy the machine is.
With CI set, Hypothesis itself takes its settings for that: derandomized, without a deadline.

Tests start some hundred processes, of which most only import the library and say something. What
they import is compiled beforehand; what tests themselves write is never kept compiled, since a
module that is written anew within a second, at the same length, would be taken for the old one.

Where coverage is measured, code takes two to three times as long. So it is measured in the tests'
own processes, in those that ``measured_processes`` asks for, and not in tests that are
``unmeasured``: rounds without number over lines that smaller tests reach.

PostgreSQL servers are fixtures for every folder: see tests/stores/postgres/fixtures.py.

A shell has what it starts in the background ignore SIGINT, and so would all that tests start.
"""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from tempfile import TemporaryDirectory

import pytest
from coverage import Coverage
from hypothesis import settings

pytest_plugins = ["tests.stores.postgres.fixtures"]

settings.register_profile("house", deadline=None)
if not os.environ.get("CI"):
    settings.load_profile("house")

_UNCOMPILED = "PYTHONDONTWRITEBYTECODE"
_MEASURED = "COVERAGE_PROCESS_START"  # by it coverage begins with an interpreter
_measured_by = os.environ.get(_MEASURED)
_IMPORTS = """
import everflow.cli, pytest
pytest.main(["-VV", "-p", "hypothesis"])  # its plugins are told, so they are imported
"""


def pytest_configure(config: pytest.Config) -> None:
    """Compile what the command line and pytest import, before any process is started."""
    os.environ[_UNCOMPILED] = "1"
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", 0):
        os.environ.pop(_MEASURED, None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        with TemporaryDirectory() as empty:
            subprocess.run(
                [sys.executable, "-c", _IMPORTS],
                cwd=empty,
                env={**os.environ, _UNCOMPILED: "", _MEASURED: ""},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,  # it only saves time
            )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the tests' own modules compiled for the next time, and nothing from then on.

    What is there after that stays: collecting garbage needn't look through it again and again.
    """
    sys.dont_write_bytecode = False
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = True
        gc.freeze()


@pytest.fixture(scope="session")
def measuring() -> dict[str, str]:
    """What the environment of a process has to have for it to be measured too, if anything is."""
    return {} if _measured_by is None else {_MEASURED: _measured_by}


@pytest.fixture
def measured_processes(measuring: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What this test starts is measured too."""
    for name, value in measuring.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """No coverage is measured in this test."""
    coverage = Coverage.current()
    if coverage is None:
        yield
        return
    coverage.stop()
    yield
    coverage.start()
