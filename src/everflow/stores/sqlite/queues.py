"""Queues: each verb is one query on the glass (see ``queueing.sql``)."""

from __future__ import annotations

from everflow.core.queueing import Standing
from everflow.store import LaneRow
from everflow.stores.sqlite.desk import Desk
from everflow.stores.sqlite.opening import Value


class Queues(Desk):
    """The verbs of queues."""

    def places(
        self, queue: str, *, since: int, per_lane: int | None, lanes: int, depth: int
    ) -> Standing:
        """How a queue stands."""
        values: dict[str, Value] = {"queue": queue, "since": since, "per_lane": per_lane}
        values |= {"lanes": max(lanes, 0), "depth": max(depth, 0)}
        return self._ask("places", Standing, values)

    def waiting(self) -> list[str]:
        """The queues in which somebody waits."""
        return self._ask("waiting", list[str])

    def lanes(self, queue: str | None = None) -> list[LaneRow]:
        """The lanes in which somebody waits or has a place."""
        return self._ask("lanes", list[LaneRow], {"queue": queue})
