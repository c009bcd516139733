"""``move``: what a store holds goes on in another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click
import msgspec

from everflow.cli.exits import Exit
from everflow.cli.inputs import labels
from everflow.cli.options import as_time, leave, plain_command
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected, created, encryption
from everflow.cli.settings import Here
from everflow.cli.words import many
from everflow.clock import SystemClock
from everflow.engine.faces.connect import Connection, connect
from everflow.engine.faces.places import is_made
from everflow.engine.moving import Choice, MoveReport, move
from everflow.errors import CallerError
from everflow.store import RunQuery, Status

__all__ = ["move_"]

KEYED = frozenset({"identity", "actor"})  # kinds of records whose keys lie in files
COPY = "copy their files for the new store (docs/moving.md), then start the server on it"
UNTOUCHED = "interrupted; nothing was changed"
CUT = "interrupted; nothing is lost: the same command goes on where this one was cut"


@plain_command(
    "move",
    """
    everflow move everflow.db postgresql://app@db.example/app --dry-run
    everflow move everflow.db postgresql://app@db.example/app
    everflow move everflow.db other.db --flow digest --status done
    everflow move postgresql://app@db.example/app back.db
    """,
)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option(
    "--status",
    "statuses",
    type=click.Choice([str(status) for status in Status if status is not Status.HANDED_OFF]),
    multiple=True,
    help="Only runs of that status; may be repeated.",
)
@click.option("--flow", metavar="NAME", help="Only runs of that flow.")
@click.option("--label", "pairs", metavar="NAME=VALUE", multiple=True, help="Only with that label.")
@click.option("--before", callback=as_time, metavar="TIME", help="Only those started before.")
@click.option("--dry-run", "dry", is_flag=True, help="Only say what would go.")
def move_(
    here: Here,
    *,
    source: str,
    target: str,
    runs: tuple[str, ...],
    dry: bool,
    **filters: Any,
) -> None:
    """Have all that a store holds go on in another one, or some runs, live ones included.

    Workers may be running on both sides. A run is given up for good before it is there, and goes on
    once what arrived was compared with what was sent; tokens, links and keys stay what they are.
    What was cut at any point goes on with the same command. The target is made if it isn't there.
    """
    choice = _choice(runs, filters)
    at = replace(here, store=source, named=True)
    to = replace(here, store=target, named=True)
    try:
        with connected(at) as giving, _receiving(to, dry=dry) as taking, _progress(here) as steps:
            report = move(
                giving.store,
                taking.store,
                choice,
                clock=SystemClock(),
                keys=encryption(here),
                dry=dry,
                progress=steps,
            )
    except KeyboardInterrupt:
        click.echo(f"everflow: {UNTOUCHED if dry else CUT}", err=True)
        leave(Exit.INTERRUPTED)
    _told(here, msgspec.structs.replace(report, target=to.shown) if dry else report)


def _choice(runs: tuple[str, ...], filters: dict[str, Any]) -> Choice:
    chosen = any(value not in {None, ()} for value in filters.values())
    if runs and chosen:
        raise CallerError("move takes either RUNs or filters", hint="leave one of both out")
    if not chosen:
        return Choice(runs=runs)
    query = RunQuery(
        status=tuple(Status(name) for name in filters["statuses"]),
        flow=filters["flow"],
        labels=tuple(labels(filters["pairs"]).items()),
        before=filters["before"],
    )
    return Choice(query=query)


def _receiving(to: Here, *, dry: bool) -> Connection:
    """The target; where it is only tried, one that isn't there isn't made."""
    if not dry:
        return created(to)
    return connected(to) if is_made(to.store) else connect(":memory:")


@contextmanager
def _progress(here: Here) -> Iterator[Callable[[int, int], None] | None]:
    if here.json or not notes().live:
        yield None
        return
    with notes().progress() as steps:
        yield lambda done, total: steps.at(
            "moved", done / max(total, 1), f"{done:,} of {many(total, 'run')}"
        )


def _told(here: Here, report: MoveReport) -> None:
    if here.json:
        emit(msgspec.to_builtins(report))
        return
    rows = [(f"runs {status}", f"{count:,}") for status, count in report.runs.items()]
    rows += [(f"records {kind}", f"{count:,}") for kind, count in report.records.items()]
    rows += [("entries", f"{report.entries:,}")]
    screen().table(("what", "would go" if report.dry else "went"), rows)
    if not report.dry:
        verified = many(report.verified, "run")
        of_what_went = f"; sha256 {report.sha256[:16]}" if report.entries else ""
        screen().line(f"{verified} found at {report.target}{of_what_went}")
        if KEYED.intersection(report.records):
            notes().line(f"private keys stay where they are: {COPY}", "yellow")
    for run, why in list(report.left.items())[:20]:
        notes().line(f"stays: {run} ({why})", "yellow")
