"""``status`` and ``list``: where runs stand."""

from __future__ import annotations

from typing import Any

import click

from everflow.cli.exits import of_status
from everflow.cli.inputs import labels
from everflow.cli.options import as_length, as_time, command, leave
from everflow.cli.output import emit, notes, screen
from everflow.cli.painting import paint_questions, paint_run
from everflow.cli.places import connected
from everflow.cli.settings import Here
from everflow.cli.words import ago
from everflow.engine.faces.connect import Connection
from everflow.engine.given.replies import split_token
from everflow.errors import CallerError
from everflow.store import QuestionQuery, RunQuery, RunRow, Status
from everflow.views import (
    children_view,
    outcome_view,
    question_view,
    run_view,
    token_of,
    waiting_view,
    why,
)

__all__ = ["list_", "status"]

MOST = 10_000


@command(
    "status",
    """
    everflow status 01k3v9…xw3
    everflow status 01k3v9…xw3 --wait 30 && echo done
    everflow status 01k3v9…xw3 --json
    """,
    imports=False,
)
@click.argument("run")
@click.option(
    "--wait",
    "length",
    callback=as_length,
    metavar="LENGTH",
    help="Wait so long for it to rest; the exit code then says how it stands.",
)
def status(here: Here, *, run: str, length: float | None) -> None:
    """Where a RUN stands, what it waits for, and how it ended."""
    with connected(here) as flows:
        handle = flows.run(run)
        if length is not None:
            handle.wait(length)
        row = handle.row()
        view: dict[str, Any] = {**run_view(row), **outcome_view(flows.store, row)}
        view |= waiting_view(flows.store, row)
        found = flows.questions(run)
        view["children"] = children_view(flows.store, row)
        view["questions"] = [question_view(flows.store, question) for question in found]
        now = flows.client.clock.wall()
    if here.json:
        emit(view)
    else:
        paint_run(screen(), row, view, now)
        paint_questions(screen(), view["questions"], here)
    if length is not None:
        leave(of_status(row.status))


@command(
    "list",
    """
    everflow list --status suspended --status blocked
    everflow list --flow publish --since 2d --newest
    everflow list --label by=cron --limit 1000 --json
    everflow list --questions
    """,
    imports=False,
)
@click.option(
    "--status",
    "statuses",
    type=click.Choice([str(status) for status in Status]),
    multiple=True,
    help="Only runs of that status; may be repeated.",
)
@click.option("--flow", metavar="NAME", help="Only runs of that flow.")
@click.option("--parent", metavar="RUN", help="Only runs that this run called.")
@click.option("--tag", metavar="TAG", help="Only what has an open question of that tag.")
@click.option("--label", "pairs", metavar="NAME=VALUE", multiple=True, help="Only with that label.")
@click.option(
    "--since", callback=as_time, metavar="TIME", help="Started since: 2026-01-31, or 2d ago."
)
@click.option("--before", callback=as_time, metavar="TIME", help="Started before.")
@click.option("--newest", is_flag=True, help="The newest first.")
@click.option("--after", metavar="RUN|TOKEN", help="Only what follows: the next page.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True)
@click.option("--count", is_flag=True, help="How many there are of each status.")
@click.option("--questions", is_flag=True, help="The open questions instead of the runs.")
def list_(here: Here, **given: Any) -> None:
    """Runs, or open questions, by filters, a page at a time."""
    with connected(here) as flows:
        if given["questions"]:
            _list_questions(here, flows, given)
            return
        query = _query(flows, given)
        if given["count"]:
            _count(here, flows, query)
            return
        rows = flows.runs(query)
        now = flows.client.clock.wall()
    if here.json:
        for row in rows:
            emit(run_view(row))
        return
    if not rows:
        notes().line("no runs")
        return
    screen().table(
        ("run", "flow", "status", "started", "about"),
        [
            (row.id, row.flow, str(row.status), ago(row.created, now), _about(row, now))
            for row in rows
        ],
    )
    if len(rows) == query.limit:
        notes().line(f"there may be more: --after {rows[-1].id}", "dim")


def _query(flows: Connection, given: dict[str, Any]) -> RunQuery:
    after = given["after"]
    return RunQuery(
        status=tuple(Status(name) for name in given["statuses"]),
        flow=given["flow"],
        parent=given["parent"],
        tag=given["tag"],
        labels=tuple(labels(given["pairs"]).items()),
        since=given["since"],
        before=given["before"],
        after=flows.client.row(after).no if after else 0,
        newest_first=given["newest"],
        limit=given["limit"],
    )


def _about(row: RunRow, now: int) -> str:
    reason = why(row).split("\n", 1)[0]
    blocked = row.until and row.status is not Status.HANDED_OFF
    words = [f"until {row.until}: {reason}" if blocked else reason]
    words += [f"due {ago(row.due, now)}"] if row.due is not None else []
    words += ["leased"] if row.leased else []
    words += [f"key {row.key}"] if row.key else []
    words += [f"{name}={value}" for name, value in row.labels.items()]
    return ", ".join(word for word in words if word)


def _count(here: Here, flows: Connection, query: RunQuery) -> None:
    counts = {str(status): number for status, number in flows.store.count(query).items()}
    if here.json:
        emit(counts)
    elif counts:
        screen().table(("status", "runs"), [(name, f"{n:,}") for name, n in counts.items()])
    else:
        notes().line("no runs")


def _list_questions(here: Here, flows: Connection, given: dict[str, Any]) -> None:
    filters = ("statuses", "flow", "pairs", "since", "before", "count", "newest")
    if any(given[name] for name in filters):
        raise CallerError("--questions goes with --tag, --limit and --after alone")
    after = None
    if given["after"]:
        run, tag, occurrence = split_token(given["after"])
        after = flows.client.row(run).no, tag, occurrence
    query = QuestionQuery(tag=given["tag"], limit=given["limit"], after=after)
    found = flows.store.questions(query)
    if here.json:
        for question in found:
            emit(question_view(flows.store, question))
        return
    if not found:
        notes().line("no open questions")
        return
    now = flows.client.clock.wall()
    screen().table(
        ("token", "flow", "asked", "due"),
        [
            (token_of(q), q.flow, ago(q.at, now), ago(q.due, now) if q.due is not None else "")
            for q in found
        ],
    )
    if len(found) == given["limit"]:
        notes().line(f"there may be more: --after {token_of(found[-1])}", "dim")
