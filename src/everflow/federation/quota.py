"""How often a peer calls: a bucket of calls for each, filled evenly (a token bucket).

Whatever it asks beside calls, to look, to stop, to forget, to nudge, is bounded by a bucket of
requests, ``VISITS`` for each call that it may make: a call takes two or three if all goes well.
It lives in memory: what is bounded is the load of this process, and a restart forgives.
"""

from __future__ import annotations

from collections.abc import Callable

from everflow.federation.peers import Peer

__all__ = ["VISITS", "Quota"]

MINUTE = 60_000_000  # microseconds
VISITS = 5  # requests of any kind, for each call that a peer may make


class Quota:
    """Counts calls, or so many requests a call. ``boot``: microseconds that never go back."""

    def __init__(self, boot: Callable[[], int], times: int = 1) -> None:
        self._boot = boot
        self._times = times
        self._left: dict[str, tuple[float, int]] = {}

    def spend(self, peer: Peer) -> bool:
        """Take one out of a peer's bucket; False where it is empty."""
        now, most = self._boot(), float(peer.per_minute * self._times)
        left, since = self._left.get(peer.id, (most, now))
        left = min(most, left + (now - since) * most / MINUTE)
        enough = left >= 1
        self._left[peer.id] = (left - enough, now)
        return enough
