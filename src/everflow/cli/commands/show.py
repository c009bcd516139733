"""``show``: a run's journal as a timeline, and its open questions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from everflow.cli.options import command
from everflow.cli.output import emit, screen
from everflow.cli.painting import paint_questions, paint_run, told
from everflow.cli.past import paint_past
from everflow.cli.places import connected
from everflow.cli.settings import Here
from everflow.cli.words import since
from everflow.core.entries import Entry, decode_body
from everflow.engine.cells.history import History
from everflow.engine.faces.connect import Connection
from everflow.store import RunRow, Store
from everflow.views import (
    children_view,
    entry_view,
    outcome_view,
    past_view,
    question_view,
    run_view,
    waiting_view,
)

__all__ = ["entries_of", "show"]

PAGE = 1_000
FARTHEST = 10**12  # more entries than any run has


def entries_of(
    store: Store, row: RunRow, first: int = 0, most: int | None = None
) -> Iterator[Entry]:
    """A run's entries in order, read a page at a time."""
    left = most
    while left is None or left > 0:
        limit = PAGE if left is None else min(PAGE, left)
        page = store.journal(row.no, first=first, limit=limit)
        for _, _, body, _ in page:
            yield decode_body(body)
        if len(page) < limit:
            return
        first = page[-1][1] + 1
        left = None if left is None else left - len(page)


@command(
    "show",
    """
    everflow show 01k3v9…xw3
    everflow show 01k3v9…xw3 --full --first 100 --limit 50
    everflow show 01k3v9…xw3 --at 17
    everflow show 01k3v9…xw3 --json
    """,
    imports=False,
)
@click.argument("run")
@click.option("--full", is_flag=True, help="Values and errors in full, not cut to a line.")
@click.option("--first", type=click.IntRange(0, FARTHEST), default=0, help="From that entry on.")
@click.option("--limit", type=click.IntRange(1), help="So many entries at most.  [default: all]")
@click.option("--at", type=click.IntRange(0), metavar="N", help="As it stood after entry N.")
def show(
    here: Here, *, run: str, full: bool, first: int, limit: int | None, at: int | None
) -> None:
    """The journal of a RUN as a timeline, and what it asks.

    With each open question stands the command that answers it. With --at the timeline ends with
    that entry, and what was outstanding then follows instead. With --json one object: the run, its
    entries and its questions, or how it stood.
    """
    with connected(here) as flows:
        row = flows.run(run).row()
        if at is not None:
            _show_past(here, flows, row, at, full=full)
            return
        view: dict[str, Any] = {**run_view(row), **outcome_view(flows.store, row)}
        view |= waiting_view(flows.store, row)
        found = flows.questions(run)
        view["children"] = children_view(flows.store, row)
        view["questions"] = [question_view(flows.store, question) for question in found]
        entries = list(entries_of(flows.store, row, first, limit))
        now = flows.client.clock.wall()
    if here.json:
        emit({**view, "entries": [entry_view(entry) for entry in entries]})
        return
    paint_run(screen(), row, view, now)
    _paint_timeline(entries, row, full=full)
    paint_questions(screen(), view["questions"], here)


def _show_past(here: Here, flows: Connection, row: RunRow, at: int, *, full: bool) -> None:
    history = History(flows.store, row)
    machine = history.machine(at)
    view = past_view(machine, history.payload_of)
    entries = [decode_body(body) for body in history.bodies(at)]
    if here.json:
        emit({**run_view(row), "at": view, "entries": [entry_view(entry) for entry in entries]})
        return
    screen().fields((("run", row.id), ("flow", row.flow)))
    _paint_timeline(entries, row, full=full)
    paint_past(screen(), view, machine, full=full)


def _paint_timeline(entries: list[Entry], row: RunRow, *, full: bool) -> None:
    """One line an entry; in full its texts stand below as they are, so that they can be copied."""
    rows = []
    for entry in entries:
        what, about = told(entry_view(entry), full=full)
        rows.append((str(entry.seq), since(entry.at - row.created), what, about))
    if full:
        for seq, time, what, about in rows:
            screen().line()
            screen().line(f"{seq}  {time}  {what}", "bold")
            screen().lines(about)
    elif rows:
        screen().table(("no", "time", "what", "about"), rows)
