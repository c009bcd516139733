"""The runs of a schedule: each instant has one, whoever starts it and however often.

Its id and its key follow from store, schedule, flow and instant, so that a start that is repeated,
by another process, after a crash or by a backfill, finds the run that is there.
"""

from __future__ import annotations

import hashlib
from datetime import UTC

from everflow.core.entries import Entry, Kind, row_of
from everflow.engine.currents import current_of
from everflow.engine.ids import new_run_id
from everflow.engine.loader import Definitions
from everflow.engine.schedules.pattern import moment_of
from everflow.engine.schedules.policy import Standing, look_at
from everflow.engine.schedules.spec import LABEL, Plan
from everflow.store import NewRun, Store

__all__ = ["begun", "definition_of", "due_of", "key_of", "run_of"]


def key_of(name: str, at: int) -> str:
    """The key of the run of an instant."""
    return f"schedule:{name}:{moment_of(at).astimezone(UTC).isoformat().replace('+00:00', 'Z')}"


def due_of(name: str, plan: Plan, standing: Standing, now: int) -> int | None:
    """When a schedule is to be looked at: as its standing says, and its own delay later."""
    delay = plan.delay(name)
    due = look_at(standing, now - delay)
    return None if due is None else due + delay


def definition_of(
    store: Store, known: Definitions, plan: Plan
) -> tuple[str, list[tuple[str, str]]]:
    """The hash of the flow's definition, and what is to be written along with it.

    As for any start by name: today's where the flow is known here, else the one that a worker last
    had for it; and if none ever did, the one that was declared.
    """
    today = known.today(plan.flow)
    if today is not None:
        return today.hash, [(today.hash, today.body)]
    current = current_of(store, plan.flow)
    return (plan.definition if current is None else current.definition), []


def run_of(store: str, name: str, plan: Plan, definition: str, *, at: int, now: int) -> NewRun:
    """The run of an instant, to be started ``now``."""
    seed = "\0".join((store, name, plan.flow, str(at)))
    run_id = new_run_id(at, lambda size: hashlib.sha256(seed.encode()).digest()[:size])
    return begun(run_id, name, plan, definition, key=key_of(name, at), at=at, now=now)


def begun(
    run_id: str, name: str, plan: Plan, definition: str, *, key: str, at: int, now: int
) -> NewRun:
    """A run of a schedule, for any worker to take."""
    entry = Entry(0, now, Kind.START, "", plan.input(name, at), definition, note=run_id)
    _, _, body, checksum = row_of(0, entry)
    return NewRun(
        id=run_id,
        flow=plan.flow,
        definition=definition,
        body=body,
        sum=checksum,
        at=now,
        key=key,
        labels={**plan.labels, LABEL: name},
        queue=plan.queue,
        lane=plan.lane,
    )
