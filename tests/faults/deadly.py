"""A worker process with nodes that kill it, among others that don't.

``python -m tests.faults.deadly STORE LEDGER WHERE`` executes until nothing is left to do: every run
is done or set aside. Deadly nodes and their innocent twins are run WHERE: ``inline`` or ``thread``.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from everflow import Config, Engine, Flow, NodeRun, Registry, RunQuery, Status, flow, need, node
from tests.faults.outside import Ledger, until

REGISTRY = Registry()  # of its own: its flows need a ledger
CONFIG = Config(alone_deaths=3, lease_s=60.0)  # trials outlast a machine that stalls


def _strike(x: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return x


def _live(x: int, run: NodeRun, ledger: Ledger) -> int:
    ledger.note("effect", os.getpid(), run.idempotency_key)
    return x + 1


@node
def strike(x: int) -> int:
    return _strike(x)


@node(inline=True)
def strike_inline(x: int) -> int:
    return _strike(x)


@node
def live(x: int, *, run: NodeRun, ledger: Ledger = need(Ledger)) -> int:
    return _live(x, run, ledger)


@node(inline=True)
def live_inline(x: int, *, run: NodeRun, ledger: Ledger = need(Ledger)) -> int:
    return _live(x, run, ledger)


INNOCENT: dict[str, Flow[int, int]] = {
    "thread": flow("innocent", live >> live, registry=REGISTRY),
    "inline": flow("innocent-inline", live_inline >> live_inline, registry=REGISTRY),
}
DEADLY: dict[str, Flow[int, int]] = {
    "thread": flow("deadly", live >> strike >> live, registry=REGISTRY),
    "inline": flow("deadly-inline", live_inline >> strike_inline >> live_inline, registry=REGISTRY),
}


def _is_over(engine: Engine) -> bool:
    going = tuple(s for s in Status if s not in {Status.DONE, Status.BLOCKED})
    return not engine.runs(RunQuery(status=going, limit=1))


def main(store: str, ledger_path: str) -> None:
    ledger = Ledger(Path(ledger_path))
    given = {Ledger: lambda: ledger}
    with Engine(store, provide=given, registry=REGISTRY, config=CONFIG) as engine:
        until(lambda: _is_over(engine), 100.0, 0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
