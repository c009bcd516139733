"""What stays outside of every process under test: a ledger of lines, and ways to wait for one.

A line is appended by one write to a file opened for appending, so lines of several processes don't
mix, and what was written survives its writer's SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import TypeVar

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
PATIENCE = 30.0  # seconds until a condition that doesn't come fails its test


class Ledger:
    """Lines of words in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def note(self, *words: object) -> None:
        """Append a line."""
        os.write(self._fd, (" ".join(map(str, words)) + "\n").encode())

    def lines(self) -> list[list[str]]:
        """All lines so far, as words."""
        return [line.split() for line in self.path.read_text().splitlines()]

    def of(self, kind: str) -> list[list[str]]:
        """The lines that begin with that word, without it."""
        return [line[1:] for line in self.lines() if line[0] == kind]

    @property
    def size(self) -> int:
        """Bytes so far."""
        return os.fstat(self._fd).st_size

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def until(ask: Callable[[], T], patience: float = PATIENCE, pause: float = 0.005) -> T:
    """What ``ask`` says once that is true; asked again and again."""
    end = time.monotonic() + patience
    never = Event()
    while not (said := ask()):
        assert time.monotonic() < end, f"nothing came within {patience} s"
        never.wait(pause)
    return said


class Process:
    """Another Python process, running one of this folder's programs."""

    def __init__(self, program: str, *words: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.faults.{program}", *map(str, words)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def tell(self, line: str) -> None:
        """Write a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    @property
    def lives(self) -> bool:
        """Whether it hasn't ended yet."""
        return self._process.poll() is None

    def line(self) -> str:
        """The next line that it says; empty when it is gone."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def send(self, signal_: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(signal_)

    def kill(self) -> None:
        """SIGKILL, unless it has ended, and wait for the end."""
        self._process.kill()
        self.end()

    def stop(self) -> str:
        """Close its input, which asks it to end; what it wrote to its error stream."""
        try:
            _, said = self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        assert self._process.returncode == 0, said
        return said

    def end(self) -> int:
        """Wait for its end; its exit code, negative when it died by a signal."""
        self._process.communicate(timeout=PATIENCE)
        return self._process.returncode
