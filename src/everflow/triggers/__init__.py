"""Triggers: activities that arrive start flows, each trigger once for each activity.

``canonical`` reads what comes from outside and gives its one text, ``activity`` says what an
activity is and ``log`` keeps them. ``spec`` is what a trigger is, ``records`` and ``book`` where it
stands and how it changes. ``judge`` decides, ``writing`` makes records and runs of that,
``firing`` and ``waits`` carry it out, ``decisions`` is the audit, ``preview`` the dry run, ``loop``
the thread that fires.
"""

from __future__ import annotations

from everflow.triggers.activity import Activity
from everflow.triggers.book import TriggerBook, TriggerRow
from everflow.triggers.decisions import Decision, DecisionLine, DecisionQuery, decision_lines
from everflow.triggers.firing import Firing
from everflow.triggers.log import Activities, Appended, Arrival
from everflow.triggers.loop import Triggers
from everflow.triggers.preview import preview
from everflow.triggers.spec import Trigger, trigger

__all__ = [
    "Activities",
    "Activity",
    "Appended",
    "Arrival",
    "Decision",
    "DecisionLine",
    "DecisionQuery",
    "Firing",
    "Trigger",
    "TriggerBook",
    "TriggerRow",
    "Triggers",
    "decision_lines",
    "preview",
    "trigger",
]
