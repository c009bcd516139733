"""Whether what rests goes on by itself in a moment: a worker that ends when all rests asks here.

A run that waits for a person, or for a time that is far, rests for long. A timer that is due soon,
a run that its queue's rate admits soon, a debounced start whose time comes, and an instant of a
schedule that waits for nothing but the next look do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from everflow.engine.owning.admissions import next_admission
from everflow.engine.records import debounce
from everflow.engine.schedules import spec
from everflow.store import OUTCOMES, Record, Store

__all__ = ["moves_soon"]

MOST = 500  # schedules that are looked at


def moves_soon(
    store: Store,
    workers: Iterable[int],
    *,
    now: int,
    within: int,
    serves: Callable[[str], bool] = lambda _: True,
) -> bool:
    """Whether something of a store goes on by then, for one of these workers; in microseconds.

    ``serves`` tells the queues whose runs they execute.
    """
    dues = [store.next_due(worker) for worker in workers]
    dues.append(store.next_record_due(debounce.KIND))
    dues += [next_admission(store, queue, now) for queue in store.waiting() if serves(queue)]
    if any(due is not None and due <= now + within for due in dues):
        return True
    found = store.due_records(spec.KIND, now=now + within, limit=MOST)
    return any(_fires(store, record, now) for record in found)


def _fires(store: Store, record: Record, now: int) -> bool:
    """Whether a schedule has an instant to start, and no run of its own that it waits for."""
    try:
        standing = spec.read_body(record.body).standing
    except msgspec.MsgspecError:
        return False
    if not (standing.waiting or standing.backlog):
        return record.due is not None and record.due <= now
    rows = [store.find(run) for run in standing.active]
    return all(row is None or row.status in OUTCOMES for row in rows)
