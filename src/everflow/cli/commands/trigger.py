"""``trigger`` and its commands: flows that arriving activities start."""

from __future__ import annotations

import json
from typing import Any

import click

from everflow.cli.commands.activity import given_activity
from everflow.cli.inputs import user_name
from everflow.cli.loading import is_flow_name, load_all, to_start
from everflow.cli.options import BY, Group, as_time, command
from everflow.cli.output import emit, notes, screen
from everflow.cli.places import connected, created, shown_command
from everflow.cli.settings import Here
from everflow.cli.words import local
from everflow.engine.faces.connect import Connection
from everflow.engine.schedules.pattern import moment_of
from everflow.errors import CallerError
from everflow.triggers import (
    DecisionLine,
    DecisionQuery,
    TriggerBook,
    TriggerRow,
    decision_lines,
    preview,
)
from everflow.triggers import trigger as declared
from everflow.triggers.activity import claimed_actor
from everflow.triggers.canonical import read_json
from everflow.triggers.guards import read_guard
from everflow.triggers.views import decision_view, trigger_view
from everflow.views import nobody_works

__all__ = ["trigger"]

NAME = click.argument("name")
SHORT = 60  # characters of an id in a table


@click.group("trigger", cls=Group)
def trigger() -> None:
    """Start flows for activities that arrive, each once.

    Triggers fire while a worker or a server runs on the store.
    """


@command(
    "list",
    """
    everflow trigger list
    everflow trigger list --json
    """,
    imports=False,
)
def list_(here: Here) -> None:
    """All triggers, in the order in which they are asked."""
    with connected(here) as flows:
        book = TriggerBook(flows.client)
        rows, unreadable = book.all(), book.unreadable()
    if here.json:
        for row in rows:
            emit(trigger_view(row))
        for name, why in unreadable.items():
            emit({"name": name, "unreadable": why})
    elif rows or unreadable:
        heads = ("NAME", "FLOW", "TYPE", "ACTORS", "GUARD", "AT", "STANDS")
        broken = [(name, *[""] * 5, f"can't be read: {why}") for name, why in unreadable.items()]
        screen().table(heads, [*map(_row, rows), *broken])
    else:
        notes().line("no triggers", "dim")


@command("show", "everflow trigger show on-note", imports=False)
@NAME
def show(here: Here, *, name: str) -> None:
    """A trigger: its flow, what it is for, and how far it is."""
    with connected(here) as flows:
        _tell(here, TriggerBook(flows.client).get(name))


@command(
    "add",
    """
    everflow trigger add on-note flow.py:review --type Create
    everflow trigger add likes count-likes --type Like --actor 'https://birds.example/*'
    everflow trigger add notes review --guard 'it["object"]["type"] == "Note"' --since 2d
    """,
)
@NAME
@click.argument("flow")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="For that type; repeatable.")
@click.option("--actor", "actors", metavar="ID", multiple=True, help="By that actor; repeatable.")
@click.option("--guard", metavar="TEXT", help="An expression of it that must be true.")
@click.option("--guard-flow", metavar="FLOW", help="A flow that must give true.")
@click.option("--dedup", metavar="TEXT", help="Fire once for each value of that expression of it.")
@click.option("--since", callback=as_time, metavar="TIME", help="Begin with what came then.")
@click.option("--whole", is_flag=True, help="Begin with the first activity of the log.")
@click.option("--replace", is_flag=True, help="Replace one of that name.")
@BY
def add(here: Here, *, name: str, flow: str, by: str | None, **given: Any) -> None:
    """Have FLOW started for each activity that matches; it gets the activity.

    A FLOW that isn't known yet is waited for. An ID that ends in * stands for all that begin so.
    Without --since and --whole, it begins with the next activity.
    """
    if given["guard"] is not None and given["guard_flow"] is not None:
        raise CallerError("a trigger has one guard", hint="give --guard or --guard-flow")
    guard: Any = None if given["guard"] is None else read_guard(given["guard"])
    if given["guard_flow"] is not None:
        guard = to_start(given["guard_flow"], here)
    since = None if given["since"] is None else moment_of(given["since"])
    made = declared(
        name,
        to_start(flow, here),
        type=given["types"] or "*",
        actors=given["actors"],
        guard=guard,
        dedup=None if given["dedup"] is None else read_guard(given["dedup"]),
        since=0 if given["whole"] else since,
    )
    who = user_name() if by is None else by
    with created(here) as flows:
        row = TriggerBook(flows.client).add(made, replace=given["replace"], by=who)
        waits = nobody_works(flows.store)
    if here.json:
        emit(trigger_view(row))
        return
    screen().line(f"{name} starts {row.plan.flow}")
    if waits:
        words = shown_command(here, "worker", flow if is_flow_name(flow) else "FILE.py")
        notes().line(f"it fires while a worker runs: {words}", "dim")


@command("remove", "everflow trigger remove on-note", imports=False)
@NAME
@BY
def remove(here: Here, *, name: str, by: str | None) -> None:
    """Forget a trigger. Its runs go on."""
    with connected(here) as flows:
        TriggerBook(flows.client).remove(name, by=user_name() if by is None else by)
    emit({"removed": name}) if here.json else screen().line("removed")


@command("pause", "everflow trigger pause on-note --reason holidays", imports=False)
@NAME
@click.option("--reason", default="", metavar="TEXT", help="Why, for the others.")
@BY
def pause(here: Here, *, name: str, reason: str, by: str | None) -> None:
    """Fire nothing of a trigger until it is unpaused. What comes meanwhile waits for it."""
    with connected(here) as flows:
        book = TriggerBook(flows.client)
        book.pause(name, reason, by=user_name() if by is None else by)
        _stands(here, book.get(name))


@command("unpause", "everflow trigger unpause on-note --skip", imports=False)
@NAME
@click.option("--skip", is_flag=True, help="Leave out what came while it was paused.")
@BY
def unpause(here: Here, *, name: str, skip: bool, by: str | None) -> None:
    """Let a trigger go on from where it stands."""
    with connected(here) as flows:
        book = TriggerBook(flows.client)
        book.unpause(name, skip=skip, by=user_name() if by is None else by)
        _stands(here, book.get(name))


@command(
    "test",
    """
    everflow trigger test note.json
    everflow trigger test - --actor https://birds.example/users/otto < note.json
    """,
)
@click.argument("file", metavar="FILE|-")
@click.option("--actor", metavar="ID", help="The verified actor.  [default: its own word]")
def test(here: Here, *, file: str, actor: str | None) -> None:
    """Which triggers would fire for an activity, and why not the others. Nothing is written."""
    load_all(here)  # predicates that are guards are in modules
    given = read_json(given_activity(file))
    with connected(here) as flows:
        said = preview(flows.client, given, claimed_actor(given) if actor is None else actor)
    for one in said if here.json else ():
        emit({"trigger": one.trigger, "outcome": one.outcome, "detail": one.detail})
    if said and not here.json:
        rows = [(one.trigger, one.outcome, one.detail) for one in said]
        screen().table(("TRIGGER", "WOULD BE", "WHY"), rows)
    elif not here.json:
        notes().line("no triggers", "dim")


@command(
    "audit",
    """
    everflow trigger audit
    everflow trigger audit --trigger on-note --every
    everflow trigger audit --activity https://birds.example/activities/1 --json
    """,
    imports=False,
)
@click.option("--activity", metavar="ID|NO", help="About that one, by its id or number.")
@click.option("--trigger", "name", metavar="NAME", help="By that trigger.")
@click.option("--actor", metavar="ID", help="About what that actor did.")
@click.option("--run", metavar="RUN", help="That which started that run.")
@click.option("--every", is_flag=True, help="Also say of which triggers it was no type.")
def audit(here: Here, *, activity: str | None, name: str | None, **given: Any) -> None:
    """What was decided about each activity and trigger, and why; and how the runs stand now."""
    number = int(activity) if activity is not None and activity.isdecimal() else None
    query = DecisionQuery(
        activity=activity if number is None else None, no=number, trigger=name, **given
    )
    with connected(here) as flows:
        lines = list(decision_lines(flows.store, query))
        rows = [] if here.json else [_line(line, flows) for line in lines]
    for line in lines if here.json else ():
        emit(decision_view(line))
    if rows:
        screen().table(("TIME", "NO", "TRIGGER", "OUTCOME", "RUN", "STANDS", "WITH"), rows)
    elif not here.json:
        notes().line("nothing was decided", "dim")


for _command in (list_, show, add, remove, pause, unpause, test, audit):
    trigger.add_command(_command)


def _line(line: DecisionLine, flows: Connection) -> tuple[str, ...]:
    row = flows.store.find(line.run) if line.run else None
    stands = "" if row is None else str(row.status)
    return (
        local(line.at),
        str(line.no),
        line.trigger,
        line.outcome,
        line.run,
        stands,
        line.detail,
    )


def _row(row: TriggerRow) -> tuple[str, ...]:
    plan = row.plan
    return (
        row.name,
        plan.flow,
        ", ".join(plan.types),
        ", ".join(plan.actors)[:SHORT],
        "" if plan.guard is None else str(plan.guard)[:SHORT],
        str(row.at),
        _standing(row),
    )


def _standing(row: TriggerRow) -> str:
    if not row.paused:
        return "fires"
    return f"paused: {row.reason}" if row.reason else "paused"


def _stands(here: Here, row: TriggerRow) -> None:
    emit(trigger_view(row)) if here.json else screen().line(f"{row.name}: {_standing(row)}")


def _tell(here: Here, row: TriggerRow) -> None:
    view = trigger_view(row)
    if here.json:
        emit(view)
        return
    words = {
        name: said if isinstance(said, str) else json.dumps(said) for name, said in view.items()
    }
    screen().fields([(name, said) for name, said in words.items() if said not in {"", "[]"}])
