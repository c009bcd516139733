"""Settings that hold for every test: examples without a deadline, and modules compiled once.

pytest-timeout bounds each test; a bound per example would only measure how busy the machine is.
With CI set, Hypothesis itself takes its settings for that: derandomized, without a deadline.

Tests start some hundred processes, of which most only import the library and say something. What
they import is compiled beforehand; what tests themselves write is never kept compiled, since a
module that is written anew within a second, at the same length, would be taken for the old one.

PostgreSQL servers are fixtures for every folder: see tests/stores/postgres/fixtures.py.

A shell has what it starts in the background ignore SIGINT, and so would all that tests start.
"""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

pytest_plugins = ["tests.stores.postgres.fixtures"]

settings.register_profile("house", deadline=None)
if not os.environ.get("CI"):
    settings.load_profile("house")

_UNCOMPILED = "PYTHONDONTWRITEBYTECODE"
_IMPORTS = """
import everflow.cli, pytest
pytest.main(["-VV", "-p", "hypothesis"])  # its plugins are told, so they are imported
"""


def pytest_configure(config: pytest.Config) -> None:
    """Compile what the command line and pytest import, before any process is started."""
    os.environ[_UNCOMPILED] = "1"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        with TemporaryDirectory() as empty:
            subprocess.run(
                [sys.executable, "-c", _IMPORTS],
                cwd=empty,
                env={**os.environ, _UNCOMPILED: ""},
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
