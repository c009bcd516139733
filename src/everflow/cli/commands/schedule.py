"""``schedule`` and its commands: flows that are started by the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from everflow.cli.inputs import input_given, labels, read_value, seconds, user_name
from everflow.cli.loading import find_flow, is_flow_name
from everflow.cli.options import Group, as_length, as_time, command
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected, created, shown_command
from everflow.cli.settings import Here
from everflow.cli.words import many, shell_quoted, span
from everflow.engine.schedules.book import ScheduleRow
from everflow.engine.schedules.pattern import micros_of, moment_of
from everflow.engine.schedules.policy import CatchUp, Overlap, Standing
from everflow.engine.schedules.spec import Settings
from everflow.engine.schedules.spec import schedule as declared
from everflow.errors import CallerError
from everflow.views import instant, nobody_works, plain_value, run_view, schedule_view

__all__ = ["schedule"]

NAME = click.argument("name")
ZONE = click.option("--zone", metavar="ZONE", default="UTC", help="The time zone.  [default: UTC]")
COUNT = click.option("--count", default=5, type=click.IntRange(1, 1000), help="How many instants.")


@click.group("schedule", cls=Group)
def schedule() -> None:
    """Start flows by the clock, by cron expressions in time zones or at intervals.

    A schedule fires while a worker runs on the store, once per instant however many there are.
    """


@command(
    "list",
    """
    everflow schedule list
    everflow schedule list --json
    """,
    imports=False,
)
@click.option("--prefix", default="", metavar="TEXT", help="Those whose names begin so.")
def list_(here: Here, *, prefix: str) -> None:
    """All schedules, with the next instant of each here and in its own zone."""
    with connected(here) as flows:
        rows = flows.schedules.all(prefix)
    if here.json:
        for row in rows:
            emit(schedule_view(row))
        return
    if not rows:
        notes().line("no schedules", "dim")
        return
    screen().table(
        ("name", "flow", "when", "next", "in its zone", "last", "started"),
        [
            (
                row.name,
                row.plan.flow,
                _when(row),
                _here(row.next) if row.next else "paused" if row.standing.paused else "never",
                _there(row.next, row.plan.zone) if row.next else row.standing.reason,
                _here(moment_of(row.standing.last)) if row.standing.last else "",
                str(row.standing.started),
            )
            for row in rows
        ],
    )


@command(
    "show",
    """
    everflow schedule show nightly
    everflow schedule show nightly --count 20
    """,
    imports=False,
)
@NAME
@COUNT
def show(here: Here, *, name: str, count: int) -> None:
    """A schedule: its flow and policies, what it did, and its next instants."""
    with connected(here) as flows:
        row = flows.schedules.get(name)
    instants = [] if row.standing.paused else row.instants(count)
    if here.json:
        emit({**schedule_view(row), "instants": _all(instants)})
        return
    rules, standing = row.plan.rules, row.standing
    pairs = [
        ("name", row.name),
        ("flow", row.plan.flow),
        ("when", f"{_when(row)} ({row.plan.zone})"),
        ("input", str(plain_value(row.plan.value))),
        ("catch up", f"{rules.catch_up}, at most {rules.limit}"),
        ("overlap", str(rules.overlap)),
        ("queue", ", ".join(part for part in (row.plan.queue, row.plan.lane) if part)),
        ("started", f"{standing.started}, passed over {standing.passed}"),
        ("waiting", str(len(standing.waiting) + len(standing.backlog))),
        ("last run", standing.run),
    ]
    if standing.paused:
        pairs.append(("paused", standing.reason or "yes"))
    screen().fields(pairs)
    _paint(instants, row.plan.zone)


@command(
    "add",
    """
    everflow schedule add nightly "0 7 * * *" flow.py:digest --zone Europe/Berlin
    everflow schedule add poll 15m flow.py:fetch '{"feed": "main"}' --overlap queue
    everflow schedule add close "0 18 * * 1-5" shop.flows:close --catch-up all --overlap queue
    """,
)
@NAME
@click.argument("when")
@click.argument("flow")
@click.argument("value", metavar="[INPUT]", required=False)
@ZONE
@click.option(
    "--catch-up",
    type=click.Choice([str(one) for one in CatchUp]),
    default="latest",
    help="What is done about instants that no worker was there for.  [default: latest]",
)
@click.option(
    "--overlap",
    type=click.Choice([str(one) for one in Overlap]),
    default="skip",
    help="What is done when a run of it still goes on.  [default: skip]",
)
@click.option("--limit", default=100, help="How many are caught up with, or wait.  [default: 100]")
@click.option("--deadline", callback=as_length, metavar="LENGTH", help="How late may it start.")
@click.option("--jitter", callback=as_length, metavar="LENGTH", help="Start a little later.")
@click.option("--instant", is_flag=True, help="The flow takes Scheduled(value, at, schedule).")
@click.option("--label", "pairs", metavar="NAME=VALUE", multiple=True, help="A label of its runs.")
@click.option(
    "--queue",
    metavar="NAME",
    help='Where its runs wait for a place; "": nowhere.  [default: the flow\'s own queue]',
)
@click.option("--lane", default="", metavar="TEXT", help="Their lane in the queue.")
@click.option("--replace", is_flag=True, help="Replace one of that name.")
def add(here: Here, *, name: str, when: str, flow: str, value: str | None, **given: Any) -> None:
    """Have FLOW started on INPUT at certain times.

    WHEN is a cron expression (minute hour day-of-month month day-of-week, or @daily and the like)
    or an interval: 90s, 15m, 2h, 1d.
    """
    if is_flow_name(when) or _is_time(flow):
        raise CallerError(
            f"WHEN comes before FLOW: {when!r:.60} stands where a time is meant, and {flow!r:.60}"
            " where a flow is",
            hint=f"everflow schedule add {shell_quoted(name)} {shell_quoted(flow)}"
            f" {shell_quoted(when)}",
        )
    found, _ = find_flow(flow, here)
    payload, _ = read_value(value)
    made = declared(
        name,
        _pattern(when),
        found,
        payload,
        instant=given["instant"],
        **_settings(given),
    )
    with created(here) as flows:
        with input_given(value):
            row = flows.schedules.add(made, replace=given["replace"])
        waits = nobody_works(flows.store)
    _tell(here, row)
    if waits and not here.json:
        words = shown_command(here, "worker", flow)
        notes().line(f"it fires while a worker runs: {words}", "dim")


@command("remove", "everflow schedule remove nightly", imports=False)
@NAME
def remove(here: Here, *, name: str) -> None:
    """Forget a schedule. Its runs go on."""
    with connected(here) as flows:
        flows.schedules.remove(name)
    if here.json:
        emit({"removed": name})
    else:
        screen().line("removed")


@command("pause", "everflow schedule pause nightly --reason holidays", imports=False)
@NAME
@click.option("--reason", metavar="TEXT", help="Why, for the others.  [default: the user's name]")
def pause(here: Here, *, name: str, reason: str | None) -> None:
    """Start nothing of a schedule until it is unpaused. What goes on goes on."""
    with connected(here) as flows:
        flows.schedules.pause(name, f"by {user_name()}" if reason is None else reason)
        row = flows.schedules.get(name)
    _tell(here, row)


@command("unpause", "everflow schedule unpause nightly", imports=False)
@NAME
def unpause(here: Here, *, name: str) -> None:
    """Let a schedule go on with its first instant after now."""
    with connected(here) as flows:
        flows.schedules.unpause(name)
        row = flows.schedules.get(name)
    _tell(here, row)


@command("trigger", "everflow schedule trigger nightly --key today", imports=False)
@NAME
@click.option("--key", metavar="TEXT", help="The same key gives the same run, not a second.")
def trigger(here: Here, *, name: str, key: str | None) -> None:
    """Start a run of a schedule now, for a worker to take; print its id."""
    with connected(here) as flows:
        row = flows.schedules.trigger(name, key=key)
    if here.json:
        emit(run_view(row))
    else:
        screen().line(row.id)


@command(
    "backfill",
    """
    everflow schedule backfill nightly 2026-03-01 2026-03-31 --dry-run
    everflow schedule backfill nightly 2026-03-01T00:00+01:00 2h
    """,
    imports=False,
)
@NAME
@click.argument("begin", callback=as_time)
@click.argument("end", callback=as_time)
@click.option("--dry-run", "dry", is_flag=True, help="Only show the instants.")
def backfill(here: Here, *, name: str, begin: int, end: int, dry: bool) -> None:
    """Start the runs of past instants, from BEGIN to END, that have none so far.

    They start at once where the schedule allows overlaps, else one after the other.
    """
    with connected(here) as flows:
        zone = flows.schedules.get(name).plan.zone
        found = flows.schedules.backfill(name, moment_of(begin), moment_of(end), dry=dry)
    if here.json:
        emit(
            {"schedule": name, "dry_run": dry, "instants": [instant(micros_of(at)) for at in found]}
        )
        return
    _paint(found, zone)
    screen().line(f"{many(len(found), 'run')} {'would be' if dry else 'will be'} started")


@command(
    "next",
    """
    everflow schedule next nightly
    everflow schedule next "30 2 * * *" --zone Europe/Berlin --count 5
    """,
    imports=False,
)
@click.argument("what", metavar="NAME|WHEN")
@ZONE
@COUNT
def next_(here: Here, *, what: str, zone: str, count: int) -> None:
    """The next instants of a schedule, or of a cron expression or interval that is none yet.

    Nothing is written.
    """
    if _is_time(what):
        plan = declared("none", _pattern(what), "none", zone=zone).timing
        row = ScheduleRow("", plan, Standing(next=None), declared=False)
        found = row.instants(count, datetime.now(UTC))
    else:
        with connected(here) as flows:
            row = flows.schedules.get(what)
        zone, found = row.plan.zone, row.instants(count, datetime.now(UTC))
    if here.json:
        emit(_all(found))
    else:
        _paint(found, zone)


for _command in (list_, show, add, remove, pause, unpause, trigger, backfill, next_):
    schedule.add_command(_command)


def _is_time(text: str) -> bool:
    """Whether a text can only be meant as a time: an interval, an alias or several fields."""
    return text.startswith("@") or " " in text.strip() or isinstance(_pattern(text), timedelta)


def _pattern(text: str) -> timedelta | str:
    """An interval, where the text is one; else it is taken as a cron expression."""
    try:
        return timedelta(seconds=seconds(text))
    except ValueError:
        return text


def _settings(given: dict[str, Any]) -> Settings:
    """The settings of ``everflow.schedule`` from the options of ``add``."""
    late, jitter = given["deadline"], given["jitter"]
    settings: Settings = {
        "zone": given["zone"],
        "catch_up": given["catch_up"],
        "overlap": given["overlap"],
        "limit": given["limit"],
        "deadline": None if late is None else timedelta(seconds=late),
        "jitter": timedelta(seconds=jitter or 0),
        "labels": labels(given["pairs"]),
        "lane": given["lane"],
    }
    if given["queue"] is not None:
        settings["queue"] = given["queue"]
    return settings


def _when(row: ScheduleRow) -> str:
    return row.plan.cron or f"every {span(row.plan.every)}"


def _all(instants: list[datetime]) -> list[str]:
    return [instant(micros_of(at)) for at in instants]


def _here(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _there(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M:%S %Z")


def _paint(instants: list[datetime], zone: str) -> None:
    if instants:
        rows = [(_here(at), _there(at, zone)) for at in instants]
        screen().table(("instant", zone), rows)


def _tell(here: Here, row: ScheduleRow) -> None:
    if here.json:
        emit(schedule_view(row))
    elif row.next is None:
        paused = row.standing.paused
        screen().line(f"{row.name} is paused" if paused else f"{row.name} never comes again")
    else:
        screen().line(f"{row.name}: next at {_here(row.next)}, {_there(row.next, row.plan.zone)}")
