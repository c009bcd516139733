"""Queues: which of the runs that wait get a place now. Pure: whoever admits brings what stands.

A run has its place from its admission until it ends, at rest too. Among the lanes of a queue the
first run of each stands for it: the highest priority goes first, then the lane with the fewest
places, then who came first. So lanes take turns, and one that floods the queue delays itself.
Twins: the fair queueing of networks (Demers, Keshav and Shenker, 1989) with runs for packets.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import msgspec

__all__ = ["Admission", "Lane", "Limits", "Standing", "Waiting", "admit"]


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a queue allows; None is without limit.

    ``limit``: places in all; ``per_lane``: places of one lane; ``rate``: (admissions, microseconds)
    so many within any span of that length.
    """

    limit: int | None = None
    per_lane: int | None = None
    rate: tuple[int, int] | None = None


class Waiting(msgspec.Struct, array_like=True, frozen=True):
    """A run that waits for a place."""

    no: int
    priority: int
    created: int


class Lane(msgspec.Struct, array_like=True):
    """A lane with its first waiting runs in their order."""

    name: str
    placed: int
    waiting: list[Waiting]


class Standing(msgspec.Struct):
    """How a queue stands: its places, its recent admissions, and its lanes that may go on.

    ``recent`` counts the admissions within the rate's span, ``oldest`` is the first of these.
    """

    placed: int
    recent: int
    oldest: int | None
    lanes: list[Lane]


class Admission(msgspec.Struct):
    """Whom to admit, in order.

    ``again``: others may be admitted after these, once they are looked at. ``at``: when the rate
    allows more, if that is what holds them.
    """

    nos: list[int]
    again: bool = False
    at: int | None = None


def admit(limits: Limits, standing: Standing, *, most: int, depth: int) -> Admission:
    """Choose, by what is seen: ``most`` lanes, the first ones, and ``depth`` runs of each at most.

    A lane among the first ``n`` is enough for the n-th choice, since a choice only ever moves the
    chosen lane back. Where a lane has more than was seen, the choice ends before it matters.
    """
    slots = most if limits.limit is None else min(most, limits.limit - standing.placed)
    allowed = slots if limits.rate is None else min(slots, limits.rate[0] - standing.recent)
    heap = [_rank(lane, 0) for lane in standing.lanes if lane.waiting]
    heapify(heap)
    lanes = {lane.name: lane for lane in standing.lanes}
    nos: list[int] = []
    while heap and len(nos) < allowed:
        _, placed, _, no, name, nth = heappop(heap)
        lane = lanes[name]
        nos.append(no)
        lane.placed = placed + 1
        if limits.per_lane is not None and lane.placed >= limits.per_lane:
            continue
        if nth + 1 < len(lane.waiting):
            heappush(heap, _rank(lane, nth + 1))
        elif len(lane.waiting) >= depth:
            return Admission(nos, again=True)
    if limits.rate is not None and heap and len(nos) == allowed < slots:
        oldest = standing.oldest
        return Admission(nos, at=None if oldest is None else oldest + limits.rate[1])
    return Admission(nos, again=len(nos) >= most)


def _rank(lane: Lane, nth: int) -> tuple[int, int, int, int, str, int]:
    run = lane.waiting[nth]
    return -run.priority, lane.placed, run.created, run.no, lane.name, nth
