"""Waiting for another process: it keeps a leased run's lease, and says what its lessee has.

Two rules hold. Who waits leaves a record that says how much of the run there was, and whoever keeps
the lease deletes it once the lessee has that much. And nobody waits for long: the record goes, and
what was asked is kept all the same.
"""

from __future__ import annotations

import threading

import msgspec

from everflow.clock import Clock
from everflow.engine.cells.tenures import not_safe
from everflow.engine.given.ids import Random, new_key
from everflow.engine.given.replies import require_here
from everflow.store import Put, RunRow, Store

__all__ = ["AWAITED", "LEASED", "wait_elsewhere"]

LEASED = "leased"  # the kind of records of flows whose runs are leased from their start, by name
AWAITED = "awaited"  # the kind of the records, by RUN/KEY; the body is [seq, rev]
LOOK = 0.02  # seconds between looks


def wait_elsewhere(
    store: Store, row: RunRow, clock: Clock, random: Random, *, seconds: float
) -> None:
    """Return once the lessee has what is here of a run; NotSafeYet where that takes longer.

    RunHandedOff where it is another instance's by then.
    """
    (here,) = store.tenures([row.id])
    key, at = f"{row.id}/{new_key(random)}", clock.wall()
    body = msgspec.json.encode([here.seq, here.rev]).decode()
    store.write([Put(kind=AWAITED, key=key, body=body, due=at)], at=at)
    end = clock.boot() + round(seconds * 1_000_000)
    while store.records(AWAITED, keys=[key]):
        if clock.boot() >= end:
            store.write([Put(kind=AWAITED, key=key, body=None)], at=at)
            require_here(store.find(row.id) or row)
            raise not_safe(row)
        threading.Event().wait(LOOK)
