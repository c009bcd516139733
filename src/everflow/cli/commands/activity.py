"""``activity`` and its commands: the log of what was said to have happened."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

import click
from msgspec.structs import asdict

from everflow.cli.exits import Exit
from everflow.cli.inputs import user_name
from everflow.cli.options import BY, Group, as_time, command, leave
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected, created
from everflow.cli.settings import Here
from everflow.cli.words import local, many, pretty
from everflow.errors import CallerError, ConfigurationError
from everflow.triggers import Activities, Arrival
from everflow.triggers.canonical import LARGEST
from everflow.triggers.pruning import prune_activities
from everflow.triggers.views import activity_view

__all__ = ["LOCAL", "activity", "given_activity"]

LOCAL = "local:"  # what the ids of actors at this machine begin with
_SAID = {
    Arrival.NEW: "appended",
    Arrival.KNOWN: "known already",
    Arrival.CONFLICT: "refused: other content came under this id before",
}


@click.group("activity", cls=Group)
def activity() -> None:
    """Append to the activity log, and look at it. Triggers start flows for what is in it."""


@command(
    "add",
    """
    everflow activity add note.json
    everflow activity add - --as ines < note.json
    """,
    imports=False,
)
@click.argument("file", metavar="FILE|-")
@click.option(
    "--as", "who", metavar="NAME", help="Who did it: the actor local:NAME.  [default: the user]"
)
def add(here: Here, *, file: str, who: str | None) -> None:
    """Append an activity, a JSON object with an id and a type, as an actor of this machine.

    It is local:NAME who did it, so a file that names another actor is refused: leave that out. The
    same again is known already, in whatever form; triggers fire for it once.
    """
    actor = LOCAL + (user_name() if who is None else who)
    given = given_activity(file)
    with created(here) as flows:
        said = Activities(flows.client).append(given, actor=actor)
    if here.json:
        emit({"no": said.no, "arrival": str(said.arrival), "actor": actor})
    else:
        screen().line(f"{said.no}: {_SAID[said.arrival]}")
    if said.arrival is Arrival.CONFLICT:
        leave(Exit.USAGE)


@command(
    "list",
    """
    everflow activity list
    everflow activity list --after 120 --json
    """,
    imports=False,
)
@click.option("--after", default=0, help="Those after that number.  [default: 0]")
@click.option("--limit", default=100, type=click.IntRange(1), help="How many.  [default: 100]")
def list_(here: Here, *, after: int, limit: int) -> None:
    """The activities of the log, in the order in which they came."""
    with connected(here) as flows:
        found = list(islice(Activities(flows.client).after(after), limit))
    if here.json:
        for one in found:
            emit(activity_view(one))
    elif found:
        rows = [
            (str(one.no), local(one.at), ", ".join(one.types), one.actor, one.id) for one in found
        ]
        screen().table(("NO", "TIME", "TYPE", "ACTOR", "ID"), rows)
    else:
        notes().line("no activities", "dim")


@command("show", "everflow activity show 12", imports=False)
@click.argument("no", type=click.IntRange(1))
def show(here: Here, *, no: int) -> None:
    """An activity as it came, with its actor and its CID."""
    with connected(here) as flows:
        found = Activities(flows.client).get(no)
    if found is None:
        raise CallerError(f"there is no activity {no}", hint="`everflow activity list` shows them")
    if here.json:
        emit(activity_view(found))
        return
    screen().fields(
        [
            ("no", str(found.no)),
            ("time", local(found.at)),
            ("actor", found.actor),
            ("id", found.id),
            ("cid", found.cid),
            ("activity", pretty(json.loads(found.text))),
        ]
    )


@command(
    "prune",
    """
    everflow activity prune --before 90d --dry-run
    everflow activity prune --before 2026-01-01
    """,
    imports=False,
)
@click.option("--before", callback=as_time, metavar="TIME", required=True, help="Older than that.")
@click.option("--dry-run", "dry", is_flag=True, help="Only say how much would go.")
@BY
def prune(here: Here, *, before: int, dry: bool, by: str | None) -> None:
    """Forget old activities, with what was decided about them.

    That they came stays known: none of them is ever new again. What a trigger has still to decide
    about is kept, a paused one included. Runs that they started stay as they are.
    """
    who = user_name() if by is None else by
    with connected(here) as flows:
        gone = prune_activities(flows.client, before=before, dry=dry, by=who)
    if here.json:
        emit({**asdict(gone), "dry_run": dry})
        return
    would = "would be forgotten" if dry else "forgotten"
    told = many(gone.activities, "activity", "activities")
    decisions, firings = many(gone.decisions, "decision"), many(gone.firings, "firing")
    screen().line(f"{told} {would}, with {decisions} and {firings}")


for _command in (add, list_, show, prune):
    activity.add_command(_command)


def given_activity(file: str) -> bytes:
    """What a file holds, or the standard input; no more than an activity may be."""
    if file == "-":
        return sys.stdin.buffer.read(LARGEST + 1)
    try:
        with Path(file).open("rb") as found:
            return found.read(LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{file!r:.200} can't be read: {error.strerror}") from error
