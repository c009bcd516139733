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

from everflow.engine.callee import Ended
from everflow.engine.dispatcher import Attempt

__all__ = ["LoopPool", "ThreadPool"]

_log = logging.getLogger("everflow.engine")
Tell = Callable[[Attempt, Ended | None], None]


class ThreadPool:
    """Sync nodes on threads of their own, made as they are needed, ``most`` at once."""

    def __init__(self, most: int, tell: Tell) -> None:
        self._most = most
        self._tell = tell
        self._queue: SimpleQueue[Attempt | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._waiting = 0
        self._lock = threading.Lock()
        self.abandoned: dict[int, Attempt] = {}
        self._closed = False

    def begin(self, attempt: Attempt) -> None:
        """Run an attempt on a free thread."""
        with self._lock:
            spare = self._waiting - self._queue.qsize()
            if spare <= 0 and len(self._threads) < self._most + len(self.abandoned):
                name = f"everflow-node-{len(self._threads)}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                self._waiting += 1
                thread.start()
        self._queue.put(attempt)

    def stop(self, attempt: Attempt) -> bool:
        """Abandon an attempt: its end is told to nobody."""
        self.abandoned[attempt.token] = attempt
        _log.warning(
            "%s of run %s can't be interrupted on its thread; its result will be thrown away",
            attempt.callee.name,
            attempt.run.id,
        )
        return False

    def close(self) -> None:
        """Let the threads end when their nodes do."""
        self._closed = True
        for _ in self._threads:
            self._queue.put(None)

    def _work(self) -> None:
        while True:
            attempt = self._queue.get()
            if attempt is None:
                return
            self._waiting -= 1
            if attempt.token not in self.abandoned:
                end = attempt.callee.perform(attempt.payload, attempt.run)
                if attempt.token not in self.abandoned:
                    self._waiting += 1
                    self._tell(attempt, end)
                    continue
            self.abandoned.pop(attempt.token, None)
            self._waiting += 1


class LoopPool:
    """Async nodes on an event loop: the application's own where it has one, else one made here."""

    def __init__(self, tell: Tell, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._tell = tell
        self._loop = loop
        self._thread: threading.Thread | None = None
        self._begun: deque[Attempt] = deque()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._called = False

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
        """Cancel what still runs and end a loop of one's own."""
        if self._loop is None or self._loop.is_closed():
            return
        if self._thread is not None:
            ended = threading.Event()
            self._call(self._end_loop, ended)
            ended.wait(5.0)
            self._thread.join(5.0)
            self._loop.close()
        else:
            self._call(self._cancel_all)

    def _call(self, react: Callable[..., Any], *args: Any) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="everflow-loop", daemon=True
            )
            self._thread.start()
        self._loop.call_soon_threadsafe(react, *args)

    def _begin_all(self) -> None:
        self._called = False
        assert self._loop is not None
        while self._begun:
            attempt = self._begun.popleft()
            self._running[attempt.token] = self._loop.create_task(self._perform(attempt))

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

    def _cancel_all(self) -> None:
        for running in list(self._running.values()):
            running.cancel()

    def _end_loop(self, ended: threading.Event) -> None:
        self._cancel_all()

        async def last() -> None:
            while self._running:
                await asyncio.wait(list(self._running.values()), timeout=1.0)
            await asyncio.get_running_loop().shutdown_asyncgens()
            asyncio.get_running_loop().stop()
            ended.set()

        self._last = asyncio.ensure_future(last())
