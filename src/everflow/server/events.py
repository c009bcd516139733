"""Server-sent events: a run's journal as it grows, and runs as their standing changes.

The events of a run bear the seq of their entry as id: whoever comes back with Last-Event-ID misses
nothing, whichever process executes the run. The stream ends with an event ``end`` once the run has
ended. What is sent to those who watch all runs is how each stands now; it isn't kept, and neither
is how far nodes say they are.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from everflow.core.entries import decode_body
from everflow.errors import BadRequest
from everflow.server.asked import EventsQuery
from everflow.server.calls import Call
from everflow.server.rules import Nothing
from everflow.store import RunRow, Store
from everflow.views import entry_view, run_view

__all__ = ["of_all", "of_run"]

PAGE = 200  # entries read at once
ALIVE = 15.0  # seconds without an event, after which a comment says that the stream lives
STILL = b": still here\n\n"
BEGIN = b"retry: 2000\n\n"


def event(kind: str, data: Any, number: int | None = None) -> bytes:
    """One event. JSON has no line breaks, so that its data is one line."""
    head = b"" if number is None else b"id: %d\n" % number
    return head + b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(data))


async def of_run(call: Call[EventsQuery, None]) -> AsyncGenerator[bytes]:
    """A run's entries as they are recorded: `entry`, `run` when it stands otherwise, and `end`."""
    row = await call.backing.thread(call.client.row, call.run)  # raises before anything is sent
    return _run_events(call, row, _seen(call))


def _seen(call: Call[EventsQuery, None]) -> int:
    """The seq of the last entry that is known already."""
    if call.last:
        if not (call.last.isascii() and call.last.isdecimal() and len(call.last) < 16):  # noqa: PLR2004 - digits of a seq
            raise BadRequest("Last-Event-ID is the number of an entry")
        return int(call.last)
    return -1 if call.query.after is None else call.query.after


def _look(store: Store, no: int, first: int) -> tuple[RunRow | None, list[tuple[int, bytes]]]:
    """How a run stands, and then its entries: an end that is seen has all of them before it."""
    rows = store.rows([no])
    found = [
        (seq, event("entry", entry_view(decode_body(body)), seq))
        for _, seq, body, _ in store.journal(no, first=first, limit=PAGE)
    ]
    return (rows[0] if rows else None), found


async def _run_events(call: Call[Any, None], row: RunRow, seen: int) -> AsyncGenerator[bytes]:
    backing, told, pulse = call.backing, b"", Pulse()
    yield BEGIN
    with backing.changes() as watch:
        while not backing.ending:
            now, entries = await backing.thread(_look, call.client.store, row.no, seen + 1)
            for seq, text in entries:
                seen = seq
                yield pulse.sent(text)
            if len(entries) == PAGE:
                continue
            standing = b"" if now is None else event("run", run_view(now))
            if standing != told:
                told = standing
                yield pulse.sent(standing)
            for far in watch.progress():
                if far["run"] == row.id:
                    yield pulse.sent(event("progress", far))
            if now is None or now.ended is not None:
                yield event("end", {"run": row.id})
                return
            if pulse.due():
                yield pulse.sent(STILL)
            await watch.wait()


class Pulse:
    """When something was sent last: proxies close a connection that is silent."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def sent(self, text: bytes) -> bytes:
        """Note that this is sent."""
        self._at = time.monotonic()
        return text

    def due(self) -> bool:
        """Whether it is time to say that the stream lives."""
        return time.monotonic() - self._at > ALIVE


async def of_all(call: Call[Nothing, None]) -> AsyncGenerator[bytes]:
    """Runs as their standing changes: `run`, for each that this server's process executes."""
    call.client  # noqa: B018 - raises EngineClosed before anything is sent
    return _all_events(call)


async def _all_events(call: Call[Any, None]) -> AsyncGenerator[bytes]:
    backing, pulse = call.backing, Pulse()
    with backing.changes() as watch:
        yield BEGIN
        while not backing.ending:
            moved = watch.take()
            for row in await backing.thread(call.client.store.rows, moved) if moved else ():
                yield pulse.sent(event("run", run_view(row)))
            for far in watch.progress():
                yield pulse.sent(event("progress", far))
            if pulse.due():
                yield pulse.sent(STILL)
            if not moved:
                await watch.wait()
