"""What stands behind a server: the engine, threads on which it is called, and its changes.

The engine's calls are transactions on the caller's thread, so none is made on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from everflow.engine.asking.client import Client
from everflow.engine.asking.runs import Changes
from everflow.server.limits import Limits
from everflow.server.rules import Rules
from everflow.views import View

__all__ = ["Backing", "Served", "Watch"]

P = ParamSpec("P")
T = TypeVar("T")
MOST = 10_000  # changed runs that are kept for one who watches all
LOOK = 0.25  # seconds between looks at what other processes wrote


class Served(Protocol):
    """An engine: ``client`` raises EngineClosed while it doesn't run."""

    changes: Changes

    @property
    def client(self) -> Client:
        """The engine's calls, without a guard against blocking."""
        ...

    @property
    def fault(self) -> BaseException | None:
        """What stopped it by a fault of its own."""
        ...


class Watch:
    """Waits for changes of runs, on one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._moved: set[int] = set()
        self._far: dict[tuple[str, str], tuple[float, str]] = {}  # by run and position

    def heard(self, moved: Sequence[int] = ()) -> None:
        """Hear of a change; any thread may call."""
        self._moved.update(moved[:MOST])
        if not self._event.is_set():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float = LOOK) -> None:
        """Wait for a change, or for ``LOOK``: another process may be the one that changes runs."""
        try:
            await asyncio.wait_for(self._event.wait(), min(seconds, LOOK))
        except TimeoutError:
            return
        finally:
            self._event.clear()

    def take(self) -> list[int]:
        """The numbers of the runs of this process that changed since; the first ``MOST``."""
        moved, self._moved = self._moved, set()
        return sorted(moved)[:MOST]

    def heed(self, run: str, position: str, fraction: float, message: str) -> None:
        """Hear how far a node is; any thread may call. The latest counts, and ends no wait."""
        if fraction >= 0 and len(self._far) < MOST:
            self._far[run, position] = (fraction, message)

    def progress(self) -> list[View]:
        """How far the nodes are that said so since."""
        far, self._far = self._far, {}
        return [
            {"run": run, "position": position, "fraction": fraction, "message": message}
            for (run, position), (fraction, message) in list(far.items())
        ]

    def end(self) -> None:
        """Have a wait end, on the event loop."""
        self._event.set()


class Backing:
    """The engine of one server."""

    def __init__(self, engine: Served, rules: Rules, limits: Limits) -> None:
        self.engine = engine
        self.rules = rules
        self.limits = limits
        self.ending = False  # whether the server is told to stop: streams and waits end then
        self._threads = ThreadPoolExecutor(limits.threads, "everflow-server")
        self._watches: set[Watch] = set()

    @property
    def client(self) -> Client:
        """The engine's calls."""
        return self.engine.client

    @property
    def waiting(self) -> int:
        """How many streams are open and requests wait for a run."""
        return len(self._watches)

    async def thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call on a thread. One that is given up keeps its thread until it has ended."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(call, *args, **kwargs))

    def end(self) -> None:
        """Have all streams and waits end, on the event loop."""
        self.ending = True
        for watch in self._watches:
            watch.end()

    @contextmanager
    def changes(self) -> Iterator[Watch]:
        """What tells of changes of runs."""
        watch = Watch()
        ignore = self.engine.changes.follow(watch.heard)
        pass_by = self.engine.changes.heed(watch.heed)
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            ignore()
            pass_by()
