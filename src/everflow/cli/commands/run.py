"""``run`` and ``start``: a run begins, here or for a worker to take."""

from __future__ import annotations

from typing import Any

import click

from everflow.cli.exits import of_status
from everflow.cli.inputs import input_given, labels, read_value
from everflow.cli.loading import find_flow, provided, to_start
from everflow.cli.options import as_length, command, leave
from everflow.cli.output import emit, notes, screen
from everflow.cli.painting import paint_outcome, paint_questions
from everflow.cli.places import connected, created, encryption, shown_command
from everflow.cli.settings import Here
from everflow.cli.watching import Watch, rest
from everflow.core.refs import Stored
from everflow.core.registry import default_registry
from everflow.core.values import encode
from everflow.engine.asking.runs import payload_of
from everflow.engine.faces.engine import Engine
from everflow.errors import EverflowError
from everflow.store import RunRow, Store
from everflow.views import (
    asks_of,
    children_view,
    outcome_view,
    plain_value,
    question_view,
    run_view,
)

__all__ = ["run", "start"]

FLOW = click.argument("flow")
INPUT = click.argument("value", metavar="[INPUT]", required=False)
KEY = click.option("--key", metavar="TEXT", help="The same key gives the same run, not a second.")
LABEL = click.option(
    "--label", "pairs", metavar="NAME=VALUE", multiple=True, help="A label; may be repeated."
)


@command(
    "run",
    """
    everflow run hello.py:greet '"world"'
    everflow run flow.py:publish '{"post": "swifts.md"}' --key swifts
    everflow run shop.flows:order @order.json --json
    """,
)
@FLOW
@INPUT
@KEY
@LABEL
@click.option("--timeout", callback=as_length, metavar="LENGTH", help="How long to stay: 10, 3m.")
def run(
    here: Here,
    *,
    flow: str,
    value: str | None,
    key: str | None,
    pairs: tuple[str, ...],
    timeout: float | None,
) -> None:
    """Start a run of FLOW on INPUT and execute it here until it rests.

    It rests when it is finished, when it asks somebody, or when it waits for longer than a minute.
    Prints the result, or the questions with the commands that answer them. Whatever happens to this
    process, the run goes on with the next worker.
    """
    found, modules = find_flow(flow, here)
    given, _ = read_value(value)
    with Watch(enabled=notes().live and not here.json) as watch:
        engine = Engine(
            here.store,
            provide=provided(modules),
            config=here.config,
            progress=watch.progress,
            guest=True,
            encryption=encryption(here),
        )
        with engine:
            with input_given(value):
                started = engine.start(found, given, key=key, labels=labels(pairs))
            other = key is not None and _has_other_input(engine.client.store, started.row(), given)
            watch.begin(engine.client.store, started.row())
            status = rest(engine, started, watch, timeout)
    with connected(here) as flows:
        row = flows.run(started.id).row()
        questions = flows.questions(row.id)
        view: dict[str, Any] = {**run_view(row), **outcome_view(flows.store, row)}
        view["asks"] = asks_of(flows.store, row)
        view["children"] = children_view(flows.store, row)
        view["questions"] = [question_view(flows.store, question) for question in questions]
    _tell_of_key(key, other=other)
    if here.json:
        emit(view)
    else:
        paint_outcome(screen(), notes(), view)
        paint_questions(notes(), view["questions"], here)
    leave(of_status(status))


@command(
    "start",
    """
    everflow start flow.py:publish '{"post": "swifts.md"}'
    everflow start mails.py:send '"ann"' --queue mails --lane ann --priority 3
    everflow start flow.py:publish - --key etags --label by=cron < brief.json
    """,
)
@FLOW
@INPUT
@KEY
@LABEL
@click.option(
    "--queue",
    metavar="NAME",
    help='Have it wait in that queue for its turn; "": in none.  [default: the flow\'s own]',
)
@click.option("--lane", metavar="TEXT", help="The lane of the queue: a user's id, say.")
@click.option("--priority", type=int, metavar="N", help="The highest goes first.  [default: 0]")
def start(
    here: Here,
    *,
    flow: str,
    value: str | None,
    key: str | None,
    pairs: tuple[str, ...],
    **place: Any,
) -> None:
    """Start a run of FLOW on INPUT, for a worker to take.

    Prints the run's id once the run is durable. Nothing is executed here. FLOW may be the name
    alone of a flow that a worker of this store ever knew: no code is needed then.
    """
    where: Any = {name: given for name, given in place.items() if given is not None}
    if where.get("queue") == "":
        where["queue"] = None
    found = to_start(flow, here)
    given, _ = read_value(value)
    # A name alone is known to a store or not at all: none is made for it.
    with connected(here) if isinstance(found, str) else created(here) as flows:
        with input_given(value):
            row = flows.start(found, given, key=key, labels=labels(pairs), **where).row()
        other = key is not None and _has_other_input(flows.store, row, given)
    _tell_of_key(key, other=other)
    if here.json:
        emit(run_view(row))
        return
    screen().line(row.id)
    if notes().live:
        notes().line(f"a worker executes it: {shown_command(here, 'worker', flow)}", "dim")


def _has_other_input(store: Store, row: RunRow, given: Any) -> bool:
    """Whether the run that a key gave began on something else; not where that can't be read."""
    try:
        found = plain_value(payload_of(store, row.no, Stored(0)))
        return bool(found != plain_value(encode(given, default_registry().types)))
    except EverflowError:
        return False


def _tell_of_key(key: str | None, *, other: bool) -> None:
    if other:
        notes().line(f"the key {key} gave the run that it had begun, on another INPUT", "yellow")
