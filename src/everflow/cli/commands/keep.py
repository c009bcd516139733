"""``export``, ``import``, ``adopt`` and ``backup``: runs out of a store, into one, and copies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, BinaryIO

import click

from everflow.cli.exits import Exit
from everflow.cli.inputs import labels
from everflow.cli.options import as_time, command, leave
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import all_runs, connected, created
from everflow.cli.settings import Here
from everflow.cli.words import many
from everflow.engine.faces.connect import Connection
from everflow.engine.given.replies import require_here
from everflow.errors import CallerError, ConfigurationError
from everflow.release import VERSION
from everflow.store import RunQuery, Status
from everflow.stores.layer import as_kept
from everflow.stores.transfer import ImportReport, export_runs

__all__ = ["adopt", "backup", "export", "import_"]

_ASIDE = (Status.PAUSED, Status.BLOCKED)


@command(
    "export",
    """
    everflow export 01k3v9…xw3 -o run.jsonl
    everflow export --all | gzip > runs.jsonl.gz
    everflow export --flow publish --status done --before 30d -o old.jsonl
    """,
    imports=False,
)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("--all", "whole", is_flag=True, help="All runs of the store.")
@click.option(
    "--status",
    "statuses",
    type=click.Choice([str(status) for status in Status]),
    multiple=True,
    help="All runs of that status; may be repeated.",
)
@click.option("--flow", metavar="NAME", help="All runs of that flow.")
@click.option("--label", "pairs", metavar="NAME=VALUE", multiple=True, help="All with that label.")
@click.option("--before", callback=as_time, metavar="TIME", help="All that were started before.")
@click.option("-o", "--output", metavar="FILE", help="A new file.  [default: standard output]")
def export(here: Here, *, runs: tuple[str, ...], output: str | None, **filters: Any) -> None:
    """Write runs with all that is their own as checked JSON Lines.

    A file that was cut or edited is refused at its import. Live runs go on here: an import makes
    copies, which rest until they are adopted.
    """
    if bool(runs) == any(filters.values()):
        raise CallerError(
            "export takes either RUNs or filters", hint="name runs, or say --all, or --flow NAME"
        )
    with connected(here) as flows:
        nos = [_one(flows, run) for run in runs] or _chosen(flows, filters)
        if output is None:
            count = export_runs(as_kept(flows.store), nos, sys.stdout.buffer, version=VERSION)
            sys.stdout.buffer.flush()
        else:
            with _new_file(Path(output)) as file:
                count = export_runs(as_kept(flows.store), nos, file, version=VERSION)
    if output is not None and here.json:
        emit({"exported": count, "file": output})
    elif output is not None:
        screen().line(f"{many(count, 'run')} in {output}")


def _one(flows: Connection, run: str) -> int:
    row = flows.client.row(run)
    require_here(row)
    return row.no


def _chosen(flows: Connection, filters: dict[str, Any]) -> list[int]:
    query = RunQuery(
        status=tuple(Status(name) for name in filters["statuses"]),
        flow=filters["flow"],
        labels=tuple(labels(filters["pairs"]).items()),
        before=filters["before"],
    )
    return [row.no for row in all_runs(flows, query) if row.status is not Status.HANDED_OFF]


def _new_file(path: Path) -> BinaryIO:
    try:
        return path.open("xb")
    except FileExistsError:
        raise ConfigurationError(f"{path} is there already", hint="name a new file") from None
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {error.strerror}") from error


@command(
    "import",
    """
    everflow import runs.jsonl
    everflow import runs.jsonl.gz --store copy.db --adopt
    ssh old everflow export --all | everflow import -
    """,
    imports=False,
)
@click.argument("file")
@click.option("--adopt", is_flag=True, help="Let live runs go on here at once.")
@click.option("--replace", is_flag=True, help="Replace runs that have another history here.")
def import_(here: Here, *, file: str, adopt: bool, replace: bool) -> None:
    """Bring the runs of an export FILE (- for the standard input) into the store.

    Live runs arrive paused, so that a copy doesn't act twice: everflow adopt lets them go on. The
    whole file is checked before anything is written. The store is made if it isn't there.
    """
    try:
        source = sys.stdin.buffer if file == "-" else Path(file).open("rb")  # noqa: SIM115 - the statement below closes it
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror}") from error
    with (
        source,
        created(here) as flows,
    ):
        report = flows.client.import_runs(source, replace=replace, adopt=adopt)
    _told(here, report)


def _told(here: Here, report: ImportReport) -> None:
    fates = {
        "new": report.new,
        "same": report.same,
        "conflict": report.conflict,
        "replaced": report.replaced,
    }
    if here.json:
        emit({"origin": report.origin, **fates})
    else:
        screen().table(("fate", "runs"), [(fate, f"{len(ids):,}") for fate, ids in fates.items()])
        for run in report.conflict[:20]:
            notes().line(f"other history here: {run}", "yellow")
    if report.conflict:
        leave(Exit.USAGE)


@command(
    "adopt",
    """
    everflow adopt 01k3v9…xw3 01k3va…2bm
    everflow adopt --all
    """,
    imports=False,
)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("--all", "whole", is_flag=True, help="All paused runs, and all set aside.")
def adopt(here: Here, *, runs: tuple[str, ...], whole: bool) -> None:
    """Let paused runs go on: imported ones, and those set aside for killing their workers.

    They are queued, and a worker takes them. A run that is neither is left as it is.
    """
    if bool(runs) == whole:
        raise CallerError("adopt takes either RUNs or --all")
    with connected(here) as flows:
        named = runs or _set_aside(flows)
        went = {run: flows.client.adopt(run) for run in named}
    done = [run for run, adopted in went.items() if adopted]
    left = [run for run, adopted in went.items() if not adopted]
    if here.json:
        emit({"adopted": done, "left": left})
    else:
        screen().line(f"{len(done):,} adopted")
        for run in left:
            notes().line(f"neither paused nor set aside, left as it is: {run}", "yellow")
    if left:
        leave(Exit.USAGE)


def _set_aside(flows: Connection) -> list[str]:
    """All runs that are paused, or blocked until the operator."""
    rows = all_runs(flows, RunQuery(status=_ASIDE))
    return [row.id for row in rows if row.status is Status.PAUSED or row.until == "operator"]


@command("backup", "everflow backup /backups/2026-01-31.db", imports=False)
@click.argument("place")
def backup(here: Here, *, place: str) -> None:
    """Copy the whole store, consistent and checked, to a new file while others write.

    The copy bears the same store id and goes on from its moment: of a backup that is put back, note
    what `highest` was, as nothing inside can tell that it is older.
    """
    with connected(here) as flows:
        flows.client.backup(place)
        info = flows.store.info()
    if here.json:
        emit({"backup": place, "store": info.id, "highest": info.highest})
    else:
        screen().line(f"{place} holds all up to now; store {info.id}, highest {info.highest}")
