"""How long who waits for a run bears that the store can't be reached.

A wait only looks, so that it may look again: a server that restarts, or another one that takes its
place, ends no wait. What is asked once (a start, an answer) is told at once instead.
"""

from __future__ import annotations

from everflow.clock import Clock
from everflow.errors import StoreUnavailable

__all__ = ["AGAIN", "Absence"]

BORNE = 60_000_000  # microseconds that a store may be away
AGAIN = 0.1  # seconds until the next look


class Absence:
    """The store's absence in one wait, which ends at ``end`` on the boot clock if that is given."""

    def __init__(self, clock: Clock, end: int | None) -> None:
        self._clock = clock
        self._end = end
        self._since: int | None = None

    def bear(self, error: StoreUnavailable) -> None:
        """The store is away. Raises that where there is no more time."""
        now = self._clock.boot()
        if self._since is None:
            self._since = now
        if now - self._since >= BORNE or (self._end is not None and now >= self._end):
            raise error

    def over(self) -> None:
        """The store was there."""
        self._since = None
