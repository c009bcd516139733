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
from everflow.core.definition import from_data
from everflow.core.drawing import MOST, dot, mermaid, outline
from everflow.core.journal import fold
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.core.state import State
from everflow.engine.connect import Connection
from everflow.errors import NoSuchFlow, NoSuchRun, StoreDamaged

__all__ = ["graph"]

FORMS: dict[str, Callable[..., str]] = {"text": outline, "mermaid": mermaid, "dot": dot}


@command(
    "graph",
    """
    everflow graph flow.py:publish
    everflow graph flow.py:publish --format mermaid > publish.mmd
    everflow graph 01k3v9…xw3 --format dot | dot -Tsvg > run.svg
    """,
)
@click.argument("what", metavar="FLOW|RUN")
@click.option("--format", "form", type=click.Choice(list(FORMS)), default="text", show_default=True)
@click.option("--all", "whole", is_flag=True, help=f"All of what has more than {MOST} children.")
def graph(here: Here, *, what: str, form: str, whole: bool) -> None:
    """Draw a FLOW, or a RUN with marks where it stands.

    A run is drawn from what the store knows of it; its code isn't needed.
    """
    draw = partial(FORMS[form], elide=None if whole else MOST)
    program, state = _found(here, what)
    picture = draw(program, state)
    if here.json:
        emit({"of": what, "format": form, "picture": picture})
    else:
        click.echo(picture)


def _found(here: Here, what: str) -> tuple[Program, State | None]:
    if is_flow_name(what):
        flow, _ = find_flow(what, here)
        return Program(flow, flow.name_of_flow), None
    try:
        with connected(here) as flows:
            return _of_run(flows, what)
    except NoSuchRun as error:
        try:
            flow, _ = find_flow(what, here)
        except NoSuchFlow:
            raise error from None
        return Program(flow, what), None


def _of_run(flows: Connection, run: str) -> tuple[Program, State]:
    """The program that a run is pinned to, and its state: the fold of its entries."""
    row = flows.run(run).row()
    nameless = Registry()

    def program_of(hash_: str) -> Program:
        body = flows.store.definition(hash_)
        if body is None:
            raise StoreDamaged(f"the store has no definition {hash_}", run=run)
        return from_data(body, nameless)

    loaded = flows.store.load([row.no])[0]
    bodies = [body for _, _, body, _ in loaded.entries]
    machine = fold(program_of(row.definition), bodies, program_of)
    return machine.program, machine.state
