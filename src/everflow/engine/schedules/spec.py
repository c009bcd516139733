"""What a schedule is: as it is declared in code, and as its record holds it.

Laws: a record is plain data that any process can act on, with or without the code of the flow; what
can't work is refused when the schedule is made, before anything is written. A declaration has a
mark, so that an engine that is given it again leaves what people changed since alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

import msgspec
from msgspec.structs import replace

from everflow.core.faults import Scheduled
from everflow.core.flow import Flow
from everflow.core.queueing import LONGEST_NAME
from everflow.engine.records.queues import LONGEST_LANE
from everflow.engine.schedules.pattern import Cron, Every, Pattern, moment_of, zone_of
from everflow.engine.schedules.policy import CatchUp, Overlap, Rules, Standing
from everflow.errors import BadSchedule, NotAFlow

__all__ = ["KIND", "LABEL", "Body", "Plan", "Schedule", "Settings", "read_body", "schedule"]

KIND = "schedule"  # of the records
In = TypeVar("In")
Chosen = TypeVar("Chosen", bound=StrEnum)
_NAME = re.compile(r"[\w.:/-]{1,200}")
_MICROSECOND = timedelta(microseconds=1)
LABEL = "schedule"  # the label that its runs bear
MOST = 10_000  # instants that are caught up with at once, or wait
SHORTEST = 1_000_000  # microseconds


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A schedule as data: when, what is started, with which policies.

    ``definition`` is the hash of the flow's definition at the time of the declaration, ``value``
    the input's payload. ``every``, ``phase`` and ``jitter`` are in microseconds. ``queue`` is None
    for the flow's own one, "" for none.
    """

    flow: str
    definition: str
    value: str
    cron: str = ""
    zone: str = "UTC"
    every: int = 0
    phase: int = 0
    jitter: int = 0
    instant: bool = False
    rules: Rules = Rules()
    labels: dict[str, str] = {}
    queue: str | None = None
    lane: str = ""

    def pattern(self) -> Pattern:
        """Which instants it has. BadSchedule where this process can't tell."""
        return _pattern(self.cron, self.zone, self.every, self.phase)

    def delay(self, name: str) -> int:
        """How much later than its instants the schedule of that name starts, in microseconds."""
        if not self.jitter:
            return 0
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % self.jitter

    def input(self, name: str, at: int) -> str:
        """The payload that the run of an instant gets."""
        if not self.instant:
            return self.value
        moment = moment_of(at).isoformat()
        return (
            f'{{"$":"Scheduled","v":{{"value":{self.value},'
            f'"at":{{"$":"datetime","v":"{moment}"}},"schedule":"{name}"}}}}'
        )

    @property
    def mark(self) -> str:
        """Tells one declaration from another, whatever the flow's definition is by now."""
        plain = replace(self, definition="")
        return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()[:16]


@lru_cache(4096)
def _pattern(cron: str, zone: str, every: int, phase: int) -> Pattern:
    return Cron(cron, zone) if cron else Every(every, phase)


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a record holds. ``declared``: the mark of the declaration in code that it came from."""

    plan: Plan
    standing: Standing
    declared: str = ""

    def encoded(self) -> str:
        """As a record holds it."""
        return _encoder.encode(self).decode()


_encoder = msgspec.json.Encoder()
read_body = msgspec.json.Decoder(Body).decode


class Settings(TypedDict, total=False):
    """The settings of ``schedule``; see there."""

    zone: str
    phase: timedelta
    jitter: timedelta
    catch_up: str
    overlap: str
    limit: int
    deadline: timedelta | None
    labels: Mapping[str, str]
    queue: str | None
    lane: str


@dataclass(frozen=True)
class Schedule:
    """A declared schedule: what ``schedule`` makes and engines and clients take."""

    name: str
    flow: Flow[Any, Any] | str
    value: Any
    instant: bool
    timing: Plan  # without flow, definition and value, which need a registry


@overload
def schedule(
    name: str,
    when: str | timedelta,
    flow: Flow[In, Any],
    value: In = ...,
    *,
    instant: Literal[False] = ...,
    **settings: Unpack[Settings],
) -> Schedule: ...
@overload
def schedule(
    name: str,
    when: str | timedelta,
    flow: Flow[Scheduled[In], Any],
    value: In = ...,
    *,
    instant: Literal[True],
    **settings: Unpack[Settings],
) -> Schedule: ...
@overload
def schedule(
    name: str,
    when: str | timedelta,
    flow: str,
    value: Any = ...,
    *,
    instant: bool = ...,
    **settings: Unpack[Settings],
) -> Schedule: ...
def schedule(
    name: str,
    when: str | timedelta,
    flow: Flow[Any, Any] | str,
    value: Any = None,
    *,
    instant: bool = False,
    **settings: Unpack[Settings],
) -> Schedule:
    """Declare that a flow is to be started on ``value`` at certain instants.

    ``when``: a cron expression (``"0 7 * * 1-5"``, ``"@daily"``) in ``zone`` (``"UTC"``), or an
    interval of at least a second, counted from the epoch and shifted by ``phase``.
    ``instant``: the flow gets ``Scheduled(value, at, schedule)`` instead of the bare value.
    ``catch_up``: ``"latest"``, ``"skip"`` or ``"all"``, about instants that no worker was there
    for. ``overlap``: ``"skip"``, ``"queue"``, ``"allow"`` or ``"replace"``, about one that comes
    while a run of the schedule goes on. ``limit`` (100) bounds what is caught up with and what
    waits. ``deadline``: how late a run may still be started. ``jitter``: its runs are started later
    by a delay below that, always the same, drawn from its name. ``labels`` are its runs' own.
    ``queue``: where they wait for a place, in ``lane``; if nothing is said in the flow's own queue,
    with None in none.

    Raises BadSchedule for what means nothing or can't come. It is Temporal's Schedule.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadSchedule(
            f"{name!r:.80} is no name for a schedule",
            hint="a name has letters, digits and _ - . : /, at most 200 of them",
        )
    if not isinstance(flow, (Flow, str)):
        raise NotAFlow(f"{flow!r:.80} isn't a flow", hint="give a flow, or the name of one")
    unknown = [key for key in settings if key not in Settings.__annotations__]
    if unknown:
        close = get_close_matches(unknown[0], Settings.__annotations__, 1)
        known = ", ".join(Settings.__annotations__)
        hint = f"did you mean {close[0]}?" if close else f"known are: {known}"
        raise BadSchedule(f"a schedule has no setting {unknown[0]!r:.60}", hint=hint)
    return Schedule(name, flow, value, instant, _timing(when, settings, instant=instant))


def _timing(when: str | timedelta, settings: Settings, *, instant: bool) -> Plan:
    """The plan without its flow; reading its pattern once tells whether it can be read."""
    rules, zone = _rules(settings), settings.get("zone", "UTC")
    phase, jitter = (_length(settings, name, 0) for name in ("phase", "jitter"))
    labels = dict(settings.get("labels", {}))
    queue, lane = _place(settings)
    plan = Plan(
        "", "", "", jitter=jitter, instant=instant, rules=rules, labels=labels,
        queue=queue, lane=lane,
    )  # fmt: skip
    if not isinstance(when, timedelta):
        if phase:
            raise BadSchedule(
                "phase= shifts an interval, and this is a cron expression",
                hint="say the time in the expression: 30 7 * * *",
            )
        plan = replace(plan, cron=when, zone=zone)
    elif when // _MICROSECOND < SHORTEST:
        raise BadSchedule(f"an interval is at least a second, not {when}")
    else:
        zone_of(zone)
        plan = replace(plan, every=when // _MICROSECOND, phase=phase, zone=zone)
    plan.pattern()
    return plan


def _place(settings: Settings) -> tuple[str | None, str]:
    """The queue of its runs ("" for none, None for the flow's own), and their lane there."""
    queue = (settings["queue"] or "") if "queue" in settings else None
    lane = settings.get("lane", "")
    if queue is not None and (not isinstance(queue, str) or len(queue) > LONGEST_NAME):
        raise BadSchedule(f"queue is the name of a queue, not {queue!r:.60}")
    if not isinstance(lane, str) or len(lane) > LONGEST_LANE:
        raise BadSchedule(f"lane is a text of at most {LONGEST_LANE} characters")
    if lane and queue == "":
        raise BadSchedule("lane is for runs of a queue", hint="name the queue, too")
    return queue, lane


def _rules(settings: Settings) -> Rules:
    catch_up = _one_of(CatchUp, "catch_up", settings.get("catch_up", "latest"))
    overlap = _one_of(Overlap, "overlap", settings.get("overlap", "skip"))
    limit = settings.get("limit", 100)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= MOST:
        raise BadSchedule(f"limit is a whole number from 1 to {MOST:,}, not {limit!r:.40}")
    if catch_up is CatchUp.ALL and overlap in {Overlap.SKIP, Overlap.REPLACE}:
        raise BadSchedule(
            f'catch_up="all" can\'t go with overlap="{overlap}", which would leave one of them',
            hint='say overlap="queue", so that one is started after the other, or "allow"',
        )
    late = settings.get("deadline")
    deadline = None if late is None else _length(settings, "deadline", SHORTEST)
    return Rules(catch_up=catch_up, overlap=overlap, limit=limit, deadline=deadline)


def _one_of(kind: type[Chosen], name: str, given: str) -> Chosen:
    try:
        return kind(given)
    except ValueError:
        close = get_close_matches(str(given), list(kind), 1)
        hint = f"did you mean {close[0]}?" if close else f"known are: {', '.join(kind)}"
        raise BadSchedule(f"there is no {name} policy {given!r:.40}", hint=hint) from None


def _length(settings: Settings, name: str, least: int) -> int:
    given = settings.get(name, timedelta())
    if not isinstance(given, timedelta) or (length := given // _MICROSECOND) < least:
        raise BadSchedule(
            f"{name} is a timedelta of at least {least // SHORTEST} s, not {given!r:.60}"
        )
    return length
