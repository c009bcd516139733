"""Triggers, decisions and activities as plain data: what the command line prints with ``--json``.

The fields are a promise: one may be added, none changes what it means.
"""

from __future__ import annotations

import json

from everflow.core.expressions import show
from everflow.triggers.activity import Activity
from everflow.triggers.book import TriggerRow
from everflow.triggers.decisions import DecisionLine
from everflow.views import View, instant

__all__ = ["activity_view", "decision_view", "trigger_view"]


def trigger_view(row: TriggerRow) -> View:
    """A trigger, as it is declared and as it stands."""
    plan = row.plan
    return {
        "name": row.name,
        "flow": plan.flow,
        "types": list(plan.types),
        "actors": list(plan.actors),
        "guard": "" if plan.guard is None else str(plan.guard),
        "dedup": "" if plan.dedup is None else show(plan.dedup),
        "declared": row.declared,
        "paused": row.paused,
        "reason": row.reason,
        "at": row.at,
        "begin": row.begin,
    }


def decision_view(line: DecisionLine) -> View:
    """A decision about one activity and trigger."""
    return {
        "at": instant(line.at),
        "no": line.no,
        "activity": line.activity,
        "actor": line.actor,
        "trigger": line.trigger,
        "outcome": line.outcome,
        "run": line.run,
        "detail": line.detail,
    }


def activity_view(activity: Activity) -> View:
    """An activity, as it came."""
    return {
        "no": activity.no,
        "at": instant(activity.at),
        "actor": activity.actor,
        "id": activity.id,
        "types": list(activity.types),
        "cid": activity.cid,
        "activity": json.loads(activity.text),
    }
