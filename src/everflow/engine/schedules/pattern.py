"""Patterns: which instants a schedule has. Pure: the time is an argument.

Laws: instants are integer microseconds since the epoch, each once, ascending; what comes after an
instant depends on that instant alone, so that any process computes the same from a record.

A cron expression gives what clocks show (``cron``); which instants those are in a zone is decided
here, by the rule of Debian's cron (``man 8 cron``, "daylight saving time"):

* A pattern that names its minutes and hours runs once for each time of day that it names: at the
  end of the gap where clocks skip it, and the first time where they show it twice.
* A pattern whose minutes or hours begin with ``*`` follows what clocks show: nothing in a gap, and
  both times where they show the same twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import islice
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from everflow.engine.schedules.cron import fields_of, shown_times
from everflow.errors import BadSchedule, ConfigurationError

__all__ = ["Cron", "Every", "Pattern", "latest", "micros_of", "moment_of", "span", "zone_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_STEP = timedelta(days=7)  # no zone has changed its offset and changed it back within a week
_FIRST_WINDOW = 60_000_000  # microseconds


def moment_of(at: int) -> datetime:
    """Microseconds since the epoch as a datetime in UTC."""
    return _EPOCH + at * _MICROSECOND


def micros_of(moment: datetime) -> int:
    """A datetime, local where it has no zone, as microseconds since the epoch."""
    return (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND


class Pattern(Protocol):
    """Which instants there are."""

    def after(self, at: int) -> int | None:
        """The first instant later than ``at``; None where there is none any more."""


@dataclass(frozen=True)
class Every:
    """Each multiple of a period since the epoch, shifted by ``phase``; all in microseconds."""

    period: int
    phase: int = 0

    def after(self, at: int) -> int:
        """The first instant later than ``at``."""
        return at + self.period - (at - self.phase) % self.period


class Cron:
    """A cron expression of five fields, of six with the seconds first, or an alias, in a zone.

    Raises BadSchedule for what can't be read, never comes, or has no such zone.
    """

    def __init__(self, expression: str, zone: str = "UTC") -> None:
        self._zone = zone_of(zone)
        self._fields = fields_of(expression)
        minutes, hours = self._fields.split()[-5:-3]
        self._named = not (minutes.startswith("*") or hours.startswith("*"))

    def after(self, at: int) -> int | None:
        """The first instant later than ``at``; None where none comes within fifty years."""
        try:
            return self._by_name(at) if self._named else self._as_shown(at)
        except (StopIteration, OverflowError, ValueError):
            return None  # cronsim looks fifty years ahead, and Python's calendar ends with 9999

    def _by_name(self, at: int) -> int:
        times = shown_times(self._fields, _shown(moment_of(at), self._zone))
        while True:
            shown = next(times)
            moment = shown.replace(tzinfo=self._zone).astimezone(UTC)
            if _shown(moment, self._zone) != shown:  # clocks skip it
                earlier = shown.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
                moment = _change(earlier, moment, self._zone) or moment
            if (found := micros_of(moment)) > at:
                return found

    def _as_shown(self, at: int) -> int:
        begin = moment_of(at)
        shown = _shown(begin, self._zone)
        while True:
            found = next(shown_times(self._fields, shown)).replace(tzinfo=UTC)
            found -= _offset(begin, self._zone)
            change = _change(begin, found, self._zone)
            if change is None:
                return micros_of(found)
            begin = change
            shown = _shown(change, self._zone) - _SECOND


def _shown(moment: datetime, zone: ZoneInfo) -> datetime:
    """What a clock of the zone shows then, without the zone."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _change(begin: datetime, end: datetime, zone: ZoneInfo) -> datetime | None:
    """The first change of the zone's offset later than ``begin`` and not later than ``end``.

    To the second: what changes between two weeks is found by halving.
    """
    while begin < end:
        step = min(begin + _STEP, end)
        if _offset(step, zone) != (offset := _offset(begin, zone)):
            low, high = begin, step
            while high - low > _SECOND:
                middle = low + (high - low) // 2
                low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
            return high.replace(microsecond=0)
        begin = step
    return None


def latest(pattern: Pattern, after: int, until: int, most: int) -> list[int]:
    """The last ``most`` instants later than ``after`` and not later than ``until``, ascending.

    What it costs depends on ``most``, not on how long the time is: the window that is looked
    through grows from its end.
    """
    window = _FIRST_WINDOW
    while True:
        begin = max(after, until - window)
        found = list(_between(pattern, begin, until))
        if len(found) >= most or begin == after:
            return found[-most:]
        window *= 4


def _between(pattern: Pattern, after: int, until: int) -> Iterator[int]:
    at = pattern.after(after)
    while at is not None and at <= until:
        yield at
        at = pattern.after(at)


def span(pattern: Pattern, first: int, last: int, most: int) -> list[int]:
    """The instants from ``first`` to ``last``, both included; at most ``most`` of them."""
    return list(islice(_between(pattern, first - 1, last), most))


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name in the IANA database. BadSchedule when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        known = available_timezones()
        if not known:
            raise ConfigurationError(
                "this machine has no time zone database",
                hint="install the system's tzdata, or `pip install tzdata`",
            ) from None
        close = get_close_matches(str(name), known, 1) or [
            zone for zone in sorted(known) if name and str(name).lower() in zone.lower()
        ]
        hint = f"did you mean {close[0]}?" if close else "names are as in Europe/Berlin, or UTC"
        raise BadSchedule(f"there is no time zone {name!r:.60}", hint=hint) from None
