"""The demo's own workers: processes that are started, killed without warning, and started again.

Only processes started here are ever signalled, by their own handles. Each ends by itself after a
minute, should the demo itself be killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

__all__ = ["LOG", "STORE", "Crew"]

STORE = "everflow.db"
LOG = "worker.log"
LONGEST = "60s"
PATIENCE = 8.0  # seconds for an orderly end
WORKER = ("worker", "flow.py")


class Crew:
    """One process at a time on the store in a folder: a worker, or what ``command`` says."""

    def __init__(self, folder: Path, command: tuple[str, ...] = WORKER) -> None:
        self._folder = folder
        self._words = (*command, "--store", STORE, "--for", LONGEST)
        self._process: subprocess.Popen[bytes] | None = None
        self.pids: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.kill()

    def start(self) -> int:
        """Start it; gives its pid."""
        with (self._folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, fixed words
                [sys.executable, "-m", "everflow.cli", *self._words],
                cwd=self._folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pids.append(self._process.pid)
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """The exit code of a process that ended by itself."""
        return None if self._process is None else self._process.poll()

    def kill(self) -> None:
        """SIGKILL, and wait until it is dead."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def end(self) -> int:
        """SIGTERM, as a deploy would; gives the exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.terminate()
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
