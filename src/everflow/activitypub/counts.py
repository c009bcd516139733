"""How many there are of something, for whoever asks, without counting many at each request."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Counts"]

MANY = 1_000  # fewer are counted each time, and so are exact
KEPT = 60_000_000  # microseconds for which a larger count is believed


class Counts:
    """Counts by name. ``boot``: microseconds that never go back."""

    def __init__(self, boot: Callable[[], int]) -> None:
        self._boot = boot
        self._known: dict[str, tuple[int, int]] = {}

    def __call__(self, name: str, count: Callable[[], int]) -> int:
        """What was counted under a name a short while ago, or is counted now."""
        until, found = self._known.get(name, (0, 0))
        if self._boot() < until:
            return found
        found = count()
        if found >= MANY:
            self._known[name] = (self._boot() + KEPT, found)
        return found
