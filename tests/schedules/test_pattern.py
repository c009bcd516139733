"""Which instants a schedule has: by cron and zone over every change of clocks, and by intervals."""

import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everflow.engine.schedules.cron import ALIASES, fields_of, shown_times
from everflow.engine.schedules.pattern import Cron, Every, Pattern, latest, moment_of, span
from everflow.errors import BadSchedule, ConfigurationError

MINUTE = 60_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(text: str, zone: str = "UTC") -> int:
    """Microseconds of a local time; a fold's second one with ``*``."""
    moment = datetime.fromisoformat(text.rstrip("*")).replace(
        tzinfo=ZoneInfo(zone), fold=text.endswith("*")
    )
    return round((moment.astimezone(UTC) - EPOCH) / timedelta(microseconds=1))


def shown(pattern: Pattern, after: int, count: int, zone: str = "UTC") -> list[str]:
    """The next instants as local times with their offsets."""
    found = []
    for _ in range(count):
        following = pattern.after(after)
        assert following is not None
        after = following
        found.append(moment_of(after).astimezone(ZoneInfo(zone)).strftime("%d %H:%M %z"))
    return found


def test_a_time_of_day_stays_one_over_changes_of_clocks() -> None:
    """B140: seven in the morning is seven in the morning, in summer and in winter."""
    pattern = Cron("0 7 * * *", "Europe/Berlin")
    begin = at("2026-03-28T00:00", "Europe/Berlin")
    assert shown(pattern, begin, 3, "Europe/Berlin") == [
        "28 07:00 +0100",
        "29 07:00 +0200",
        "30 07:00 +0200",
    ]


@pytest.mark.parametrize(
    ("zone", "expression", "begin", "wanted"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-03-29T00:00", ["29 03:00 +0200", "30 02:30 +0200"]),
        (
            "Europe/Berlin",
            "0,30 2 * * *",
            "2026-03-29T00:00",
            ["29 03:00 +0200", "30 02:00 +0200"],
        ),
        (
            "Europe/Berlin",
            "*/30 1-3 29 3 *",
            "2026-03-29T01:00",
            ["29 01:30 +0100", "29 03:00 +0200", "29 03:30 +0200"],
        ),
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2026-10-04T00:00",
            ["04 02:30 +1100", "05 02:15 +1100"],
        ),
    ],
)
def test_a_time_that_clocks_skip_comes_at_the_end_of_the_gap(
    zone: str, expression: str, begin: str, wanted: list[str]
) -> None:
    """B140: a named time is never lost, and one that is shown by ``*`` isn't invented."""
    pattern = Cron(expression, zone)
    assert shown(pattern, at(begin, zone), len(wanted), zone) == wanted


@pytest.mark.parametrize(
    ("zone", "expression", "begin", "wanted"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T00:00", ["25 02:30 +0200", "26 02:30 +0100"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T02:10*", ["26 02:30 +0100"]),
        (
            "Europe/Berlin",
            "*/30 2 * * *",
            "2026-10-25T00:00",
            ["25 02:00 +0200", "25 02:30 +0200", "25 02:00 +0100", "25 02:30 +0100"],
        ),
        (
            "Australia/Lord_Howe",
            "*/15 2 * * *",
            "2026-04-05T01:40*",
            ["05 02:00 +1030", "05 02:15 +1030", "05 02:30 +1030"],
        ),
        ("Asia/Kathmandu", "0 0 * * *", "2026-10-25T02:10", ["26 00:00 +0545"]),
    ],
)
def test_a_time_that_clocks_show_twice_is_one_time_unless_it_is_written_with_a_star(
    zone: str, expression: str, begin: str, wanted: list[str]
) -> None:
    """B140: a named time runs once in a fold; what follows the clock runs as often as it shows."""
    pattern = Cron(expression, zone)
    assert shown(pattern, at(begin, zone), len(wanted), zone) == wanted


ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"),
    *("America/St_Johns", "Africa/Casablanca", "Pacific/Apia", "Asia/Tehran"),
]
CHANGES = [
    *("2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04"),
    *("2011-12-30", "2026-02-15", "2026-03-22", "2022-09-21"),
]
minutes = st.sampled_from(["*", "*/7", "0", "15", "30", "10-50/20", "0,45", "*/30"])
hours = st.sampled_from(["*", "*/2", "0", "1", "2", "3", "1-3", "23", "0,2"])
days = st.sampled_from(["* * *", "* * *", "* * 0", "*/2 * *", "1-7 * 1", "29 3 *"])


def matching(expression: str, begin: int, end: int) -> set[datetime]:
    """The minutes that an expression means, of any zone's clock around two instants."""
    first, last = (moment_of(at).replace(tzinfo=None) for at in (begin, end))
    times = shown_times(fields_of(expression), first - timedelta(days=4))
    return set(takewhile(lambda time: time < last + timedelta(days=3), times))


def by_the_minute(expression: str, zone: str, begin: int, end: int) -> set[int]:
    """Each instant later than ``begin``, found by looking at the clock once a minute."""
    wild = any(field.startswith("*") for field in expression.split()[:2])
    place = ZoneInfo(zone)
    meant = matching(expression, begin, end)
    found: set[int] = set()
    seen: set[datetime] = set()
    last: datetime | None = None
    for instant in range(begin - 200 * MINUTE, end + MINUTE, MINUTE):
        now = moment_of(instant).astimezone(place).replace(tzinfo=None, fold=0)
        if not wild and last is not None:
            skipped = last + timedelta(minutes=1)
            while skipped < now:
                if skipped in meant and skipped not in seen:
                    found.add(instant)
                seen.add(skipped)
                skipped += timedelta(minutes=1)
        if now in meant and (wild or now not in seen):
            found.add(instant)
        seen.add(now)
        last = now if last is None or wild else max(last, now)
    return {instant for instant in found if begin < instant <= end}


@settings(max_examples=30, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(CHANGES),
    ahead=st.integers(0, 1440),
    minute=minutes,
    hour=hours,
    rest=days,
)
def test_instants_are_those_that_a_watcher_of_the_clock_would_count(
    zone: str, day: str, ahead: int, minute: str, hour: str, rest: str
) -> None:
    """B140: over gaps, folds, half-hour zones and skipped days; each instant once, ascending."""
    expression = f"{minute} {hour} {rest}"
    begin = at(f"{day}T00:00") - ahead * MINUTE
    end = begin + 1700 * MINUTE
    found = span(Cron(expression, zone), begin + 1, end, 5000)
    assert set(found) == by_the_minute(expression, zone, begin, end)
    assert all(earlier < later for earlier, later in pairwise(found))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu"])
def test_what_comes_next_depends_on_the_time_alone(zone: str) -> None:
    """Asked at any moment between two instants, the next one is the same."""
    pattern = Cron("17 */5 * * *", zone)
    first, second = span(pattern, at("2026-10-24T20:00"), at("2026-10-26T00:00"), 2)
    for moment in (first, first + 1, first + MINUTE, (first + second) // 2, second - 1):
        assert pattern.after(moment) == second


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases_are_written_out(alias: str) -> None:
    """@daily and its like mean what cron says they mean, in any case."""
    begin = at("2026-01-01T00:00")
    assert Cron(alias).after(begin) == Cron(ALIASES[alias]).after(begin)
    assert Cron(alias.upper()).after(begin) == Cron(alias).after(begin)


def test_six_fields_begin_with_seconds() -> None:
    """Twice a minute, say."""
    found = span(Cron("0,30 * * * * *"), at("2026-01-01T00:00"), at("2026-01-01T00:01"), 9)
    assert [moment - found[0] for moment in found] == [0, 30_000_000, 60_000_000]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 2,4,6 *", "never comes"),
        ("0 25 * * *", "hour is '25'"),
        ("0 7 * * MONDAY", "day-of-week is 'MONDAY'"),
        ("0 7 * *", "has 4 fields"),
        ("", "has 0 fields"),
        ("@dayly", "no cron alias '@dayly'\n  did you mean @daily"),
        ("@reboot", "no cron alias"),
    ],
)
def test_an_expression_that_means_no_time_is_refused(expression: str, said: str) -> None:
    """The error names the field, or says that no such day ever comes."""
    with pytest.raises(BadSchedule) as refused:
        Cron(expression)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("zone", "said"),
    [("Europe/Berlim", "did you mean Europe/Berlin"), ("berlin", "did you mean Europe/Berlin")],
)
def test_a_zone_that_does_not_exist_is_refused(zone: str, said: str) -> None:
    """With the one that was meant, as far as one can tell."""
    with pytest.raises(BadSchedule, match=said):
        Cron("0 7 * * *", zone)


def test_without_cronsim_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: intervals do without it."""
    monkeypatch.setitem(sys.modules, "cronsim", None)
    with pytest.raises(ConfigurationError, match=r"everflow\[schedules\]"):
        Cron("0 7 * * *")


def test_a_machine_without_time_zones_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small images have no tzdata."""
    monkeypatch.setattr("everflow.engine.schedules.pattern.available_timezones", set)
    with pytest.raises(ConfigurationError, match="tzdata"):
        Cron("0 7 * * *", "Europe/Berlim")


def test_the_end_of_the_calendar_is_no_error() -> None:
    """After the last instant that Python can name there is none."""
    assert Cron("0 0 1 1 *").after(at("9999-06-01T00:00")) is None


@given(period=st.integers(1, 10**12), phase=st.integers(0, 10**12), begin=st.integers(0, 10**16))
def test_an_interval_counts_from_the_epoch(period: int, phase: int, begin: int) -> None:
    """Instants are a period apart, wherever one begins, so that all processes agree."""
    pattern = Every(period, phase)
    found = pattern.after(begin)
    assert begin < found <= begin + period
    assert (found - phase) % period == 0


@given(st.integers(1, 20), st.integers(0, 10_000), st.integers(1, 50))
def test_the_latest_instants_are_found_from_the_end(period: int, length: int, most: int) -> None:
    """As if all had been counted from the beginning, at the cost of a few."""
    pattern = Every(period * MINUTE)
    end = at("2026-01-01T00:00")
    everything = span(pattern, end - length * MINUTE + 1, end, 100_000)
    assert latest(pattern, end - length * MINUTE, end, most) == everything[-most:]
