"""Looking at runs: each function reads the store and renders what it found."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import msgspec

from everflow.core.entries import decode_body
from everflow.engine.asking.runs import settled
from everflow.engine.cells.history import History
from everflow.engine.given.replies import split_token
from everflow.engine.records.currents import Current
from everflow.errors import BadRequest, EngineClosed
from everflow.server.asked import (
    CountQuery,
    EntriesQuery,
    ListQuery,
    QuestionsQuery,
    StatusQuery,
)
from everflow.server.calls import Call
from everflow.server.rules import Nothing
from everflow.server.told import Health
from everflow.store import QuestionQuery, RunQuery, RunRow, Store
from everflow.views import (
    View,
    children_view,
    entry_view,
    outcome_view,
    past_view,
    question_view,
    run_view,
    token_of,
    waiting_view,
)

__all__ = [
    "count",
    "export",
    "flows",
    "health",
    "journal",
    "list_runs",
    "questions",
    "run_now",
    "standing",
]

IN_MEMORY = 4 * 1024 * 1024  # bytes of an export, beyond which it goes through a file
CHUNK = 256 * 1024
PAGE = 500


def health(call: Call[Nothing, None]) -> Health:
    """Whether the engine runs."""
    call.client  # noqa: B018 - raises EngineClosed
    if call.backing.engine.fault is not None:
        raise EngineClosed("the engine stopped by a fault of its own")
    return Health("ok")


def flows(call: Call[Nothing, None]) -> View:
    """The flows that can be started: those that a worker of this store last had."""
    store, after, found = call.client.store, "", []
    while page := store.records("current", after=after, limit=PAGE):
        for record in page:
            current = msgspec.json.decode(record.body, type=Current)
            found.append(
                {
                    "name": record.key,
                    "definition": current.definition,
                    "inputs": list(current.inputs),
                    "queue": current.queue,
                }
            )
        after = page[-1].key
    return {"flows": found}


def list_runs(call: Call[ListQuery, None]) -> View:
    """Runs by filters, a page at a time."""
    asked, store = call.query, call.client.store
    query = msgspec.structs.replace(
        _filters(asked),
        after=call.client.row(asked.after).no if asked.after else 0,
        newest_first=asked.newest,
        limit=asked.limit,
    )
    rows = store.runs(query)
    after = rows[-1].id if len(rows) == asked.limit else None
    return {"runs": [run_view(row) for row in rows], "after": after}


def count(call: Call[CountQuery, None]) -> View:
    """How many runs there are, by status."""
    found = call.client.store.count(_filters(call.query))
    return {"counts": {str(status): number for status, number in found.items()}}


def _filters(asked: CountQuery) -> RunQuery:
    pairs = [pair.partition("=") for pair in asked.label]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise BadRequest("a label is asked for as NAME=VALUE")
    return RunQuery(
        status=asked.status,
        flow=asked.flow,
        queue=asked.queue,
        parent=asked.parent,
        tag=asked.tag,
        labels=tuple((name, value) for name, _, value in pairs),
        since=_micros(asked.since),
        before=_micros(asked.before),
    )


def _micros(time: datetime | None) -> int | None:
    if time is None:
        return None
    if time.tzinfo is None:
        raise BadRequest("a time without a zone", hint="write 2026-01-31T12:00:00Z")
    return round(time.timestamp() * 1_000_000)


def run_now(store: Store, row: RunRow) -> View:
    """A run as it stands."""
    questions = store.questions(QuestionQuery(no=row.no)) if row.no else []
    return {
        **run_view(row),
        **outcome_view(store, row),
        **waiting_view(store, row),
        "children": children_view(store, row),
        "questions": [question_view(store, question) for question in questions],
    }


async def standing(call: Call[StatusQuery, None]) -> View:
    """Where a run stands, what it waits for, and how it ended."""
    backing = call.backing
    end = time.monotonic() + min(call.query.wait, backing.limits.wait_s)
    with backing.changes() as watch:
        while True:
            client = call.client
            row = await backing.thread(client.row, call.run)
            left = end - time.monotonic()
            if left <= 0 or backing.ending or await backing.thread(settled, client.store, row):
                return await backing.thread(run_now, client.store, row)
            await watch.wait(left)


def journal(call: Call[EntriesQuery, None]) -> View:
    """A run's entries, and how it stood after one of them."""
    client, asked = call.client, call.query
    row = client.row(call.run)
    if asked.at is not None:
        history = History(client.store, row)
        machine = history.machine(asked.at)
        entries = [entry_view(decode_body(body)) for body in history.bodies(asked.at)]
        past = past_view(machine, history.payload_of)
        return {"run": row.id, "entries": entries, "at": past}
    page = client.store.journal(row.no, first=asked.first, limit=asked.limit)
    following = page[-1][1] + 1 if len(page) == asked.limit else None
    entries = [entry_view(decode_body(body)) for _, _, body, _ in page]
    return {"run": row.id, "entries": entries, "next": following}


def questions(call: Call[QuestionsQuery, None]) -> View:
    """Open questions, a page at a time."""
    asked, client = call.query, call.client
    after = None
    if asked.after:
        run, tag, occurrence = split_token(asked.after)
        after = client.row(run).no, tag, occurrence
    no = client.row(asked.run).no if asked.run else None
    found = client.store.questions(
        QuestionQuery(no=no, tag=asked.tag, after=after, limit=asked.limit)
    )
    views = [question_view(client.store, question) for question in found]
    more = token_of(found[-1]) if len(found) == asked.limit else None
    return {"questions": views, "after": more}


async def export(call: Call[Nothing, None]) -> AsyncGenerator[bytes]:
    """A run with all that is its own, as checked JSON Lines."""
    file: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the stream closes it
    try:
        await call.backing.thread(_export, call, file)
    except BaseException:
        file.close()
        raise
    return _chunks(call, file)


def _export(call: Call[Nothing, None], file: Any) -> None:
    call.client.export([call.run], file)
    file.seek(0)


async def _chunks(call: Call[Nothing, None], file: IO[bytes]) -> AsyncGenerator[bytes]:
    with file:
        while chunk := await call.backing.thread(file.read, CHUNK):
            yield chunk
