"""``retain``: ended runs are let go of after a while."""

from __future__ import annotations

from typing import Any

import click
from msgspec.structs import asdict

from everflow.cli.inputs import user_name
from everflow.cli.options import BY, as_time, command
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected
from everflow.cli.settings import Here
from everflow.cli.words import many
from everflow.engine.operating.retaining import Retained
from everflow.errors import CallerError

__all__ = ["retain"]


@command(
    "retain",
    """
    everflow retain --done-before 90d --dry-run
    everflow retain --done-before 90d --keep audit=yes --keep legal
    """,
    imports=False,
)
@click.option(
    "--done-before",
    required=True,
    callback=as_time,
    metavar="TIME",
    help="All runs that were finished before are let go of.",
)
@click.option(
    "--keep",
    "pairs",
    metavar="NAME[=VALUE]",
    multiple=True,
    help="But those with that label; may be repeated.",
)
@click.option("--dry-run", "dry", is_flag=True, help="Only say how many would go.")
@BY
def retain(
    here: Here, *, done_before: int, pairs: tuple[str, ...], dry: bool, by: str | None
) -> None:
    """Let go of ended runs, with all that is theirs.

    They are gone from every list, and their ids and keys are free; runs that other instances have,
    too, stay. Cut at any point, it goes on from there when it is called again.
    """
    keep = tuple(_label(pair) for pair in pairs)
    given: dict[str, Any] = {"before": done_before, "keep": keep, "dry": dry}
    given["by"] = user_name() if by is None else by
    with connected(here) as flows:
        if notes().live and not here.json:
            with notes().progress() as steps:
                given["progress"] = lambda done: steps.at("retain", 0.0, _words(done, dry=dry))
                done = flows.client.retain(**given)
        else:
            done = flows.client.retain(**given)
    if here.json:
        emit({"retained": asdict(done), "before": done_before, "dry_run": dry})
        return
    screen().line(_words(done, dry=dry))


def _label(pair: str) -> tuple[str, str | None]:
    name, equals, value = pair.partition("=")
    if not name:
        raise CallerError(f"{pair!r:.80} isn't a label", hint="write NAME or NAME=VALUE")
    return name, value if equals else None


def _words(done: Retained, *, dry: bool) -> str:
    would = "would be let go of" if dry else "let go of"
    words = f"{many(done.gone, 'run')} {would}, {done.kept:,} kept"
    if done.moved:
        words += f", {done.moved:,} {'to be moved' if dry else 'moved'} to the present era"
    if done.dropped:
        eras = many(done.dropped, "era")
        words += f", {eras} {'to be dropped' if dry else 'dropped'}: {done.size / 1e6:,.0f} MB"
    return words
