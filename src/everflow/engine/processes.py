"""Processes of our own for nodes that ask for one: names and encoded values go in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from everflow.engine.callee import Ended
from everflow.engine.dispatcher import Attempt

__all__ = ["ProcessPool"]

Tell = Callable[[Attempt, Ended | None], None]


class ProcessPool:
    def __init__(self, most: int, tell: Tell, provide: Mapping[type[Any], Any]) -> None:
        self._tell = tell

    def begin(self, attempt: Attempt) -> None:
        self._tell(attempt, attempt.callee.perform(attempt.payload, attempt.run))

    def stop(self, attempt: Attempt) -> bool:
        return False

    def close(self) -> None:
        pass
