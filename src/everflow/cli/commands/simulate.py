"""``simulate``: a flow of the user's through every crash, on a stage where nothing is real."""

from __future__ import annotations

import click

from everflow.cli.options import command
from everflow.cli.settings import Here

__all__ = ["simulate"]


@command(
    "simulate",
    """
    everflow simulate flow.py:publish
    everflow simulate flow.py:publish --seeds 1000 --input '"swifts.md"' --answer approval=true
    everflow simulate flow.py:publish --seed 417
    """,
)
@click.argument("flow")
@click.option(
    "--seeds", type=click.IntRange(1), default=200, show_default=True, help="So many random lives."
)
@click.option("--seed", type=int, help="That one life alone, as a failure told it.")
@click.option(
    "--input",
    "inputs",
    metavar="INPUT",
    multiple=True,
    help="What runs are given; may be repeated.",
)
@click.option(
    "--answer",
    "answers",
    metavar="TAG=ANSWER",
    multiple=True,
    help="What people answer; may be repeated, also for one tag.",
)
@click.option(
    "--real",
    metavar="NODE",
    multiple=True,
    help="A node that runs its own function; `all` for all.  [default: pure ones]",
)
def simulate(
    here: Here,
    *,
    flow: str,
    seeds: int,
    seed: int | None,
    inputs: tuple[str, ...],
    answers: tuple[str, ...],
    real: tuple[str, ...],
) -> None:
    """Lead FLOW through crashes at every write, and through random lives from seeds.

    Engine, store, clock and people are simulated in this process; nothing is written. Nodes are
    stubs that give values of their return types, drawn anew for each run; inputs and answers are
    drawn by their types, too, unless a Subject in the flow's module, or an option, gives them.
    Checked are Everflow's own promises and every @invariant of the module. One that breaks is told
    as the shortest story that was found, with its seed.
    """
    from everflow.cli.staging import Wish, lead  # noqa: PLC0415 - no other command has a use for the simulator, which takes a tenth of a second to import

    lead(here, flow, Wish(inputs, answers, real), seeds=seeds, seed=seed)
