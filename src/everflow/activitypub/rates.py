"""How often somebody may: a bucket for each, filled evenly (a token bucket).

It lives in memory: what is bounded is the load of this process, and a restart forgives. Of those
who were quiet the longest nothing is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Buckets"]

_SECOND = 1_000_000
REMEMBERED = 10_000


class Buckets:
    """``rate`` a second, and ``burst`` at once. ``boot``: microseconds that never go back."""

    def __init__(self, boot: Callable[[], int], rate: float, burst: float) -> None:
        self._boot = boot
        self._rate = rate
        self._burst = burst
        self._left: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def spend(self, who: str, *, leave: float = 0.0) -> bool:
        """Take one out of somebody's bucket; False where it has no more than is to be left."""
        now = self._boot()
        left, since = self._left.pop(who, (self._burst, now))
        left = min(self._burst, left + (now - since) / _SECOND * self._rate)
        enough = left >= 1 + leave
        self._left[who] = (left - enough, now)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return enough
