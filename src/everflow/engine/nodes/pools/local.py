"""Places of execution in this process: threads for sync nodes, an event loop for async ones.

A thread can't be interrupted: a stopped attempt is abandoned, its result thrown away, and its slot
counted until the thread comes back by itself. An async node is cancelled and its end awaited.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from everflow.engine.calling.callee import Ended
from everflow.engine.nodes.attempts import Attempt

__all__ = ["LoopPool", "ThreadPool"]

_log = logging.getLogger("everflow.engine")
Tell = Callable[[Attempt, Ended | None], None]
PATIENCE = 5.0  # seconds that cancelled nodes have to end when their pool is closed


class ThreadPool:
    """Sync nodes on threads of their own, made as they are needed, ``most`` at once."""

    def __init__(self, most: int, tell: Tell) -> None:
        self._most = most
        self._tell = tell
        self._queue: SimpleQueue[Attempt | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._load = 0  # attempts that are waiting or being run
        self._lock = threading.Lock()
        self.abandoned: dict[int, Attempt] = {}

    def begin(self, attempt: Attempt) -> None:
        """Run an attempt on a free thread."""
        with self._lock:
            self._load += 1
            most = self._most + len(self.abandoned)
            if len(self._threads) < min(self._load, most):
                name = f"everflow-node-{len(self._threads)}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        self._queue.put(attempt)

    def stop(self, attempt: Attempt) -> bool:
        """Abandon an attempt: whenever its end comes, it is late."""
        with self._lock:
            self.abandoned[attempt.token] = attempt
        _log.warning(
            "%s of run %s can't be interrupted on its thread; its result will be thrown away",
            attempt.callee.name,
            attempt.run.id,
        )
        return False

    def given_up(self) -> list[Attempt]:
        """The abandoned attempts whose threads haven't come back."""
        with self._lock:
            return list(self.abandoned.values())

    def close(self) -> None:
        """Let the threads end when their nodes do."""
        for _ in self._threads:
            self._queue.put(None)

    def _work(self) -> None:
        while True:
            attempt = self._queue.get()
            if attempt is None:
                return
            if attempt.token not in self.abandoned:
                end = attempt.callee.perform(attempt.payload, attempt.run)
                self._tell(attempt, end)  # of an abandoned one it comes late, and is counted so
            with self._lock:
                self.abandoned.pop(attempt.token, None)
                self._load -= 1


class LoopPool:
    """Async nodes on an event loop: the application's own where it has one, else one made here."""

    def __init__(self, tell: Tell, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._tell = tell
        self._loop = loop
        self._thread: threading.Thread | None = None
        self._begun: deque[Attempt] = deque()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._called = False
        self._last: asyncio.Future[None] | None = None  # the loop itself keeps only a weak ref

    def begin(self, attempt: Attempt) -> None:
        """Run an attempt on the loop. Several begun in one go cost one call into the loop."""
        self._begun.append(attempt)
        if not self._called:
            self._called = True
            self._call(self._begin_all)

    def stop(self, attempt: Attempt) -> bool:
        """Cancel an attempt; its end is told once it has ended."""
        self._call(self._cancel, attempt)
        return True

    def close(self) -> None:
        """Cancel what still runs, wait until it has ended, and end a loop of one's own."""
        loop = self._loop
        if loop is None or loop.is_closed() or not loop.is_running():
            return
        ended = threading.Event()
        self._call(self._end_all, ended)
        if not _is_on(loop):
            ended.wait(PATIENCE)
        if self._thread is not None:
            self._call(loop.stop)
            self._thread.join(PATIENCE)
            loop.close()

    def _call(self, react: Callable[..., Any], *args: Any) -> None:
        loop = self._loop
        if loop is None or loop.is_closed():  # an application may end its loop before the engine
            loop = self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=loop.run_forever, name="everflow-loop", daemon=True
            )
            self._thread.start()
        loop.call_soon_threadsafe(react, *args)

    def _begin_all(self) -> None:
        self._called = False
        loop = asyncio.get_running_loop()
        while self._begun:
            attempt = self._begun.popleft()
            self._running[attempt.token] = loop.create_task(self._perform(attempt))

    async def _perform(self, attempt: Attempt) -> None:
        end: Ended | None = None
        try:
            end = await attempt.callee.perform_async(attempt.payload, attempt.run)
        except asyncio.CancelledError:
            end = None
        finally:
            self._running.pop(attempt.token, None)
            self._tell(attempt, end)

    def _cancel(self, attempt: Attempt) -> None:
        running = self._running.get(attempt.token)
        if running is not None:
            running.cancel()

    def _end_all(self, ended: threading.Event) -> None:
        for running in self._running.values():
            running.cancel()

        async def last() -> None:
            while self._running:
                await asyncio.wait(list(self._running.values()))
            if self._thread is not None:
                await asyncio.get_running_loop().shutdown_asyncgens()
            ended.set()

        self._last = asyncio.ensure_future(last())


def _is_on(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
