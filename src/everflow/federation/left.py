"""Errands that a courier had in its hands when its process died: anybody may carry them at once.

A courier that took an errand has it for longer than any exchange may take. Who dies amid one would
have it wait for all of that time, though the store knows better: the worker of the courier's
process is gone, or the kernel gave back its lock. Whoever looks makes such errands due. Had the
courier lived after all, it would write nothing: what it took has another version by now.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from everflow.engine.records.errands import ERRAND, Errand, read_errand
from everflow.federation.together import Together
from everflow.store import Put, Record, Store

__all__ = ["Left", "kept"]

EVERY = 1.0  # seconds between looks at who lives
PAGE = 500
NOBODY = 0


class Left:
    """Looks who died, and at what was in their hands."""

    def __init__(
        self, store: Store, written: Together, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._written = written
        self._clock = clock
        self._next = 0.0
        self._living: set[int] | None = None

    def look(self, now: int) -> None:
        """Make due what the dead left; nothing most of the time. ``now``: the runs' time."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + EVERY
        known = self._store.workers()
        living = {worker.id for worker in known if not (worker.gone or worker.lost)}
        if self._living is None or self._living - living:
            self._release(living, now)
        self._living = living

    def _release(self, living: set[int], now: int) -> None:
        after = ""
        while page := self._store.records(ERRAND, after=after, limit=PAGE):
            after = page[-1].key
            waiting = [record for record in page if record.due is not None and record.due > now]
            errands = [(record, read_errand(record.body)) for record in waiting]
            self._written.each(
                [
                    [kept(record, replace(errand, carrier=NOBODY), due=now)]
                    for record, errand in errands
                    if errand.carrier not in {NOBODY, *living}
                ]
            )


def kept(record: Record, errand: Errand, *, due: int) -> Put:
    """An errand as it is by now, unless somebody else wrote it meanwhile."""
    body = msgspec.json.encode(errand).decode()
    return Put(kind=ERRAND, key=record.key, body=body, expect=record.version, due=due)
