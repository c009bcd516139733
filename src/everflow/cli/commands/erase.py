"""``erase`` and ``rewrap``: a run's data is made unreadable for good, and a master key replaced."""

from __future__ import annotations

import click

from everflow.cli.inputs import user_name
from everflow.cli.options import command
from everflow.cli.output import emit, screen
from everflow.cli.places import connected
from everflow.cli.settings import Here
from everflow.engine.faces.connect import Connection
from everflow.engine.faces.places import key_file
from everflow.errors import ConfigurationError, StillRunning
from everflow.store import OUTCOMES
from everflow.views import nobody_works

__all__ = ["erase", "rewrap"]

PATIENCE = 30.0  # seconds that a worker is given to cancel a run


@command(
    "erase",
    """
    everflow erase 01k3v9…xw3
    everflow erase 01k3v9…xw3 01k3va…2bm --by dpo@example.org
    """,
    imports=False,
)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--cancel", is_flag=True, help="Cancel those that go on first; a worker must run.")
@click.option("--by", metavar="NAME", help="Who does it, for the audit.  [default: you]")
def erase(here: Here, *, runs: tuple[str, ...], cancel: bool, by: str | None) -> None:
    """Destroy the keys of ended runs: their data can't be read any more, here or in any copy.

    What stays is the skeleton: id, flow, status, key, labels, times, and what kinds of entries
    there were. It needs a store that is encrypted; a run that goes on is refused: cancel it first.
    """
    who = by if by is not None else user_name()
    with connected(here) as flows:
        for run in runs if cancel else ():
            if flows.run(run).status not in OUTCOMES:
                flows.cancel(run, by=who)
                _await_end(flows, run)
        erased = {run: flows.erase(run, by=who) for run in runs}
    if here.json:
        emit({"erased": erased})
        return
    for run, now in erased.items():
        screen().line(f"{run}  {'erased' if now else 'was erased already'}")


def _await_end(flows: Connection, run: str) -> None:
    """Until a worker has cancelled it; there has to be one."""
    if nobody_works(flows.store):
        raise StillRunning(
            "the cancel is accepted, and no worker is running that could end the run",
            run=run,
            hint="start one: everflow worker FILE.py; then erase it again",
        )
    flows.run(run).wait(PATIENCE)


@command("rewrap", "everflow rewrap", imports=False)
def rewrap(here: Here) -> None:
    """Wrap the keys of all runs with the first of the master keys that are given.

    To replace a master key: give every process the new one before the old one, run this, and take
    the old one away.
    """
    if not here.keys:
        raise ConfigurationError(
            "no key store is configured", hint="name it: `keys` in [tool.everflow]"
        )
    keys = key_file(here.keys, here.master)
    count = keys.rotate()
    keys.close()
    if here.json:
        emit({"rewrapped": count})
    else:
        screen().line(f"{count:,} keys wrapped anew")
