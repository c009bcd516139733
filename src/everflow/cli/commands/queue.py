"""``queue``: the queues of a store, what they allow, and who waits in them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from everflow.cli.inputs import seconds
from everflow.cli.options import command
from everflow.cli.output import emit, screen
from everflow.cli.places import connected, created
from everflow.cli.settings import Here
from everflow.core.drawing.words import span
from everflow.core.queueing import Limits
from everflow.engine.records.queues import Queues, QueueView
from everflow.errors import CallerError

__all__ = ["queue"]


def as_rate(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[int, timedelta] | None:
    """A rate: ``100/1m``; a callback for options."""
    if value is None:
        return None
    many, _, length = value.partition("/")
    try:
        return int(many), timedelta(seconds=seconds(length))
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{value!r:.40} is no rate; write 100/1m, or 5/1s") from None


@command(
    "queue",
    """
    everflow queue list
    everflow queue set mails --limit 10 --rate 100/1m --per-lane 1
    everflow queue show mails
    everflow queue remove mails
    """,
    imports=False,
)
@click.argument("what", type=click.Choice(["list", "show", "set", "remove"]))
@click.argument("name", required=False)
@click.option("--limit", type=int, metavar="N", help="set: so many runs have a place at once.")
@click.option("--per-lane", type=int, metavar="N", help="set: so many of one lane.")
@click.option(
    "--rate",
    callback=as_rate,
    metavar="N/LENGTH",
    help="set: so many get a place within any span of that length: 100/1m.",
)
@click.option(
    "--rate-per-lane",
    callback=as_rate,
    metavar="N/LENGTH",
    help="set: so many of one lane within any span of that length: 5/1s.",
)
def queue(here: Here, *, what: str, name: str | None, **limits: Any) -> None:
    """Look at queues and change them; a run of a queue waits there for its place.

    set says all that a queue allows: what isn't given is without limit. It holds until the code
    declares something new. A queue is removed only once none of its runs waits or has a place.
    """
    if (name is None) != (what == "list"):
        raise CallerError(f"queue {what} takes {'no' if what == 'list' else 'a'} NAME")
    if what != "set" and any(limit is not None for limit in limits.values()):
        raise CallerError("limits are for queue set")
    opened = created(here) if what == "set" else None
    with opened or connected(here) as flows:
        _do(flows.queues, what, name or "", limits)
        views = [] if what == "remove" else flows.queues.views(name)
        if what == "show":
            views = [flows.queues.view(str(name))]
    if here.json:
        emit([_view(view) for view in views] if what == "list" else _one(views, name))
    elif what == "remove":
        screen().line(f"the queue {name} is removed")
    else:
        _paint(views, lanes=what == "show")


def _do(queues: Queues, what: str, name: str, limits: dict[str, Any]) -> None:
    if what == "set":
        queues.set(name, **limits)
    elif what == "remove":
        queues.remove(name)


def _one(views: list[QueueView], name: str | None) -> dict[str, Any]:
    return _view(views[0]) if views else {"removed": name}


def _view(view: QueueView) -> dict[str, Any]:
    return {
        "name": view.name,
        "limit": view.limits.limit,
        "per_lane": view.limits.per_lane,
        "rate": _rate(view.limits.rate),
        "rate_per_lane": _rate(view.limits.rate_per_lane),
        "declared": view.known,
        "paused": view.paused,
        "waiting": view.waiting,
        "placed": view.placed,
        "workers": view.workers,
        "lanes": [
            {"lane": lane.lane, "waiting": lane.waiting, "placed": lane.placed}
            for lane in view.lanes
        ],
    }


def _rate(rate: tuple[int, int] | None) -> dict[str, float] | None:
    return None if rate is None else {"number": rate[0], "seconds": rate[1] / 1_000_000}


def _allowed(limits: Limits) -> str:
    said = []
    if limits.limit is not None:
        said.append(f"{limits.limit:,} at once")
    if limits.per_lane is not None:
        said.append(f"{limits.per_lane:,} of a lane")
    if limits.rate is not None:
        said.append(f"{limits.rate[0]:,} in {span(limits.rate[1])}")
    if limits.rate_per_lane is not None:
        many, length = limits.rate_per_lane
        said.append(f"{many:,} of a lane in {span(length)}")
    return ", ".join(said) or "without limit"


def _is_left(view: QueueView) -> bool:
    return not view.workers and bool(view.waiting or view.placed)


def _paint(views: list[QueueView], *, lanes: bool) -> None:
    if not views:
        screen().line("there are no queues", "dim")
        return
    rows = [
        (
            view.name,
            f"{view.waiting:,}",
            f"{view.placed:,}",
            ("paused; " if view.paused else "")
            + (_allowed(view.limits) if view.known else "not declared here, without limit")
            + ("; no worker takes it" if _is_left(view) else ""),
        )
        for view in views
    ]
    screen().table(("queue", "waiting", "with a place", "allowed"), rows)
    if lanes and views[0].lanes:
        found = views[0].lanes
        screen().table(
            ("waiting", "with a place", "lane"),
            [(f"{lane.waiting:,}", f"{lane.placed:,}", lane.lane or "(none)") for lane in found],
        )
