"""Ends of runs that peers wait for: one look for all of them, and a nudge for who doesn't wait.

One rule holds: whatever is told here is a convenience. A caller that hears nothing asks again by
itself, so that a nudge that is lost, or never sent, costs time alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

from everflow.engine.asking.runs import Changes
from everflow.errors import StoreError
from everflow.federation.together import Threads
from everflow.store import OUTCOMES, Store

__all__ = ["Ends"]

_log = logging.getLogger("everflow.federation")
MOST = 500  # calls of one nudge
Nudging = Callable[[str, list[str]], Coroutine[Any, Any, None]]


class Ends:
    """Watches runs; ``async with`` begins it, on one event loop.

    ``nudge`` is called with a peer's id and its calls that have ended. Those that this process
    executes are looked at as they change, all of them every ``look`` seconds.
    """

    def __init__(
        self, store: Store, changes: Changes, nudge: Nudging, look: float, threads: Threads
    ) -> None:
        self._store = store
        self._threads = threads
        self._changes = changes
        self._nudge = nudge
        self._look = look
        self._awaited: dict[int, set[asyncio.Event]] = defaultdict(set)
        self._owed: dict[int, tuple[str, str]] = {}  # by run: the peer and its call
        self._moved: deque[int] = deque()  # runs that changed here since the last look
        self._changed = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._nudging: set[asyncio.Task[None]] = set()
        self._ignore: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def changed(moved: Sequence[int]) -> None:
            self._moved.extend(moved)
            if not self._changed.is_set():
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(self._changed.set)

        self._ignore = self._changes.follow(changed)
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

    async def wait(self, no: int, seconds: float) -> None:
        """Wait until the run of that number has ended, but not longer than that."""
        event = asyncio.Event()
        self._awaited[no].add(event)
        self._see_to(no)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
        finally:
            self._awaited[no].discard(event)
            if not self._awaited[no]:
                del self._awaited[no]

    def owe(self, no: int, peer: str, call: str) -> None:
        """Have a peer nudged once the run of its call has ended."""
        self._owed[no] = (peer, call)
        self._see_to(no)

    def _see_to(self, no: int) -> None:
        """Look at that one soon: it may have ended before it was watched."""
        self._moved.append(no)
        self._changed.set()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        whole = loop.time()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look):
                    await self._changed.wait()
            self._changed.clear()
            began = loop.time()
            moved = {self._moved.popleft() for _ in range(len(self._moved))}
            try:
                if began < whole:
                    await self._look_at([no for no in moved if self._is_watched(no)])
                    continue
                await self._look_at([*self._awaited, *self._owed])
            except StoreError as error:
                _log.warning("peers hear later of what ended: %s", error.message)
                whole = began
                continue
            # Other processes may be who ends runs: all are looked at from time to time, however
            # many they are, in a tenth of one thread's time at most.
            whole = loop.time() + max(self._look, 9 * (loop.time() - began))

    def _is_watched(self, no: int) -> bool:
        return no in self._awaited or no in self._owed

    async def _look_at(self, runs: list[int]) -> None:
        by_peer: dict[str, list[str]] = defaultdict(list)
        for no in await self._threads(self._ended, runs) if runs else ():
            for event in self._awaited.get(no, ()):
                event.set()
            owed = self._owed.pop(no, None) if no not in self._awaited else None
            if owed is not None:
                by_peer[owed[0]].append(owed[1])
        for peer, calls in by_peer.items():
            for first in range(0, len(calls), MOST):
                nudging = asyncio.create_task(self._nudge(peer, calls[first : first + MOST]))
                self._nudging.add(nudging)
                nudging.add_done_callback(self._nudging.discard)

    def _ended(self, runs: list[int]) -> list[int]:
        going: set[int] = set()
        for first in range(0, len(runs), MOST):
            rows = self._store.rows(runs[first : first + MOST])
            going |= {row.no for row in rows if row.status not in OUTCOMES}
        return [no for no in runs if no not in going]
