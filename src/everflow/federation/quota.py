"""How often a peer calls: a bucket of calls for each, filled evenly (a token bucket).

It lives in memory: what is bounded is the load of this process, and a restart forgives.
"""

from __future__ import annotations

from collections.abc import Callable

from everflow.federation.peers import Peer

__all__ = ["Quota"]

MINUTE = 60_000_000  # microseconds


class Quota:
    """Counts calls. ``boot`` gives microseconds that never go back."""

    def __init__(self, boot: Callable[[], int]) -> None:
        self._boot = boot
        self._left: dict[str, tuple[float, int]] = {}

    def spend(self, peer: Peer) -> bool:
        """Take one call out of a peer's bucket; False where it is empty."""
        now = self._boot()
        left, since = self._left.get(peer.id, (float(peer.per_minute), now))
        left = min(float(peer.per_minute), left + (now - since) * peer.per_minute / MINUTE)
        enough = left >= 1
        self._left[peer.id] = (left - enough, now)
        return enough
