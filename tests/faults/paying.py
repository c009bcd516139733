"""A process that pays: runs whose nodes write to a ledger, and send what must leave by the outbox.

``python -m tests.faults.paying WHERE TABLE COUNT``: it starts what isn't there, says a word for
each node that it begins, and ends once all runs have.
"""

from __future__ import annotations

import sys
from typing import Any

from everflow import Config, Engine, Registry, RunQuery, Status, Writes, flow, need, node
from everflow.store import OUTCOMES

REGISTRY = Registry()
PATIENT = 60.0


def say(word: str) -> None:
    """Tell whoever is about to kill this process."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def flows(table: str) -> Any:
    """Pay twice and tell it."""

    def tell(x: int, *, writes: Writes = need(Writes)) -> int:
        say("tells")
        writes.execute(f"INSERT INTO {table} VALUES ($1, 3)", x)
        return x

    def pay(x: int, *, writes: Writes = need(Writes)) -> int:
        say("pays")
        writes.execute(f"INSERT INTO {table} VALUES ($1, 1)", x)
        writes.start("told", x)
        return x

    def again(x: int, *, writes: Writes = need(Writes)) -> int:
        say("again")
        writes.execute(f"INSERT INTO {table} VALUES ($1, 2)", x)
        return x

    flow("told", node(tell, name="tell"), registry=REGISTRY)
    return flow("paid", node(pay, name="pay") >> node(again, name="again"), registry=REGISTRY)


def main(where: str, table: str, count: int) -> None:
    """Go on until all has ended."""
    paid = flows(table)
    with Engine(where, registry=REGISTRY, config=Config(poll_s=0.01, threads=4)) as engine:
        made = Writes()
        made.execute(f"CREATE TABLE IF NOT EXISTS {table} (who INTEGER, what INTEGER)")
        engine.commit(made)
        say("open")
        for run in [engine.start(paid, x, key=str(x)) for x in range(count)]:
            run.wait(PATIENT)
        going = tuple(sorted(set(Status) - OUTCOMES))
        while left := engine.runs(RunQuery(status=going)):
            engine.run(left[0].id).wait(PATIENT)
        say("done")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
