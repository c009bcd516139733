"""Queues: which of the runs that wait get a place now. Pure: whoever admits brings what stands.

A run has its place from its admission until it ends, at rest too. Among the lanes of a queue the
first run of each stands for it: the highest priority goes first, then the lane with the fewest
places, then who came first. So lanes take turns, and one that floods the queue delays itself.
Twins: the fair queueing of networks (Demers, Keshav and Shenker, 1989) with runs for packets.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TypedDict

import msgspec

from everflow.errors import WrongArgument

__all__ = [
    "LONGEST_NAME",
    "Admission",
    "Lane",
    "Limits",
    "Standing",
    "Turn",
    "Waiting",
    "admit",
    "check_queue",
]

LONGEST_NAME = 200


class Turn(TypedDict, total=False):
    """Where a new run waits for its turn.

    ``queue``: the queue's name, None for none; if nothing is said the flow's own. ``lane``: what
    the queue is fair and limited by, such as a user's id. ``priority``: the highest goes first; 0
    if nothing is said.
    """

    queue: str | None
    lane: str
    priority: int


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a queue allows; None is without limit.

    ``limit``: places in all; ``per_lane``: places of one lane; ``rate``: (admissions, microseconds)
    so many within any span of that length; ``rate_per_lane``: so many of one lane.
    """

    limit: int | None = None
    per_lane: int | None = None
    rate: tuple[int, int] | None = None
    rate_per_lane: tuple[int, int] | None = None


class Waiting(msgspec.Struct, array_like=True, frozen=True):
    """A run that waits for a place."""

    no: int
    priority: int
    created: int


class Lane(msgspec.Struct, array_like=True):
    """A lane with its first waiting runs in their order.

    ``recent`` counts its admissions within the span of the lanes' rate.
    """

    name: str
    placed: int
    waiting: list[Waiting]
    recent: int = 0


class Standing(msgspec.Struct):
    """How a queue stands: its places, its recent admissions, and its lanes that may go on.

    ``recent`` counts the admissions within the rate's span, ``oldest`` is the first of these.
    ``held``: of the lanes that nothing but their rate keeps from going on the earliest admission
    that has to leave the span before one may.
    """

    placed: int
    recent: int
    oldest: int | None
    lanes: list[Lane]
    held: int | None = None


class Admission(msgspec.Struct):
    """Whom to admit, in order.

    ``again``: others may be admitted after these, once they are looked at. ``at``: when a rate
    allows more, if that is what holds them.
    """

    nos: list[int]
    again: bool = False
    at: int | None = None


def check_queue(name: object) -> str:
    """A queue's name, or WrongArgument."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise WrongArgument(f"a queue's name is a text of 1 to {LONGEST_NAME} characters")
    return name


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
        lane.recent += 1
        if _full(limits, lane):
            continue
        if nth + 1 < len(lane.waiting):
            heappush(heap, _rank(lane, nth + 1))
        elif len(lane.waiting) >= depth:
            return Admission(nos, again=True)
    if limits.rate is not None and heap and len(nos) == allowed < slots:
        return Admission(nos, at=_later(standing.oldest, limits.rate))
    at = _later(standing.held, limits.rate_per_lane) if len(nos) < slots else None
    full = limits.limit is not None and standing.placed + len(nos) >= limits.limit
    return Admission(nos, again=len(nos) >= most and not full, at=at)


def _full(limits: Limits, lane: Lane) -> bool:
    """Whether no more of a lane may go on now."""
    many, rate = limits.per_lane, limits.rate_per_lane
    return (many is not None and lane.placed >= many) or (
        rate is not None and lane.recent >= rate[0]
    )


def _later(since: int | None, rate: tuple[int, int] | None) -> int | None:
    return None if since is None or rate is None else since + rate[1]


def _rank(lane: Lane, nth: int) -> tuple[int, int, int, int, str, int]:
    run = lane.waiting[nth]
    return -run.priority, lane.placed, run.created, run.no, lane.name, nth
