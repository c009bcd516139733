"""The same for many runs: a selection, and what became of each of its runs.

A selection is a ``RunQuery``, the one that lists runs; its ``limit`` and ``after`` count for
nothing here. A run that refuses doesn't keep the others; the store's own trouble ends the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from everflow.engine.asking.client import Client
from everflow.engine.given.replies import Reply
from everflow.errors import EverflowError, NotWaiting
from everflow.store import OUTCOMES, RunQuery, RunRow, Status, Store

__all__ = ["Outcome", "cancel_all", "over", "resume_all", "retry_all", "selected"]

PAGE = 1_000
OPEN = tuple(sorted(set(Status) - OUTCOMES))


class Outcome(msgspec.Struct, kw_only=True):
    """What became of one run of many. ``error`` says why it was left as it is."""

    run: str
    flow: str
    status: Status  # before
    done: bool
    error: EverflowError | None = None


def selected(store: Store, query: RunQuery) -> list[RunRow]:
    """All runs that a selection means, in its order."""
    rows: list[RunRow] = []
    while True:
        after = rows[-1].no if rows else 0
        page = store.runs(replace(query, after=after, limit=PAGE))
        rows += page
        if len(page) < PAGE:
            return rows


def over(
    store: Store, query: RunQuery, act: Callable[[str], object], *, dry: bool = False
) -> Iterator[Outcome]:
    """Do something to each run of a selection, and tell of each as it is done.

    With ``dry`` nothing is done.
    """
    for row in selected(store, query):
        outcome = Outcome(run=row.id, flow=row.flow, status=row.status, done=False)
        if not dry:
            try:
                act(row.id)
            except EverflowError as error:
                if error.blame == "store":
                    raise
                outcome.error = error
            else:
                outcome.done = True
        yield outcome


def cancel_all(
    client: Client, query: RunQuery, *, by: str = "", dry: bool = False
) -> Iterator[Outcome]:
    """Have the runs end; those that have ended aren't meant, unless their status is asked for."""
    meant = query if query.status else replace(query, status=OPEN)
    return over(client.store, meant, lambda run: client.cancel(run, by=by), dry=dry)


def retry_all(
    client: Client, query: RunQuery, *, by: str = "", dry: bool = False
) -> Iterator[Outcome]:
    """Retry the failed ones in place."""
    meant = query if query.status else replace(query, status=(Status.FAILED,))
    return over(client.store, meant, lambda run: client.retry(run, by=by), dry=dry)


def resume_all(
    client: Client,
    query: RunQuery,
    value: Any,
    *,
    tag: str | None = None,
    by: str = "",
    dry: bool = False,
) -> Iterator[Outcome]:
    """Give each run that asks the same answer: to its only open question, or its one of the tag."""
    meant = replace(query, tag=tag or query.tag, status=query.status or (Status.SUSPENDED,))

    def answer(run: str) -> None:
        reply = client.resume(run, value, tag=tag or query.tag, by=by)
        if reply is not Reply.ANSWERED:
            raise NotWaiting(f"too late: {reply}", run=run)

    return over(client.store, meant, answer, dry=dry)
