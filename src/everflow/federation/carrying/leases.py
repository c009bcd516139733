"""Leases as they are held here: what a process knows of them, and what its engine asks of it.

Three rules hold. A run counts as leased before its standing says so, so that nobody who asks
meanwhile is told too early. A lease is held by what was heard in this process's life, and asked for
from memory, since the engine asks before each node. And what may be told is judged by how much of
the run stood in the store when that was asked, against what the lessee said that it has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from everflow.clock import Clock
from everflow.federation.protocol.session import runs_until
from everflow.federation.protocol.standing import OWNING
from everflow.federation.protocol.time import Moment
from everflow.federation.protocol.turns import Session

__all__ = ["Leases", "nobody"]

SECOND = 1_000_000


class Leases:
    """By run, up to when it may be run here. From any thread.

    ``tell`` is called with each run whose lease begins to hold, or ends for good.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, int | None] = {}
        self._changed = threading.Condition()
        self._count = 0
        self.tell: Callable[[str], None] = nobody

    def expect(self, run: str) -> None:
        """The run is about to be leased."""
        with self._changed:
            self._until.setdefault(run, None)

    def note(self, run: str, session: Session, now: Moment) -> None:
        """What is known of a run now."""
        standing = session.standing
        leased = standing.role in OWNING and standing.lease is not None
        if not leased and run not in self._until:
            return
        with self._changed:
            before = self._until.pop(run, None)
            if leased:
                self._until[run] = runs_until(session, now)
            self._count += 1
            self._changed.notify_all()
        held = before is not None and before > now.at
        if not (leased and held):
            self.tell(run)

    def until(self, run: str) -> int | None:
        """Up to when a run may be run here, by the boot clock; None for not now."""
        return self._until.get(run)

    def is_leased(self, run: str) -> bool:
        """Whether the run is leased, or is about to be."""
        return run in self._until

    @property
    def count(self) -> int:
        """How often something was noted."""
        return self._count

    def wait(self, seen: int, until: int) -> None:
        """Wait until something was noted after that count, or until a time of the boot clock."""
        seconds = max(until - self._clock.boot(), 0) / SECOND
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen, seconds)


def nobody(_run: str) -> None:
    """No engine runs what is leased."""
