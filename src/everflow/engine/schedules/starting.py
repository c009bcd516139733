"""The runs of a schedule: each instant has one, whoever starts it and however often.

Its id and its key follow from store, schedule, flow and instant, so that a start that is repeated,
by another process, after a crash or by a backfill, finds the run that is there.
"""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import NamedTuple

from everflow.core.entries import Entry, Kind, row_of
from everflow.engine.cells.loader import Definitions
from everflow.engine.given.ids import new_run_id
from everflow.engine.records.currents import Current, current_of
from everflow.engine.schedules.pattern import moment_of
from everflow.engine.schedules.policy import Standing, look_at
from everflow.engine.schedules.spec import LABEL, Plan
from everflow.store import NewRun, Store

__all__ = ["Target", "begun", "due_of", "key_of", "run_of", "target_of"]


class Target(NamedTuple):
    """What a schedule starts by now: a definition's hash, and where its runs wait.

    ``definitions`` are to be written along with a start.
    """

    definition: str
    queue: str
    definitions: list[tuple[str, str]]


def key_of(name: str, at: int) -> str:
    """The key of the run of an instant."""
    return f"schedule:{name}:{moment_of(at).astimezone(UTC).isoformat().replace('+00:00', 'Z')}"


def due_of(name: str, plan: Plan, standing: Standing, now: int) -> int | None:
    """When a schedule is to be looked at: as its standing says, and its own delay later."""
    delay = plan.delay(name)
    due = look_at(standing, now - delay)
    return None if due is None else due + delay


def target_of(store: Store, known: Definitions, plan: Plan) -> Target:
    """The flow's definition, and the schedule's queue, which is the flow's own if it says none.

    As for any start by name: today's where the flow is known here, else the one that a worker last
    had for it; and if none ever did, the one that was declared.
    """
    today = known.today(plan.flow)
    if today is not None:
        own, found = today.program.flow.queue_of_flow, [(today.hash, today.body)]
        return Target(today.hash, own if plan.queue is None else plan.queue, found)
    current = current_of(store, plan.flow) or Current(plan.definition)
    return Target(current.definition, current.queue if plan.queue is None else plan.queue, [])


def run_of(store: str, name: str, plan: Plan, target: Target, *, at: int, now: int) -> NewRun:
    """The run of an instant, to be started ``now``."""
    seed = "\0".join((store, name, plan.flow, str(at)))
    run_id = new_run_id(at, lambda size: hashlib.sha256(seed.encode()).digest()[:size])
    return begun(run_id, name, plan, target, key=key_of(name, at), at=at, now=now)


def begun(
    run_id: str, name: str, plan: Plan, target: Target, *, key: str, at: int, now: int
) -> NewRun:
    """A run of a schedule, for any worker to take."""
    entry = Entry(0, now, Kind.START, "", plan.input(name, at), target.definition, note=run_id)
    _, _, body, checksum = row_of(0, entry)
    return NewRun(
        id=run_id,
        flow=plan.flow,
        definition=target.definition,
        body=body,
        sum=checksum,
        at=now,
        key=key,
        labels={**plan.labels, LABEL: name},
        queue=target.queue,
        lane=plan.lane if target.queue else "",
    )
