"""The carrier: a host, its post, its reception and its watch, opened together.

One rule holds: whatever is to be done stands in the store or is told again, so that a carrier may
die at any moment, and the next one goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self

from everflow.clock import Clock
from everflow.engine.asking.client import Client
from everflow.engine.asking.runs import Changes
from everflow.engine.given.ids import Random
from everflow.errors import EverflowError
from everflow.federation.carrying.host import Host
from everflow.federation.carrying.hosting import hosting_of, life_of
from everflow.federation.carrying.office import Office
from everflow.federation.carrying.post import Post
from everflow.federation.carrying.reception import Reception
from everflow.federation.carrying.watch import Watch
from everflow.federation.courier import Pace
from everflow.federation.peers import Peers
from everflow.federation.wire import Wire

__all__ = ["Carrier"]

_log = logging.getLogger("everflow.federation")
SECOND = 1_000_000


class Carrier:
    """Carries the runs of a store between instances while it is open (``async with``)."""

    def __init__(
        self,
        client: Client,
        changes: Changes,
        peers: Peers,
        wire: Wire,
        clock: Clock,
        pace: Pace,
        random: Random,
    ) -> None:
        self._clock = clock
        self._pace = pace
        self._post = Post(peers, wire, pace, random)
        hosting = hosting_of(lambda: wire.me, peers, pace, life_of(random))
        self.host = Host(client, clock, hosting, self._post)
        self.reception = Reception(self.host, client, self._post, clock.boot)
        self.watch = Watch(self.host, client.store, changes, peers, clock)
        self.office = Office(client, self.host, peers, self.stir)
        self._stirred = asyncio.Event()
        self._moved = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ignore: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._post.__aenter__()
        self._ignore = self.watch.listen(self.stir)
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ignore()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._post.__aexit__(None, None, None)

    def stir(self) -> None:
        """Look at once what there is to do; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._stirred.set)

    def heard_of(self, peer: str) -> None:
        """A peer is there, and said something: who waits for either may look. From any thread."""
        self._post.heard(peer)
        self.stir()

    def refused(self, peer: str, run: str) -> str | None:
        """Why a peer didn't hear what it was told of a run last; None where it did, or is away."""
        return self._post.refused.get((peer, run))

    async def moved(self) -> None:
        """Wait until something may have changed, but not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.look):
                await self._moved.wait()

    async def _run(self) -> None:
        begun = False
        while True:
            self._stirred.clear()
            wake: int | None = None
            try:
                if not begun:
                    await asyncio.to_thread(self.watch.begin)
                    begun = True
                wake = await asyncio.to_thread(self._round)
            except EverflowError as error:
                _log.warning("runs wait to be carried: %s", error.message)
            self._tell_moved()
            wait = self._pace.look
            if wake is not None:
                wait = min(wait, max(wake - self._clock.boot(), 0) / SECOND)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stirred.wait()

    def _round(self) -> int | None:
        self.watch.look()
        return self.host.tick()

    def _tell_moved(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
