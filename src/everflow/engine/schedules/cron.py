"""Cron expressions: which dates and times of day they mean. Read by cronsim, without any zone.

cronsim is an extra, ``everflow[schedules]``: it is imported here alone, and where it is missing,
whoever needs a cron expression is told so; fixed intervals do without.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from difflib import get_close_matches
from types import ModuleType

from everflow.errors import BadSchedule, ConfigurationError

__all__ = ["ALIASES", "fields_of", "shown_times"]

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
NAMES = ("second", "minute", "hour", "day-of-month", "month", "day-of-week")
_ANY_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - what clocks show has no zone
_SIX, _FIVE = 6, 5


def _cronsim() -> ModuleType:
    try:
        import cronsim  # noqa: PLC0415 - an extra, as is said above
    except ImportError:
        raise ConfigurationError(
            "cron expressions need cronsim, which isn't installed here",
            hint="pip install 'everflow[schedules]', or give an interval: timedelta(hours=1)",
        ) from None
    return cronsim


def shown_times(fields: str, after: datetime) -> Iterator[datetime]:
    """The times of day, with their dates, that come after one; all without a zone.

    It ends where none comes within fifty years. ``fields`` is what ``fields_of`` gave.
    """
    times: Iterator[datetime] = _cronsim().CronSim(fields, after)
    return times


def fields_of(expression: str) -> str:
    """The fields of an expression, aliases written out. BadSchedule for what means no time."""
    text = _without_alias(expression)
    if len(text.split()) not in {_FIVE, _SIX}:
        raise BadSchedule(
            f"{expression!r:.80} has {len(text.split())} fields, a cron expression has 5",
            hint="minute hour day-of-month month day-of-week, as in 0 7 * * 1-5; with seconds 6",
        )
    read = _cronsim()
    try:
        comes = next(iter(read.CronSim(text, _ANY_DAY)), None) is not None
    except read.CronSimError as error:
        if not _is_read(read, text):
            raise _unread(expression, text, str(error)) from None
        comes = False
    if not comes:
        raise BadSchedule(
            f"{expression!r:.80} never comes: no year has such a day",
            hint="see to the day-of-month and the month",
        )
    return text


def _without_alias(expression: str) -> str:
    if not isinstance(expression, str):
        raise BadSchedule(f"a cron expression is a text, not {expression!r:.80}")
    text = " ".join(expression.split())
    if not text.startswith("@"):
        return text
    if text.lower() not in ALIASES:
        close = get_close_matches(text.lower(), ALIASES, 1)
        hint = f"did you mean {close[0]}?" if close else f"known are: {', '.join(ALIASES)}"
        raise BadSchedule(f"there is no cron alias {text!r:.40}", hint=hint)
    return ALIASES[text.lower()]


def _is_read(read: ModuleType, text: str) -> bool:
    """Whether each field can be read, so that it is their combination that is at fault."""
    *others, month, weekday = text.split()
    try:
        read.CronSim(" ".join((*others, "*", weekday)), _ANY_DAY)
        read.CronSim(f"* * * {month} *", _ANY_DAY)
    except read.CronSimError:
        return False
    return True


def _unread(expression: str, text: str, said: str) -> BadSchedule:
    """Which field can't be read: cronsim says `Bad hour`."""
    name = said.removeprefix("Bad ")
    fields = dict(zip(reversed(NAMES), reversed(text.split()), strict=False))
    shown = f": its {name} is {fields[name]!r:.40}" if name in fields else ""
    return BadSchedule(
        f"{expression!r:.80} can't be read as a cron expression{shown}",
        hint="minute 0-59, hour 0-23, day-of-month 1-31, month 1-12, day-of-week 0-7 (0 is Sunday)",
    )
