"""An event loop on a thread of its own: for what is used from any loop, and outlives none of them.

One rule holds: what was opened on it is closed on it, and once ``close`` has returned nothing of it
is left.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from everflow.errors import EngineClosed

__all__ = ["OwnLoop"]

T = TypeVar("T")


class OwnLoop:
    """A loop that runs between ``open`` and ``close``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Have it run."""
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name=self._name, daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What some work gives that is done there; the calling thread waits."""
        return asyncio.run_coroutine_threadsafe(work, self._here(work)).result()

    async def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """The same for a caller on another loop; when that is cancelled, the work is."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._here(work)))

    def close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Cancel all work, do this last, and end."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self.wait(self._end(last))
        self._loop = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _here(self, work: Coroutine[Any, Any, T]) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            work.close()
            raise EngineClosed(f"{self._name} isn't open", hint="use it inside of `with`")
        return self._loop

    @staticmethod
    async def _end(last: Callable[[], Awaitable[None]]) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await last()
        loop = asyncio.get_running_loop()
        await loop.shutdown_asyncgens()
        await loop.shutdown_default_executor()
