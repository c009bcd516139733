"""What a run waits for besides questions and times: signals, and a worker.

A run that can't be read (its key isn't here, another release wrote it) is still shown: then nothing
is told of its signals.
"""

from __future__ import annotations

from typing import Any

from everflow.core.ops import ReceiveOp
from everflow.engine.history import History
from everflow.errors import EverflowError
from everflow.store import RunRow, Status, Store
from everflow.views.times import instant

__all__ = ["nobody_works", "receives_of", "waiting_view"]

GOING = frozenset({Status.QUEUED, Status.RUNNING, Status.CANCELLING})


def receives_of(store: Store, row: RunRow) -> list[dict[str, Any]]:
    """The signals that an open run waits for."""
    if row.ended is not None:
        return []
    try:
        ops = History(store, row).machine().commands()
    except EverflowError:
        return []
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


def nobody_works(store: Store) -> bool:
    """Whether no worker is alive on the store, so that what was accepted waits."""
    return all(worker.gone or worker.lost for worker in store.workers())


def waiting_view(store: Store, row: RunRow) -> dict[str, Any]:
    """``receives``, ``accepted`` messages that no worker has applied, and ``unattended``.

    ``unattended``: there is something to do for the run, and no worker is alive to do it.
    """
    found = store.standing(row.no)
    accepted = 0 if found is None or row.ended is not None else found[1]
    to_do = accepted > 0 or row.status in GOING or (row.ended is None and row.due is not None)
    return {
        "receives": receives_of(store, row),
        "accepted": accepted,
        "unattended": to_do and nobody_works(store),
    }
