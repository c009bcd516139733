"""A worker process of a fleet: it executes orders, and is never started again by anybody.

An order is an errand (see ``tests.faults.errands``) that is booked and paid at its end: each writes
a line into a table of the same database, once, however often the node is run.

``python -m tests.faults.postgres.working STORE LEDGER LEASE TABLE`` says ``ready``, then executes
until its input is closed. What its nodes did are lines of the ledger.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from everflow import Config, Engine, NodeRun, Transaction, Writes, flow, need, node
from tests.faults.errands import BATCH, MAX_UNRECORDED, REGISTRY, errand
from tests.faults.outside import Ledger


@dataclass
class Table:
    """Where is written what was booked and paid."""

    name: str

    @property
    def insert(self) -> str:
        return f"INSERT INTO {self.name} VALUES ($1, $2)"


@node
def book(
    got: list[int], *, run: NodeRun, writes: Writes = need(Writes), table: Table = need(Table)
) -> list[int]:
    writes.execute(table.insert, run.id, "booked")
    return got


@node
def pay(
    got: list[int], *, run: NodeRun, db: Transaction = need(Transaction), table: Table = need(Table)
) -> list[int]:
    db.execute(table.insert, run.id, "paid")
    return got


order = flow("order", errand >> book >> pay, registry=REGISTRY)


def main(store: str, ledger_path: str, lease: str, table: str) -> None:
    ledger = Ledger(Path(ledger_path))
    config = Config(max_unrecorded=MAX_UNRECORDED, batch=BATCH, lease_s=float(lease))
    given = {Ledger: lambda: ledger, Table: lambda: Table(table)}
    with Engine(store, provide=given, registry=REGISTRY, config=config):
        print("ready", flush=True)  # noqa: T201 - the parent reads it
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
