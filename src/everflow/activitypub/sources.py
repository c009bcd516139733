"""Where deliveries come from, and what each source may take of what all of them share.

Three rules hold. A source is an address, or a network of IPv6 as one customer has; behind a proxy
it is what that one saw, and where nobody can tell there is none. Who holds a place the longest
makes room for who comes: an honest delivery needs its place for an instant. And who took much of a
host's fetches leaves the half of them to who took little, while who proved something of that host
before has others: so forged deliveries use up nothing but their own share.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from weakref import WeakValueDictionary

from everflow.activitypub.rates import Buckets

__all__ = ["Fetches", "Readers", "Room", "Turns", "source_of"]

LEAST = 0.25  # seconds that whoever sends a body has it to himself
REMEMBERED = 10_000
_CUSTOMER = 64  # bits of an IPv6 address that tell one customer from another


def source_of(address: str, forwarded: Sequence[str]) -> str:
    """Whose delivery it is; empty where that can't be told.

    ``forwarded``: the values of X-Forwarded-For. They count where the address is one inside, as a
    proxy's is, and of them what the last proxy wrote. That is believed for shares alone.
    """
    found = _public(address)
    if found is None and _parsed(address) is not None and forwarded:
        found = _public(forwarded[-1].rpartition(",")[2].strip())
    if isinstance(found, IPv6Address):
        return str(ip_network((int(found), _CUSTOMER), strict=False))
    return "" if found is None else str(found)


def _public(text: str) -> IPv4Address | IPv6Address | None:
    found = _parsed(text)
    return found if found is not None and found.is_global else None


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


class Room:
    """At most so many at once, of which each has a quarter; who can't be told has all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._here: Counter[str] = Counter()

    @contextmanager
    def place(self, who: str) -> Iterator[bool]:
        """A place for a while; False where there is none."""
        mine = self._here[who] < max(1, self._most // 4) or not who
        free = mine and self._here.total() < self._most
        self._here[who] += free
        try:
            yield free
        finally:
            self._here[who] -= free
            if not self._here[who]:
                del self._here[who]


class Turns:
    """At most so many at once for each who is known; the others of theirs wait for their turn."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._here: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, who: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it for a while; who can't be told waits for nobody."""
        mine = self._here.get(who)
        if mine is None:
            mine = asyncio.Semaphore(self._each)
            if who:
                self._here[who] = mine
        async with mine:
            yield


class Readers:
    """Those whose bodies are on their way: at most so many, a quarter of them of one source."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._here: dict[asyncio.Timeout, tuple[str, float]] = {}

    @contextmanager
    def place(self, source: str, patience: asyncio.Timeout) -> Iterator[bool]:
        """A place, that of who has been sending the longest if need be; False where there is none.

        ``patience`` is what ends the reading, and is over at once where another gets the place.
        """
        now = asyncio.get_running_loop().time()
        free = self._most > 0 and self._made(source, now)
        if free:
            self._here[patience] = source, now
        try:
            yield free
        finally:
            self._here.pop(patience, None)

    def _made(self, source: str, now: float) -> bool:
        same = [one for one, (other, _) in self._here.items() if other == source and source]
        among = same if len(same) >= max(1, self._most // 4) else list(self._here)
        if among is not same and len(among) < self._most:
            return True
        if now < self._here[among[0]][1] + LEAST:
            return False
        del self._here[among[0]]
        if not among[0].expired():
            among[0].reschedule(now)
        return True


class Fetches:
    """How often hosts are asked: ``rate`` a second each, and ``burst`` at once.

    As often for strangers, for those who proved something of the host, and for who is here.
    """

    def __init__(self, boot: Callable[[], int], rate: float, burst: float) -> None:
        self._strangers = Buckets(boot, rate, burst)
        self._proven = Buckets(boot, rate, burst)
        self._own = Buckets(boot, rate, burst)
        self._little = Buckets(boot, rate / 10, burst / 10)
        self._half = burst / 2
        self._known: OrderedDict[str, None] = OrderedDict()

    def spend(self, host: str, source: str | None) -> bool:
        """Whether a host may be asked because of a delivery from there; None: for who is here."""
        if source is None:
            return self._own.spend(host)
        if self.knows(host, source):
            return self._proven.spend(host)
        took_little = not source or self._little.spend(f"{source} {host}")
        return self._strangers.spend(host, leave=0.0 if took_little else self._half)

    def knows(self, host: str, source: str) -> bool:
        """Whether something of that host came from there."""
        return f"{source} {host}" in self._known

    def proved(self, host: str, source: str) -> None:
        """A delivery from there was one of an actor of that host."""
        if source:
            self._known[f"{source} {host}"] = None
            self._known.move_to_end(f"{source} {host}")
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
