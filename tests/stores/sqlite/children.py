"""Other processes: the same Python with a few lines to run, and what they print."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

_START = """
import sys, time
from everflow.errors import *
from everflow.store import RunQuery, Status
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.conformance.base import *
path = sys.argv[1]
def say(*words):
    print(*words, flush=True)
"""


class Child:
    """A process that runs these lines with the store's path; lines go in and out."""

    def __init__(self, path: Path, lines: str) -> None:
        code = _START + textwrap.dedent(lines)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """The next line that it says; empty when it is gone."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        """Write a line to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self.process.kill()
        self.end()

    def end(self) -> int:
        """Wait for its end; its exit code."""
        code = self.process.wait(timeout=30)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return code
