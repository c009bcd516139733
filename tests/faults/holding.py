"""A worker process that is stopped and woken: its node waits for a file before it goes on.

``python -m tests.faults.holding STORE LEDGER`` says ``ready`` and executes until its input is
closed. A run's value is the path that its node waits for; its result is the id of the process.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from everflow import Config, Engine, NodeRun, Registry, flow, need, node
from tests.faults.outside import Ledger, until

LEASE = 1.0  # seconds
REGISTRY = Registry()  # of its own: its flows need a ledger
CONFIG = Config(lease_s=LEASE)


@node
def hold(gate: str, *, run: NodeRun, ledger: Ledger = need(Ledger)) -> int:
    ledger.note("begun", os.getpid(), run.id, run.idempotency_key)
    until(Path(gate).exists, 120.0)
    ledger.note("ended", os.getpid(), run.id)
    return os.getpid()


@node(inline=True)
def seal(pid: int, *, run: NodeRun, ledger: Ledger = need(Ledger)) -> int:
    ledger.note("sealed", os.getpid(), run.id)
    return pid


holding = flow("holding", hold >> seal, registry=REGISTRY)


def main(store: str, ledger_path: str) -> None:
    ledger = Ledger(Path(ledger_path))
    given = {Ledger: lambda: ledger}
    with Engine(store, provide=given, registry=REGISTRY, config=CONFIG):
        print("ready", flush=True)  # noqa: T201 - the parent reads it
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
