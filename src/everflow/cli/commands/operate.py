"""``retry``, ``fork``, ``pause``, ``unpause``, ``label``, ``acknowledge``: what operators do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from everflow.cli.inputs import read_value, user_name
from everflow.cli.options import BY, command
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected, shown_command
from everflow.cli.selecting import act, chooses, filtered, selection
from everflow.cli.settings import Here
from everflow.engine.asking.bulk import retry_all
from everflow.engine.faces.connect import Connection
from everflow.engine.operating.operator import SAME
from everflow.errors import CallerError
from everflow.store import RunRow
from everflow.views import nobody_works, run_view

__all__ = ["acknowledge", "fork", "label", "pause", "retry", "unpause"]


def _who(by: str | None) -> str:
    return user_name() if by is None else by


def _told(here: Here, flows: Connection, row: RunRow, words: str) -> None:
    """Print what became of a run, and whether a worker is there for it."""
    if here.json:
        emit(run_view(row))
        return
    screen().line(words)
    if row.ended is None and nobody_works(flows.store):
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


def _held(body: Callable[..., None]) -> Callable[..., None]:
    """What a pause is of: a run, a flow or a queue."""
    for decorate in (
        BY,
        click.option("--queue", metavar="NAME", help="A queue, and whom it admits."),
        click.option("--flow", metavar="NAME", help="A flow: all its runs, and those to come."),
        click.argument("run", metavar="[RUN]", required=False),
    ):
        body = decorate(body)
    return body


@command(
    "pause",
    """
    everflow pause 01k3v9…xw3
    everflow pause --flow publish --by Ines
    everflow pause --queue mails
    """,
    imports=False,
)
@_held
def pause(here: Here, **given: str | None) -> None:
    """Have a RUN, a flow or a queue begin nothing more.

    What is begun ends and is recorded; answers are taken and kept; timers wait. A queue admits
    nobody then, and the runs that have a place go on.
    """
    words = "accepted: it rests once what was begun has ended"
    _hold(here, Connection.pause, Connection.pause_all_of, words, **given)


@command(
    "unpause",
    """
    everflow unpause 01k3v9…xw3
    everflow unpause --flow publish
    """,
    imports=False,
)
@_held
def unpause(here: Here, **given: str | None) -> None:
    """Let a paused RUN, flow or queue go on."""
    words = "accepted: it goes on"
    _hold(here, Connection.unpause, Connection.unpause_all_of, words, **given)


def _hold(
    here: Here,
    one: Callable[..., object],
    all_of: Callable[..., None],
    words: str,
    *,
    run: str | None,
    flow: str | None,
    queue: str | None,
    by: str | None,
) -> None:
    """Pause or unpause one run, or all of a flow or queue."""
    if sum(name is not None for name in (run, flow, queue)) != 1:
        raise CallerError("a RUN, --flow or --queue: one of them", hint="name what is meant")
    with connected(here) as flows:
        if run is not None:
            one(flows, run, by=_who(by))
            _told(here, flows, flows.run(run).row(), words)
            return
        all_of(flows, flow=flow or "", queue=queue or "", by=_who(by))
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
