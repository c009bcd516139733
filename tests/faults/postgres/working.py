"""A worker process of a fleet: it executes errands, and is never started again by anybody.

``python -m tests.faults.postgres.working STORE LEDGER LEASE`` says ``ready``, then executes until
its input is closed. What its nodes did are lines of the ledger (see ``tests.faults.errands``).
"""

from __future__ import annotations

import sys
from pathlib import Path

from everflow import Config, Engine
from tests.faults.errands import BATCH, MAX_UNRECORDED, REGISTRY
from tests.faults.outside import Ledger


def main(store: str, ledger_path: str, lease: str) -> None:
    ledger = Ledger(Path(ledger_path))
    config = Config(max_unrecorded=MAX_UNRECORDED, batch=BATCH, lease_s=float(lease))
    with Engine(store, provide={Ledger: lambda: ledger}, registry=REGISTRY, config=config):
        print("ready", flush=True)  # noqa: T201 - the parent reads it
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
