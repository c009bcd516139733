"""``store``: what the owner of a store in PostgreSQL does by hand."""

from __future__ import annotations

import click

from everflow.cli.options import command
from everflow.cli.output import emit, screen
from everflow.cli.settings import Here
from everflow.cli.words import many
from everflow.engine.faces.places import adopt, preparation, prepare
from everflow.errors import CallerError

__all__ = ["store"]


@command(
    "store",
    """
    everflow store prepare --store postgresql://owner@db.example/app
    everflow store prepare --worker flows --client web --store postgresql://owner@db.example/app
    everflow store prepare --print --worker flows > prepare.sql
    everflow store adopt
    """,
    imports=False,
)
@click.argument("what", type=click.Choice(["prepare", "adopt"]))
@click.option(
    "--worker", "workers", metavar="ROLE", multiple=True, help="prepare: it may execute runs."
)
@click.option(
    "--client",
    "clients",
    metavar="ROLE",
    multiple=True,
    help="prepare: it may start, answer and look.",
)
@click.option("--print", "shown", is_flag=True, help="prepare: only print the SQL for that.")
@click.option(
    "--forget", is_flag=True, help="prepare: other releases are gone, and so are their functions."
)
def store(
    here: Here,
    *,
    what: str,
    workers: tuple[str, ...],
    clients: tuple[str, ...],
    shown: bool,
    forget: bool,
) -> None:
    """Prepare a store in PostgreSQL for this release and for roles, or adopt a copy.

    prepare makes what is missing: the schema, tables, functions. After that workers need no right
    to make anything. adopt has a copy (from a dump, or after pg_upgrade) take the place of the
    store that it was made of, which mustn't be used any more: else everything is done twice.
    """
    if what == "adopt":
        if workers or clients or shown or forget:
            raise CallerError("store adopt takes no options but --store")
        _say(here, {"store": here.shown, "adopted": adopt(here.store)}, "adopted", "is no copy")
        return
    if shown:
        click.echo(preparation(here.store, workers=workers, clients=clients), nl=False)
        return
    done = prepare(here.store, workers=workers, clients=clients, forget=forget)
    roles = [*workers, *clients]
    view = {"store": done.place, "made": done.made, "format": done.format, "roles": roles}
    if here.json:
        emit({**view, "forgotten": done.forgotten})
        return
    with_roles = f" for {', '.join(roles)}" if roles else ""
    screen().line(f"prepared {done.place}{with_roles}")
    if forget:
        screen().line(many(done.forgotten, "function") + " of other releases removed")


def _say(here: Here, view: dict[str, object], yes: str, no: str) -> None:
    if here.json:
        emit(view)
    else:
        screen().line(f"{view['store']}: {yes if view['adopted'] else no}")
