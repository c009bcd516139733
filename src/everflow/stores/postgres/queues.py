"""Queues: each verb is one query (see ``queueing.sql``)."""

from __future__ import annotations

import msgspec

from everflow.core.queueing import Lane, Limits, Standing
from everflow.store import LaneRow
from everflow.stores.postgres.desk import Desk
from everflow.stores.postgres.marking import marked, unmarked

_lanes = msgspec.json.Decoder(list[Lane]).decode


class Queues(Desk):
    """The verbs of queues."""

    def places(self, queue: str, limits: Limits, *, now: int, lanes: int, depth: int) -> Standing:
        """How a queue stands."""
        rate, lane_rate = limits.rate or (None, 0), limits.rate_per_lane or (None, 0)
        values: dict[str, object] = {"queue": marked(queue), "per_lane": limits.per_lane}
        values |= {"rate": rate[0], "since": now - rate[1]}
        values |= {"lane_rate": lane_rate[0], "lane_since": now - lane_rate[1]}
        values |= {"lanes": max(lanes, 0), "depth": max(depth, 0)}
        ((placed, recent, oldest, held, found),) = self._rows("places", values)
        seen = _lanes(found)
        for lane in seen:
            lane.name = unmarked(lane.name)
        return Standing(placed=placed, recent=recent, oldest=oldest, held=held, lanes=seen)

    def waiting(self) -> list[str]:
        """The queues in which somebody waits."""
        return [unmarked(queue) for (queue,) in self._rows("waiting")]

    def lanes(self, queue: str | None = None) -> list[LaneRow]:
        """The lanes in which somebody waits or has a place."""
        values = {"queue": None if queue is None else marked(queue)}
        return [
            LaneRow(queue=unmarked(queue), lane=unmarked(lane), waiting=waiting, placed=placed)
            for queue, lane, waiting, placed in self._rows("lanes", values)
        ]
