"""``retry``, ``fork``, ``pause``, ``unpause``, ``label``, ``acknowledge``: what operators do."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from everflow.cli.inputs import read_value, user_name
from everflow.cli.options import BY, command
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected, nobody_works, shown_command
from everflow.cli.selecting import act, chooses, filtered, selection
from everflow.cli.settings import Here
from everflow.cli.views import run_view
from everflow.engine.bulk import retry_all
from everflow.engine.connect import Connection
from everflow.engine.operating import SAME
from everflow.errors import CallerError
from everflow.store import RunRow

__all__ = ["acknowledge", "fork", "label", "pause", "retry", "unpause"]


def _who(by: str | None) -> str:
    return user_name() if by is None else by


def _told(here: Here, flows: Connection, row: RunRow, words: str) -> None:
    """Print what became of a run, and whether a worker is there for it."""
    if here.json:
        emit(run_view(row))
        return
    screen().line(words)
    if row.ended is None and nobody_works(flows):
        worker = shown_command(here, "worker", "FILE.py")
        notes().line(f"no worker is running: {worker}", "dim")


@command(
    "retry",
    """
    everflow retry 01k3v9…xw3
    everflow retry --flow publish --since 2d --dry-run
    everflow retry --label team=web --yes
    """,
    imports=False,
)
@click.argument("run", metavar="[RUN]", required=False)
@filtered()
@BY
def retry(here: Here, *, run: str | None, by: str | None, **given: Any) -> None:
    """Have a failed RUN go on from where it failed, in its next generation.

    What was recorded isn't run again; what the failure had cancelled is. A run on whose outcome
    somebody acted isn't retried: fork it. With filters instead of a RUN, all failed that match.
    """
    if (run is None) is not chooses(given):
        raise CallerError("retry takes either a RUN or filters", hint="name one, or --flow NAME")
    with connected(here) as flows:
        if run is None:
            query = selection(given)
            act(here, given, partial(retry_all, flows.client, query, by=_who(by)), "retried")
            return
        row = flows.retry(run, by=_who(by)).row()
        _told(here, flows, row, f"{row.id} goes on, generation {row.generation}")


@command(
    "fork",
    """
    everflow fork 01k3v9…xw3 --at 17
    everflow fork 01k3v9…xw3 --at 4 --value '{"approved": true}'
    """,
    imports=False,
)
@click.argument("run")
@click.option("--at", type=int, required=True, metavar="N", help="The entry to go on from.")
@click.option("--value", metavar="JSON", help="What that entry is to bear instead; @FILE, - too.")
@BY
def fork(here: Here, *, run: str, at: int, value: str | None, by: str | None) -> None:
    """Begin another run from the state that RUN had after entry N (everflow show RUN tells).

    Prints the new run's id. The first run stays as it is. What was outstanding at that point is
    begun by the fork, and the fork's questions are its own.
    """
    given = SAME if value is None else read_value(value)[0]
    with connected(here) as flows:
        row = flows.fork(run, at, given, by=_who(by)).row()
        _told(here, flows, row, row.id)


@command(
    "pause",
    """
    everflow pause 01k3v9…xw3
    everflow pause --flow publish --by Ines
    everflow pause --queue mails
    """,
    imports=False,
)
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--flow", metavar="NAME", help="All runs of a flow, and those to come.")
@click.option("--queue", metavar="NAME", help="A queue: nobody is admitted.")
@BY
def pause(
    here: Here, *, run: str | None, flow: str | None, queue: str | None, by: str | None
) -> None:
    """Have a RUN, a flow or a queue begin nothing more.

    What is begun ends and is recorded; answers are taken and kept; timers wait. A queue admits
    nobody then, and the runs that have a place go on.
    """
    _one_of(run, flow, queue)
    with connected(here) as flows:
        if run is not None:
            flows.pause(run, by=_who(by))
            row = flows.run(run).row()
            _told(here, flows, row, "accepted: it rests once what was begun has ended")
            return
        if queue is not None:
            flows.queues.view(queue)  # a slip in its name would pause nothing
        flows.pause_all_of(flow=flow or "", queue=queue or "", by=_who(by))
        _tell_paused(here, flows)


@command(
    "unpause",
    """
    everflow unpause 01k3v9…xw3
    everflow unpause --flow publish
    """,
    imports=False,
)
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--flow", metavar="NAME", help="A flow that is paused.")
@click.option("--queue", metavar="NAME", help="A queue that is paused.")
@BY
def unpause(
    here: Here, *, run: str | None, flow: str | None, queue: str | None, by: str | None
) -> None:
    """Let a paused RUN, flow or queue go on."""
    _one_of(run, flow, queue)
    with connected(here) as flows:
        if run is not None:
            flows.unpause(run, by=_who(by))
            _told(here, flows, flows.run(run).row(), "accepted: it goes on")
            return
        flows.unpause_all_of(flow=flow or "", queue=queue or "", by=_who(by))
        _tell_paused(here, flows)


def _one_of(*names: str | None) -> None:
    if sum(name is not None for name in names) != 1:
        raise CallerError("a RUN, --flow or --queue: one of them", hint="name what is meant")


def _tell_paused(here: Here, flows: Connection) -> None:
    paused = flows.paused()
    if here.json:
        emit({"paused": paused})
    else:
        screen().line(f"paused now: {', '.join(paused) or 'nothing'}")


@command(
    "label",
    """
    everflow label 01k3v9…xw3 team=web urgent=yes
    everflow label 01k3v9…xw3 urgent-
    """,
    imports=False,
)
@click.argument("run")
@click.argument("labels", metavar="NAME=VALUE|NAME-...", nargs=-1, required=True)
@BY
def label(here: Here, *, run: str, labels: tuple[str, ...], by: str | None) -> None:
    """Give a RUN labels, change them, and take away those with a - behind their names."""
    changes: dict[str, str | None] = {}
    for text in labels:
        name, equals, value = text.partition("=")
        if not equals and not text.endswith("-"):
            raise CallerError(f"{text!r:.60} is neither NAME=VALUE nor NAME-")
        changes[name if equals else text[:-1]] = value if equals else None
    with connected(here) as flows:
        now = flows.label(run, changes, by=_who(by))
    if here.json:
        emit({"run": run, "labels": now})
    else:
        screen().line(", ".join(f"{name}={value}" for name, value in now.items()) or "no labels")


@command("acknowledge", "everflow acknowledge 01k3v9…xw3 --by Ines", imports=False)
@click.argument("run")
@BY
def acknowledge(here: Here, *, run: str, by: str | None) -> None:
    """Say that the outcome of a RUN was acted upon: it isn't retried in place any more."""
    with connected(here) as flows:
        flows.acknowledge(run, by=_who(by))
    if here.json:
        emit({"acknowledged": run})
    else:
        screen().line("acknowledged")
