"""A worker process with a node that holds the interpreter's lock, as a long call into C does.

``python -m tests.faults.grasping STORE LEDGER`` says ``ready`` and executes until its input is
closed. While the lock is held the heartbeat stands.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from everflow import Config, Engine, NodeRun, Registry, flow, need, node
from tests.faults.outside import Ledger

LEASE = 0.6  # seconds
HELD = 2_000_000  # microseconds
REGISTRY = Registry()  # of its own: its flows need a ledger
CONFIG = Config(lease_s=LEASE, poll_s=0.01)


def _grasp() -> None:
    ctypes.PyDLL(None).usleep(HELD)  # a PyDLL, unlike a CDLL, keeps the lock


def _act(run: NodeRun, ledger: Ledger, *, always: bool) -> int:
    first = not any(key == run.idempotency_key for _, key in ledger.of("begun"))
    ledger.note("begun", os.getpid(), run.idempotency_key)
    if first or always:
        _grasp()
    ledger.note("ended", os.getpid(), run.idempotency_key)
    return os.getpid()


@node
def once(x: int, *, run: NodeRun, ledger: Ledger = need(Ledger)) -> int:
    return _act(run, ledger, always=False)


@node(inline=True)
def once_inline(x: int, *, run: NodeRun, ledger: Ledger = need(Ledger)) -> int:
    return _act(run, ledger, always=False)


@node
def always(x: int, *, run: NodeRun, ledger: Ledger = need(Ledger)) -> int:
    return _act(run, ledger, always=True)


@node(inline=True)
def add(x: int) -> int:
    return x + 1


grasping = flow("grasping", once, registry=REGISTRY)
grasping_inline = flow("grasping-inline", once_inline, registry=REGISTRY)
insatiable = flow("insatiable", always, registry=REGISTRY)
innocent = flow("grasping-innocent", add >> add, registry=REGISTRY)


def main(store: str, ledger_path: str) -> None:
    ledger = Ledger(Path(ledger_path))
    given = {Ledger: lambda: ledger}
    with Engine(store, provide=given, registry=REGISTRY, config=CONFIG):
        print("ready", flush=True)  # noqa: T201 - the parent reads it
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
