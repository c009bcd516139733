"""``workers``: who executes the runs of a store, what each holds, and what nobody takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from everflow.cli.inputs import user_name
from everflow.cli.options import BY, command
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected
from everflow.cli.settings import Here
from everflow.cli.words import many
from everflow.clock import SystemClock
from everflow.engine.faces.connect import Connection
from everflow.engine.records.audit import audit
from everflow.engine.records.fleet import drain_key
from everflow.errors import CallerError
from everflow.store import Put, WorkerRow
from everflow.views.fleet import Beats, unserved, worker_views

__all__ = ["unserved_words", "workers"]


@command(
    "workers",
    """
    everflow workers
    everflow workers --flights --json
    everflow workers 7 --flights
    everflow workers 7 --drain
    """,
    imports=False,
)
@click.argument("ids", metavar="[ID]...", type=int, nargs=-1)
@click.option("--all", "everybody", is_flag=True, help="Those that stopped, too.")
@click.option("--flights", is_flag=True, help="The runs in flight, and where they are.")
@click.option("--drain", is_flag=True, help="Tell the workers of these IDs to end orderly.")
@BY
def workers(
    here: Here, *, ids: tuple[int, ...], everybody: bool, flights: bool, drain: bool, by: str | None
) -> None:
    """The workers of the store, or those of these IDs: whether they live, and what they hold.

    A worker is `stale` once no heartbeat was seen for the lease, by the clock of who looks here;
    so this takes until each was seen to beat: a second or so where all is well. A worker that is
    told to drain begins nothing more and leaves its runs to others; its process ends with code 0.
    """
    with connected(here) as flows:
        store, beats = flows.store, Beats(flows.store, SystemClock(), here.config.lease_s)
        rows = _chosen(beats.look(), ids)
        if drain:
            _drain(flows, rows, ids, by or user_name())
        asked = {row.id for row in rows}
        rows = [row for row in beats.settle() if row.id in asked]
        views = worker_views(store, beats, rows, flights=flights)
        if not everybody and not ids:
            views = [view for view in views if view["state"] != "stopped"]
        left = {} if ids else unserved(store)
    if here.json:
        for view in views:
            emit(view)
        return
    _paint(views)
    for words in unserved_words(left):
        notes().line(words, "yellow")


def _chosen(rows: Sequence[WorkerRow], ids: Sequence[int]) -> list[WorkerRow]:
    known = {row.id for row in rows}
    for id_ in ids:
        if id_ not in known:
            raise CallerError(
                f"there is no worker {id_}", hint="`everflow workers --all` lists them"
            )
    return [row for row in rows if not ids or row.id in ids]


def _drain(flows: Connection, rows: Sequence[WorkerRow], ids: Sequence[int], by: str) -> None:
    """Write the records that have these workers end."""
    if not ids:
        raise CallerError("--drain takes the IDs of workers", hint="everflow workers 7 --drain")
    for row in rows:
        if row.gone:
            raise CallerError(f"worker {row.id} has ended already")
    at = flows.client.clock.wall()
    puts = [Put(kind="pause", key=drain_key(row.id), body="{}") for row in rows]
    lines = [audit("drain", at=at, by=by, subject=drain_key(row.id)) for row in rows]
    flows.store.write([*puts, *lines], at=at)


def unserved_words(left: dict[str, int]) -> list[str]:
    """What is said of queues that no living worker serves."""
    return [
        f"{many(number, 'run')} {'waits' if number == 1 else 'wait'}"
        f" {f'in the queue {queue}' if queue else 'without a queue'}, and no worker takes such"
        for queue, number in left.items()
    ]


def _paint(views: Sequence[dict[str, Any]]) -> None:
    if not views:
        screen().line("no worker is there: everflow worker FILE.py", "dim")
        return
    screen().table(
        ("worker", "state", "beat", "active", "resting", "in flight", "about"),
        [
            (
                str(view["id"]),
                view["state"],
                "" if view["beat"] is None else f"{view['beat']:.1f} s",
                _number(view, "active"),
                _number(view, "resting"),
                _flying(view),
                _about(view),
            )
            for view in views
        ],
    )
    flights = [(view["id"], run) for view in views for run in view.get("runs", ())]
    if flights:
        screen().table(
            ("run", "worker", "flow", "at"),
            [
                (run["run"], str(id_), run["flow"], ", ".join(n["position"] for n in run["nodes"]))
                for id_, run in flights
            ],
        )


def _number(view: dict[str, Any], what: str) -> str:
    return f"{view[what]:,}{'+' if view['more'] else ''}"


def _flying(view: dict[str, Any]) -> str:
    tried = view["on_trial"]
    return f"{view['in_flight']}{f' ({tried} on trial)' if tried else ''}"


def _about(view: dict[str, Any]) -> str:
    queues = view["queues"]
    words = [view["name"], f"pid {view['pid']} on {view['host']}"]
    words += [] if queues is None else [f"queues {', '.join(q or '(none)' for q in queues)}"]
    words += [f"code {view['code']}"] if view["code"] else []
    return ", ".join(word for word in words if word)
