"""One way to choose many runs, for every command that acts on them.

The filters are those of ``list``. Before anything is done the number is told, and a person says
yes; where nobody sits at a terminal, ``--yes`` does. Each run's fate is told as it is decided.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

from everflow.cli.exits import Exit
from everflow.cli.inputs import labels
from everflow.cli.options import as_time, leave
from everflow.cli.output import emit, notes, screen
from everflow.cli.settings import Here
from everflow.cli.words import many
from everflow.engine.asking.bulk import Outcome
from everflow.errors import CallerError
from everflow.store import RunQuery, Status
from everflow.views import trouble_view

__all__ = ["act", "chooses", "filtered", "selection"]

Body = TypeVar("Body", bound=Callable[..., Any])
_NAMES = ("statuses", "flow", "tag", "pairs", "since", "before", "parent")
_OPTIONS = {
    "--status": click.option(
        "--status",
        "statuses",
        type=click.Choice([str(status) for status in Status]),
        multiple=True,
        help="All runs of that status; may be repeated.",
    ),
    "--flow": click.option("--flow", metavar="NAME", help="All runs of that flow."),
    "--tag": click.option("--tag", metavar="TAG", help="All with an open question of that tag."),
    "--label": click.option(
        "--label", "pairs", metavar="NAME=VALUE", multiple=True, help="All with that label."
    ),
    "--since": click.option("--since", callback=as_time, metavar="TIME", help="All started since."),
    "--before": click.option(
        "--before", callback=as_time, metavar="TIME", help="All started before."
    ),
    "--parent": click.option("--parent", metavar="RUN", help="All that this run called."),
    "--dry-run": click.option(
        "--dry-run", "dry", is_flag=True, help="Only say which runs are meant."
    ),
    "--yes": click.option("-y", "--yes", is_flag=True, help="Don't ask whether many are meant."),
}


def filtered(without: Sequence[str] = ()) -> Callable[[Body], Body]:
    """Give a command the filters, but those of these names, and what goes with many runs."""

    def decorate(body: Body) -> Body:
        for name, option in reversed(_OPTIONS.items()):
            if name not in without:
                body = option(body)
        return body

    return decorate


def chooses(given: Mapping[str, Any]) -> bool:
    """Whether any filter was given."""
    return any(given.get(name) for name in _NAMES)


def selection(given: Mapping[str, Any]) -> RunQuery:
    """The runs that the filters mean."""
    return RunQuery(
        status=tuple(Status(name) for name in given["statuses"]),
        flow=given["flow"],
        tag=given.get("tag"),
        labels=tuple(labels(given["pairs"]).items()),
        since=given["since"],
        before=given["before"],
        parent=given["parent"],
    )


def act(
    here: Here,
    given: Mapping[str, Any],
    look: Callable[..., Iterable[Outcome]],
    done: str,
) -> None:
    """Do it to many: ``look(dry=...)`` gives what becomes of each, ``done`` is the word for it."""
    meant = list(look(dry=True))
    if not meant and not here.json:
        notes().line("no run matches", "dim")
        return
    if given["dry"] or not meant:
        _tell(here, meant, f"would be {done}")
        return
    if not given["yes"]:
        if not sys.stdin.isatty():
            raise CallerError(
                f"{many(len(meant), 'run')} would be {done}",
                hint="say --yes, or --dry-run to see them",
            )
        click.confirm(f"to be {done}: {many(len(meant), 'run')}; go on?", abort=True, err=True)
    fates = []
    for number, outcome in enumerate(look(dry=False), 1):
        fates.append(outcome)
        if notes().live and number % 100 == 0:
            notes().line(f"{number:,} of {len(meant):,}", "dim")
    _tell(here, fates, done)
    if any(outcome.error is not None for outcome in fates):
        leave(Exit.USAGE)


def _tell(here: Here, outcomes: list[Outcome], done: str) -> None:
    if here.json:
        for outcome in outcomes:
            error = None if outcome.error is None else trouble_view(outcome.error)["error"]
            emit(
                {
                    "run": outcome.run,
                    "flow": outcome.flow,
                    "status": str(outcome.status),
                    "done": outcome.done,
                    "error": error,
                }
            )
        return
    rows = [
        (outcome.run, outcome.flow, str(outcome.status), outcome.error.message)
        if outcome.error is not None
        else (outcome.run, outcome.flow, str(outcome.status), done)
        for outcome in outcomes
    ]
    if rows:
        screen().table(("run", "flow", "was", "fate"), rows)
    counts = Counter(outcome.error is None for outcome in outcomes)
    left = f", {counts[False]:,} left as they were" if counts[False] else ""
    notes().line(f"{counts[True]:,} {done}{left}")
