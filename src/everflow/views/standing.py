"""What a run waits for besides questions and times: signals, peers, and a worker.

A run that can't be read (its key isn't here, another release wrote it) is still shown: then nothing
is told of its signals and peers.
"""

from __future__ import annotations

from typing import Any

from everflow.core.combine.call import child_run
from everflow.core.machine import Machine
from everflow.core.ops import CallOp, ReceiveOp
from everflow.engine.cells.history import History
from everflow.engine.records.errands import ERRAND, read_errand
from everflow.engine.records.fleet import serving
from everflow.errors import EverflowError
from everflow.store import Record, RunRow, Status, Store
from everflow.views.times import instant

__all__ = ["asks_of", "machine_of", "nobody_works", "receives_of", "waiting_view"]

GOING = frozenset({Status.QUEUED, Status.RUNNING, Status.CANCELLING})


def receives_of(store: Store, row: RunRow) -> list[dict[str, Any]]:
    """The signals that an open run waits for."""
    machine = machine_of(store, row)
    ops = machine.commands() if machine is not None else []
    return [
        {
            "name": op.name,
            "position": op.position,
            "since": instant(op.at),
            "due": None if op.due is None else instant(op.due),
        }
        for op in ops
        if isinstance(op, ReceiveOp)
    ]


def asks_of(store: Store, row: RunRow) -> list[dict[str, Any]]:
    """What an open run asks of peers: which function, what went wrong last, when it is tried."""
    machine = machine_of(store, row)
    if machine is None:
        return []
    generation = machine.state.generation
    calls = {
        child_run(machine.run, generation, op.id): op
        for op in machine.commands()
        if isinstance(op, CallOp) and op.peer
    }
    if not calls:
        return []
    errands = {one.key: one for one in store.records(ERRAND, keys=[*calls], limit=len(calls))}
    return [
        {"call": call, "peer": op.peer, "function": op.flow, **_errand(errands.get(call))}
        for call, op in calls.items()
    ]


def _errand(record: Record | None) -> dict[str, Any]:
    errand = None if record is None else read_errand(record.body)
    return {
        "accepted": errand is not None and errand.accepted is not None,
        "trouble": "" if errand is None else errand.trouble,
        "next": instant(record.due) if record is not None and record.due is not None else None,
    }


def machine_of(store: Store, row: RunRow) -> Machine | None:
    """The machine of an open run; None for one that can't be read."""
    if row.ended is not None:
        return None
    try:
        return History(store, row).machine()
    except EverflowError:
        return None


def nobody_works(store: Store) -> bool:
    """Whether no worker is alive on the store, so that what was accepted waits."""
    return all(worker.gone or worker.lost for worker in store.workers())


def waiting_view(store: Store, row: RunRow) -> dict[str, Any]:
    """``receives``, ``asks``, ``accepted`` messages that no worker has applied, ``unattended``.

    ``unattended``: there is something to do for the run, and no worker is alive that takes runs of
    its queue.
    """
    found = store.standing(row.no)
    accepted = 0 if found is None or row.ended is not None else found[1]
    to_do = accepted > 0 or row.status in GOING or (row.ended is None and row.due is not None)
    return {
        "receives": receives_of(store, row),
        "asks": asks_of(store, row),
        "accepted": accepted,
        "unattended": to_do and not serving(store.workers(), row.queue),
    }
