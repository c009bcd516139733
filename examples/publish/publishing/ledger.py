"""Who ran when, kept outside of Everflow, so that its promise can be counted by somebody else.

Laws: a line is one write to a file opened for appending, so lines of several processes never mix;
it is written before the node does anything.
"""

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple, Protocol


class Attempt(Protocol):
    """What a line needs to know of a node that is running."""

    @property
    def id(self) -> str:
        """The run."""

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this node in this round of this run."""

    @property
    def attempt(self) -> int:
        """1 for the first attempt."""


class Line(NamedTuple):
    """A node that began."""

    node: str
    run: str
    key: str
    attempt: int
    pid: int


def note(ledger: Path | None, node: str, run: Attempt) -> None:
    """Append a line for a node that begins, spaces in its key as _; without a ledger nothing."""
    if ledger is None:
        return
    key = run.idempotency_key.replace(" ", "_")
    line = f"{node} {run.id} {key} {run.attempt} {os.getpid()}\n"
    ledger.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(ledger, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def read(ledger: Path) -> list[Line]:
    """Every line, oldest first."""
    if not ledger.exists():
        return []
    rows = (row.split() for row in ledger.read_text(encoding="utf-8").splitlines())
    return [Line(node, run, key, int(attempt), int(pid)) for node, run, key, attempt, pid in rows]


def repeated(lines: list[Line]) -> dict[tuple[str, str], int]:
    """(node, key) of what began more than once with one attempt number, and how often."""
    counts = Counter((line.node, line.key, line.attempt) for line in lines)
    return {(node, key): times for (node, key, _), times in counts.items() if times > 1}
