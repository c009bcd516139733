"""The async face of the book: the same calls, on threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from everflow.engine.schedules.book import Book, ScheduleRow
from everflow.engine.schedules.spec import Schedule
from everflow.store import RunRow

__all__ = ["AsyncBook"]


class AsyncBook:
    """The schedules of a store; see ``Book``."""

    def __init__(self, book: Callable[[], Book]) -> None:
        self._book = book

    async def all(self, prefix: str = "") -> list[ScheduleRow]:
        """All schedules whose names begin so; see ``Book.all``."""
        return await asyncio.to_thread(self._book().all, prefix)

    async def get(self, name: str) -> ScheduleRow:
        """The schedule of that name; see ``Book.get``."""
        return await asyncio.to_thread(self._book().get, name)

    async def add(self, schedule: Schedule, *, replace: bool = False) -> ScheduleRow:
        """Write a schedule; see ``Book.add``."""
        return await asyncio.to_thread(self._book().add, schedule, replace=replace)

    async def remove(self, name: str) -> None:
        """Forget a schedule; see ``Book.remove``."""
        await asyncio.to_thread(self._book().remove, name)

    async def pause(self, name: str, reason: str = "") -> None:
        """Start nothing of it; see ``Book.pause``."""
        await asyncio.to_thread(self._book().pause, name, reason)

    async def unpause(self, name: str) -> None:
        """Let it go on; see ``Book.unpause``."""
        await asyncio.to_thread(self._book().unpause, name)

    async def trigger(self, name: str, *, key: str | None = None) -> RunRow:
        """Start a run of it now; see ``Book.trigger``."""
        return await asyncio.to_thread(self._book().trigger, name, key=key)

    async def backfill(
        self, name: str, begin: datetime, end: datetime, *, dry: bool = False
    ) -> list[datetime]:
        """Start the runs of past instants; see ``Book.backfill``."""
        return await asyncio.to_thread(self._book().backfill, name, begin, end, dry=dry)
