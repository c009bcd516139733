"""Lending: what an engine is told of its runs' leases, see ``everflow.engine.cells.tenures``."""

from __future__ import annotations

from everflow.clock import Clock
from everflow.engine.given.replies import require_here
from everflow.federation.carrying.host import Host
from everflow.federation.carrying.kept import extent_of
from everflow.federation.carrying.leases import SECOND
from everflow.federation.carrying.watch import Watch
from everflow.federation.protocol.session import acknowledges
from everflow.store import Store

__all__ = ["Lending"]


class Lending:
    """Implements ``Tenures`` by a host, and the policies that its watch knows."""

    def __init__(self, host: Host, watch: Watch, store: Store, clock: Clock) -> None:
        self._host = host
        self._watch = watch
        self._store = store
        self._clock = clock

    def until(self, run: str) -> int | None:
        """Up to when a leased run may be run here; None: not now."""
        return self._host.leases.until(run)

    def is_leased(self, run: str) -> bool:
        """Whether a run is leased, or about to be."""
        return self._host.leases.is_leased(run)

    def leases(self, flow: str) -> bool:
        """Whether runs of that flow are leased from their start."""
        return self._watch.leases(flow)

    def safe(self, run: str, seconds: float) -> bool:
        """Wait until the lessee has all that is here of a run now; False in vain.

        RunHandedOff for one that another instance has by now.
        """
        end = self._clock.boot() + round(seconds * SECOND)
        leases = self._host.leases
        (here,) = self._host.read([run])
        if not here.version:
            self._watch.follow(run)
        if seconds:
            self._host.grew([run])
        while True:
            seen = leases.count
            (now,) = self._host.read([run])
            if acknowledges(self._host.session(now), extent_of(here)):
                return True
            row = self._store.find(run)
            if row is not None:
                require_here(row)
            if self._clock.boot() >= end:
                return False
            leases.wait(seen, end)
