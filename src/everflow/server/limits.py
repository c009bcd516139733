"""What a request may cost: bytes, headers, seconds, and how many there may be."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from everflow.clock import Clock
from everflow.errors import TooManyRequests

__all__ = ["Limits", "Rates", "Room"]

REMEMBERED = 10_000  # requesters whose rate is known at once
_SECOND = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of a server. None of them is reached by somebody who works by hand.

    body: bytes of a request's body. headers: how many a request may have, and header_bytes of them
    with the path. head_s: seconds for them to arrive, and body_s for the body. answer_s: seconds
    that an answer may take, but for streams and what waits for a run. read_s: seconds that
    somebody may take to read on, once more is there than a connection holds. wait_s: seconds that
    somebody may wait for a run in one request. rate: requests a second of one requester, and burst
    so many at once. at_once: requests that are being answered. streams: open streams. waits:
    requests for where a run stands, which may wait for it; neither holds a thread. threads: calls
    of the engine at a time.
    """

    body: int = 17 * 1024 * 1024  # a value of the engine's largest size, and what is around it
    headers: int = 64
    header_bytes: int = 16 * 1024
    head_s: float = 10.0
    body_s: float = 60.0
    answer_s: float = 30.0
    read_s: float = 60.0
    wait_s: float = 60.0
    rate: float = 200.0
    burst: int = 400
    at_once: int = 256
    streams: int = 128
    waits: int = 512
    threads: int = 32


class Room:
    """So many of something at once, and no more."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._taken = 0

    def require(self) -> None:
        """Refuse whoever would be one too many."""
        if self._taken >= self._most:
            raise TooManyRequests(f"more {self._what} than may be", after=1.0)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Be one of them."""
        self.require()
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


class Rates:
    """A bucket of tokens for each requester; those who were quiet the longest are forgotten."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait(self, who: str) -> float:
        """Take one; the seconds until there is one, and none is taken, or 0."""
        now, rate, burst = self._clock.boot(), self._limits.rate, self._limits.burst
        left, at = self._buckets.pop(who, (float(burst), now))
        left = min(burst, left + (now - at) / _SECOND * rate)
        enough = left >= 1
        self._buckets[who] = (left - 1 if enough else left, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return 0.0 if enough else (1 - left) / rate
