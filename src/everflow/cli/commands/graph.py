"""``graph``: a flow, or where a run stands in its flow, as text or as a picture's source."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import click

from everflow.cli.loading import find_flow, is_flow_name
from everflow.cli.options import command
from everflow.cli.output import emit
from everflow.cli.places import connected
from everflow.cli.settings import Here
from everflow.core.drawing import MOST, dot, mermaid, outline
from everflow.core.program import Program
from everflow.core.state import State
from everflow.engine.cells.history import History
from everflow.errors import CallerError, NoSuchFlow, NoSuchRun

__all__ = ["graph"]

FORMS: dict[str, Callable[..., str]] = {"text": outline, "mermaid": mermaid, "dot": dot}


@command(
    "graph",
    """
    everflow graph flow.py:publish
    everflow graph flow.py:publish --format mermaid > publish.mmd
    everflow graph 01k3v9…xw3 --format dot | dot -Tsvg > run.svg
    everflow graph 01k3v9…xw3 --at 17
    """,
)
@click.argument("what", metavar="FLOW|RUN")
@click.option("--format", "form", type=click.Choice(list(FORMS)), default="text", show_default=True)
@click.option("--at", type=click.IntRange(0), metavar="N", help="A RUN as it stood after entry N.")
@click.option("--all", "whole", is_flag=True, help=f"All of what has more than {MOST} children.")
def graph(here: Here, *, what: str, form: str, whole: bool, at: int | None) -> None:
    """Draw a FLOW, or a RUN with marks where it stands.

    A run is drawn from what the store knows of it; its code isn't needed.
    """
    draw = partial(FORMS[form], elide=None if whole else MOST)
    program, state = _found(here, what, at)
    picture = draw(program, state)
    if here.json:
        emit({"of": what, "format": form, "picture": picture})
    else:
        click.echo(picture)


def _found(here: Here, what: str, at: int | None) -> tuple[Program, State | None]:
    if is_flow_name(what):
        _refuse_time(at)
        flow, _ = find_flow(what, here)
        return Program(flow, flow.name_of_flow), None
    try:
        with connected(here) as flows:
            machine = History(flows.store, flows.run(what).row()).machine(at)
            return machine.program, machine.state
    except NoSuchRun as error:
        try:
            flow, _ = find_flow(what, here)
        except NoSuchFlow:
            raise error from None
        _refuse_time(at)
        return Program(flow, what), None


def _refuse_time(at: int | None) -> None:
    if at is not None:
        raise CallerError("--at is for runs: a flow has no past", hint="name a run by its id")
