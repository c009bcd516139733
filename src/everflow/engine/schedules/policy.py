"""Policies: what a schedule does with the instants that came, and with a run that still goes on.

Pure: the time, the pattern and which runs are active are arguments, and what comes out is the next
standing. Laws: an instant is decided once, since ``next`` only ever grows, whatever the clock does;
it is started, or waits, or is passed over, and that is told by the standing.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from everflow.engine.schedules.pattern import Pattern, latest

__all__ = ["CatchUp", "Decision", "Overlap", "Rules", "Standing", "decide", "look_at"]

ON_TIME = 60_000_000  # microseconds that an instant may be late for CatchUp.SKIP
SOONEST_LOOK, LATEST_LOOK = 500_000, 600_000_000  # between looks at a run that instants wait for
LOOKS = 10  # an instant waits at most a tenth longer than it must


class CatchUp(StrEnum):
    """What is done about instants that no process was there for."""

    SKIP = "skip"  # nothing: what is more than a minute late isn't started
    LATEST = "latest"  # one run, for the latest of them
    ALL = "all"  # a run for each of them, for the latest ``limit``


class Overlap(StrEnum):
    """What is done when an instant comes while a run of an earlier one is active."""

    SKIP = "skip"  # the instant is passed over
    QUEUE = "queue"  # it waits for its turn, behind at most ``limit`` others
    ALLOW = "allow"  # it is started beside
    REPLACE = "replace"  # the active run is cancelled, and it is started when that has ended


class Rules(msgspec.Struct, frozen=True, omit_defaults=True):
    """The policies of a schedule.

    ``limit`` bounds how many instants are caught up with at once, and how many wait; of more the
    oldest are passed over. ``deadline``: microseconds after an instant from which on it isn't
    started any more.
    """

    catch_up: CatchUp = CatchUp.LATEST
    overlap: Overlap = Overlap.SKIP
    limit: int = 100
    deadline: int | None = None

    @property
    def lateness(self) -> int | None:
        """How late an instant may be when it is first looked at; None for no bound."""
        if self.deadline is None and self.catch_up is CatchUp.SKIP:
            return ON_TIME
        return self.deadline


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a schedule stands; times are in microseconds since the epoch.

    ``next``: the first instant that isn't decided, None where none comes. ``waiting``: instants
    that wait, since ``since``, for the runs ``active`` to end. ``last``: the latest instant that
    was started, as ``run``. ``backlog``: instants that a backfill asked for, one after the other
    when nothing else goes on. ``passed``: how many were passed over because a run was active or too
    many waited. ``missed``: the latest stretch of time of which nothing was caught up with.
    """

    next: int | None
    paused: bool = False
    reason: str = ""
    waiting: tuple[int, ...] = ()
    since: int = 0
    active: tuple[str, ...] = ()
    backlog: tuple[int, ...] = ()
    last: int | None = None
    run: str = ""
    started: int = 0
    passed: int = 0
    missed: tuple[int, int] | None = None


class Decision(msgspec.Struct, frozen=True):
    """What is to be done: end the runs ``cancel``, start one for each of ``start``."""

    standing: Standing
    start: tuple[int, ...] = ()
    cancel: tuple[str, ...] = ()


def decide(
    rules: Rules, pattern: Pattern, standing: Standing, *, now: int, active: tuple[str, ...] = ()
) -> Decision:
    """Decide about every instant up to ``now``. ``active`` are those of its runs that go on.

    Of a paused schedule nothing is decided: what waits goes on waiting.
    """
    if standing.paused:
        return Decision(replace(standing, active=active))
    came, following = _came(rules, pattern, standing, now)
    queue = [at for at in standing.waiting if rules.deadline is None or now - at <= rules.deadline]
    queue += came
    start, waiting = _placed(rules, queue, busy=bool(active))
    passed = len(standing.waiting) + len(came) - len(start) - len(waiting)
    spare = 0 if start or active else 1
    backlog = standing.backlog[spare:]
    decided = replace(
        standing,
        next=following,
        waiting=waiting,
        since=(standing.since or now) if waiting or backlog else 0,
        active=active,
        backlog=backlog,
        last=start[-1] if start else standing.last,
        started=standing.started + len(start) + len(standing.backlog) - len(backlog),
        passed=standing.passed + passed,
        missed=_missed(standing, came, now) or standing.missed,
    )
    replaced = rules.overlap is Overlap.REPLACE and waiting
    return Decision(decided, start + standing.backlog[:spare], active if replaced else ())


def _came(
    rules: Rules, pattern: Pattern, standing: Standing, now: int
) -> tuple[list[int], int | None]:
    """The instants up to ``now`` that are to be started, and the one that comes next."""
    first = standing.next
    if first is None or first > now:
        return [], first
    late = rules.lateness
    following = pattern.after(first)
    if following is None or following > now:
        return ([first] if late is None or now - first <= late else []), following
    since = first - 1 if late is None else max(first, now - late) - 1
    most = rules.limit if rules.catch_up is CatchUp.ALL else 1
    return latest(pattern, since, now, most), pattern.after(now)


def _placed(
    rules: Rules, queue: list[int], *, busy: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which instants are started, and which wait, oldest first."""
    if rules.overlap is Overlap.ALLOW:
        return tuple(queue), ()
    if rules.overlap is Overlap.QUEUE:
        count = 0 if busy else 1
        return tuple(queue[:count]), tuple(queue[count:][-rules.limit :])
    newest = tuple(queue[-1:])
    if not busy:
        return newest, ()
    return (), newest if rules.overlap is Overlap.REPLACE else ()


def _missed(standing: Standing, came: list[int], now: int) -> tuple[int, int] | None:
    """The time of which nothing was caught up with, if there is any."""
    first = standing.next
    if first is None or first > now or (came and came[0] == first):
        return None
    return first, came[0] - 1 if came else now


def look_at(standing: Standing, now: int) -> int | None:
    """When the schedule is to be looked at again; None for not before somebody changes it.

    What waits for a run is looked at the more seldom, the longer it has waited.
    """
    if standing.paused:
        return None
    if not (standing.waiting or standing.backlog):
        return standing.next
    if not standing.active:
        return now
    pause = min(max((now - standing.since) // LOOKS, SOONEST_LOOK), LATEST_LOOK)
    return now + pause if standing.next is None else min(now + pause, standing.next)
