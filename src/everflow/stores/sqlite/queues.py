"""Queues: each verb is one query on the glass (see ``queueing.sql``)."""

from __future__ import annotations

from everflow.core.queueing import Limits, Standing
from everflow.store import LaneRow
from everflow.stores.sqlite.desk import Desk
from everflow.stores.sqlite.opening import Value


class Queues(Desk):
    """The verbs of queues."""

    def places(self, queue: str, limits: Limits, *, now: int, lanes: int, depth: int) -> Standing:
        """How a queue stands."""
        rate, lane_rate = limits.rate or (None, 0), limits.rate_per_lane or (None, 0)
        values: dict[str, Value] = {"queue": queue, "per_lane": limits.per_lane}
        values |= {"rate": rate[0], "since": now - rate[1]}
        values |= {"lane_rate": lane_rate[0], "lane_since": now - lane_rate[1]}
        values |= {"lanes": max(lanes, 0), "depth": max(depth, 0)}
        return self._ask("places", Standing, values)

    def waiting(self) -> list[str]:
        """The queues in which somebody waits."""
        return self._ask("waiting", list[str])

    def lanes(self, queue: str | None = None) -> list[LaneRow]:
        """The lanes in which somebody waits or has a place."""
        return self._ask("lanes", list[LaneRow], {"queue": queue})
