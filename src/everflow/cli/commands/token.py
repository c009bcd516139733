"""``token``: who may do what over HTTP."""

from __future__ import annotations

from typing import Any

import click

from everflow.cli.commands.serve import serving
from everflow.cli.inputs import user_name
from everflow.cli.options import BY, as_length, command
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected, created
from everflow.cli.settings import Here
from everflow.errors import CallerError

__all__ = ["token"]


@command(
    "token",
    """
    everflow token create desk --scope operate
    everflow token create report --scope read --lasts 30d
    everflow token list
    everflow token revoke desk
    """,
    imports=False,
)
@click.argument("what", type=click.Choice(["create", "list", "revoke"]))
@click.argument("name", required=False)
@click.option(
    "--scope",
    type=click.Choice(["read", "operate", "admin"]),
    help="create: what its bearer may do; each includes those before.  [default: operate]",
)
@click.option(
    "--lasts", callback=as_length, metavar="LENGTH", help="create: how long.  [default: for ever]"
)
@BY
def token(
    here: Here,
    *,
    what: str,
    name: str | None,
    scope: str | None,
    lasts: float | None,
    by: str | None,
) -> None:
    """Make, list and revoke the tokens that requests over HTTP bear.

    A token is printed once, when it is made; the store keeps no more than its hash. Whoever has
    `read` may look at everything, `operate` may start, answer and cancel runs too, and `admin` may
    make tokens as well. A store that ever had a token lets nobody in without one.
    """
    if (name is None) is not (what == "list"):
        raise CallerError(f"token {what} takes {'no NAME' if what == 'list' else 'a NAME'}")
    if what != "create" and (scope is not None or lasts is not None):
        raise CallerError("--scope and --lasts are for token create")
    http, who = serving(), user_name() if by is None else by
    with created(here) if what == "create" else connected(here) as flows:
        clock = flows.client.clock
        known = http.Tokens(flows.store, clock)
        if what == "list":
            _list(here, [http.token_view(token, clock.wall()) for token in known.all()])
        elif what == "create":
            length = None if lasts is None else round(lasts * 1_000_000)
            chosen = http.Scope(scope or "operate")
            made, text = known.create(name, chosen, lasts=length, by=who)
            _made(here, http.token_view(made, clock.wall()), text)
        else:
            view = http.token_view(known.revoke(name, by=who), clock.wall())
            emit(view) if here.json else screen().line(f"{name} lets nobody in any more")


def _made(here: Here, view: dict[str, Any], text: str) -> None:
    if here.json:
        emit({**view, "token": text})
        return
    screen().lines(text)
    notes().line("it is shown this once: keep it as a password is kept", "dim")


def _list(here: Here, views: list[dict[str, Any]]) -> None:
    if here.json:
        for view in views:
            emit(view)
    elif views:
        heads = ("name", "scope", "created", "expires", "used", "stands")
        screen().table(heads, [_row(view) for view in views])
    else:
        notes().line("no tokens")


def _row(view: dict[str, Any]) -> tuple[str, ...]:
    stands = "valid" if view["valid"] else "revoked" if view["revoked"] else "expired"
    times = [(view[name] or "")[:16].replace("T", " ") for name in ("created", "expires")]
    return view["name"], view["scope"], *times, (view["used"] or "")[:10], stands
