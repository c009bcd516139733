"""The dry run: which triggers would fire for an activity, and why not the others.

Laws: the judgement is the one by which triggers fire, and nothing is written.
"""

from __future__ import annotations

from everflow.engine.asking.client import Client
from everflow.store import Store
from everflow.triggers.activity import Activity, activity_of
from everflow.triggers.decisions import ALREADY, ASKED, FIRED, PAUSED, Decision
from everflow.triggers.firing import firings
from everflow.triggers.judge import Judge, Verdict
from everflow.triggers.log import known_number, numbered
from everflow.triggers.records import Body, read_triggers
from everflow.triggers.writing import ONCE, once_of, place_of

__all__ = ["preview"]


def preview(client: Client, given: object, actor: str) -> list[Decision]:
    """What each trigger would do about an activity that came now, in the order of registration.

    A guard that is a flow isn't asked: its trigger is said to ask it. ActivityRefused for what
    would be refused.
    """
    activity = activity_of(given, actor)
    judge = Judge(client)
    found = read_triggers(client.store)
    no = known_number(client.store, activity)
    fired = firings(client.store, [place_of(name, no) for name in found]) if no else set()
    forgotten = no > 0 and not numbered(client.store, [no])
    return [
        _said(
            client.store,
            judge,
            name,
            body,
            activity,
            fired=forgotten or place_of(name, no) in fired,
        )
        for name, (body, _) in found.items()
    ]


def _said(
    store: Store, judge: Judge, name: str, body: Body, activity: Activity, *, fired: bool
) -> Decision:
    verdict: Verdict = judge.verdict(body.plan, activity)
    same = [once_of(name, verdict)] if verdict.once else []
    fired = fired or bool(firings(store, same, ONCE))
    outcome, detail = verdict.outcome, verdict.detail
    if outcome in {FIRED, ASKED} and fired:
        outcome = ALREADY
    elif body.paused:
        detail = f"{PAUSED}: {body.reason}" if body.reason else PAUSED
    return Decision(name, outcome, detail=detail)
