"""What is being advanced just now, if anything: how flows know that they may wait.

Only the engine knows: it hands in, once, the function that says so, and sets what that gives around
a body's own code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Advance", "advancing", "set_advancing"]


class Advance(Protocol):
    """A body that is being advanced."""

    def check(self) -> None:
        """Raise BodyMisuse where nothing may be awaited."""

    def perform(self, flow: Any) -> Any:
        """What ``perform`` in a plain def body gives; BodyMisuse in an async one."""


def _nothing() -> Advance | None:
    return None


_current: list[Callable[[], Advance | None]] = [_nothing]


def set_advancing(current: Callable[[], Advance | None]) -> None:
    """Say what knows which body is being advanced. Called once, by ``engine.bodies``."""
    _current.append(current)


def advancing() -> Advance | None:
    """The body that is being advanced by whoever asks, or None."""
    return _current[-1]()
