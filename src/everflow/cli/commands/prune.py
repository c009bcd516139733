"""``prune``: the entries go that runs can't come to need."""

from __future__ import annotations

import click
from msgspec.structs import replace

from everflow.cli.options import as_time, command
from everflow.cli.output import emit, screen
from everflow.cli.places import all_runs, connected
from everflow.cli.settings import Here
from everflow.cli.words import many
from everflow.engine.faces.connect import Connection
from everflow.errors import CallerError
from everflow.store import OUTCOMES, RunQuery

__all__ = ["prune"]

_FINISHED = RunQuery(status=tuple(sorted(OUTCOMES)))


@command(
    "prune",
    """
    everflow prune 01k3v9…xw3 --dry-run
    everflow prune --done-before 30d
    everflow prune --values
    """,
    imports=False,
)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option(
    "--done-before", callback=as_time, metavar="TIME", help="All runs that were finished before."
)
@click.option("--values", is_flag=True, help="Large values that nothing refers to any more.")
@click.option("--dry-run", "dry", is_flag=True, help="Only say how many entries would go.")
def prune(
    here: Here, *, runs: tuple[str, ...], done_before: int | None, values: bool, dry: bool
) -> None:
    """Delete the entries that runs can't come to need.

    A run's journal is kept from its latest snapshot on, with whatever is still referred to: live
    runs go on, results stay. What went is gone from `show` and from exports; a run without a
    snapshot, as short ones are, keeps all.
    """
    if (bool(runs), done_before is not None, values).count(True) != 1:
        raise CallerError(
            "prune takes either RUNs or a time or --values",
            hint="name runs, or say --done-before 30d",
        )
    if values:
        _sweep(here, dry=dry)
        return
    with connected(here) as flows:
        chosen = runs or _finished(flows, done_before)
        pruned = {run: flows.client.prune(run, dry=dry) for run in chosen}
    if not runs:
        pruned = {run: count for run, count in pruned.items() if count}
    if here.json:
        emit({"pruned": pruned, "dry_run": dry})
        return
    would = "would be deleted" if dry else "deleted"
    for run, count in pruned.items():
        screen().line(f"{run}  {count:,} entries {would}")
    if len(pruned) != 1:
        screen().line(f"{many(len(pruned), 'run')}, {sum(pruned.values()):,} entries {would}")


def _sweep(here: Here, *, dry: bool) -> None:
    with connected(here) as flows:
        found = flows.client.sweep(now=flows.client.clock.wall(), dry=dry)
    if here.json:
        emit({"values": found.values, "deleted": found.deleted, "size": found.size, "dry_run": dry})
        return
    would = "would be deleted" if dry else "deleted"
    screen().line(
        f"{found.deleted:,} of {found.values:,} values {would}, {found.size:,} characters"
    )


def _finished(flows: Connection, before: int | None) -> list[str]:
    """Finished runs; one that ended before a time was started before it, too."""
    rows = all_runs(flows, replace(_FINISHED, before=before))
    return [row.id for row in rows if row.ended is not None and row.ended < (before or 0)]
