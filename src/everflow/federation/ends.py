"""Ends of runs that peers wait for: one look for all of them, and a nudge for who doesn't wait.

One rule holds: whatever is told here is a convenience. A caller that hears nothing asks again by
itself, so that a nudge that is lost, or never sent, costs time alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from everflow.engine.runs import Changes
from everflow.federation.together import Threads
from everflow.store import OUTCOMES, Store

__all__ = ["Ends"]

MOST = 500  # calls of one nudge
Nudging = Callable[[str, list[str]], Coroutine[Any, Any, None]]


class Ends:
    """Watches runs; ``async with`` begins it, on one event loop.

    ``nudge`` is called with a peer's id and its calls that have ended. ``look`` is the time in
    seconds between two looks where no change is told.
    """

    def __init__(
        self, store: Store, changes: Changes, nudge: Nudging, look: float, threads: Threads
    ) -> None:
        self._store = store
        self._threads = threads
        self._changes = changes
        self._nudge = nudge
        self._look = look
        self._awaited: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._owed: dict[str, tuple[str, str]] = {}  # by run: the peer and its call
        self._changed = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._nudging: set[asyncio.Task[None]] = set()
        self._ignore: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def changed() -> None:
            if not self._changed.is_set():
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(self._changed.set)

        self._ignore = self._changes.listen(changed)
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ignore()
        ended = [each for each in (self._watching, *self._nudging) if each is not None]
        for each in ended:
            each.cancel()
        await asyncio.gather(*ended, return_exceptions=True)

    async def wait(self, run: str, seconds: float) -> None:
        """Wait until a run has ended, but not longer than that."""
        event = asyncio.Event()
        self._awaited[run].add(event)
        self._changed.set()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
        finally:
            self._awaited[run].discard(event)
            if not self._awaited[run]:
                del self._awaited[run]

    def owe(self, run: str, peer: str, call: str) -> None:
        """Have a peer nudged once the run of its call has ended."""
        self._owed[run] = (peer, call)
        self._changed.set()

    def told(self, run: str) -> None:
        """The peer knows: nothing is owed for that run."""
        self._owed.pop(run, None)

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look):
                    await self._changed.wait()
            self._changed.clear()
            runs = [*self._awaited, *(run for run in self._owed if run not in self._awaited)]
            if runs:
                await self._look_at(runs)

    async def _look_at(self, runs: list[str]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        by_peer: dict[str, list[str]] = defaultdict(list)
        for run in await self._threads(self._ended, runs):
            for event in self._awaited.get(run, ()):
                event.set()
            owed = self._owed.pop(run, None) if run not in self._awaited else None
            if owed is not None:
                by_peer[owed[0]].append(owed[1])
        for peer, calls in by_peer.items():
            for first in range(0, len(calls), MOST):
                nudging = asyncio.create_task(self._nudge(peer, calls[first : first + MOST]))
                self._nudging.add(nudging)
                nudging.add_done_callback(self._nudging.discard)
        # However many runs are watched, looking at them takes a tenth of one thread at most.
        await asyncio.sleep(9 * (loop.time() - began))

    def _ended(self, runs: list[str]) -> list[str]:
        rows = ((run, self._store.find(run)) for run in runs)
        return [run for run, row in rows if row is None or row.status in OUTCOMES]
