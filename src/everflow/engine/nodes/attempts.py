"""Attempts: a node begun once, as a place of execution gets it, and what such a place is."""

from __future__ import annotations

from typing import Protocol

from everflow.engine.calling.callee import Callee
from everflow.engine.calling.noderun import NodeRun

__all__ = ["Attempt", "Pool"]


class Attempt:
    """One begun attempt, as a pool gets it. ``prepare`` is called in the place of execution."""

    __slots__ = ("callee", "no", "op", "payload", "run", "slot", "token")

    def __init__(
        self, no: int, op: str, token: int, callee: Callee, payload: str, run: NodeRun
    ) -> None:
        self.no = no
        self.op = op
        self.token = token
        self.callee = callee
        self.payload = payload
        self.run = run
        self.slot = 0


class Pool(Protocol):
    """A place of execution. It tells each attempt's end to the function it was made with, once."""

    def begin(self, attempt: Attempt) -> None:
        """Run an attempt, now or as soon as there is a place."""

    def stop(self, attempt: Attempt) -> bool:
        """Cancel an attempt. True when its end is still to be told (an async node)."""

    def close(self) -> None:
        """End what can be ended."""
