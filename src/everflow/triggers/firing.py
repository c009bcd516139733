"""Firing: what lies between an activity in the log and a run, one look at a time.

Laws: decisions and cursor are written by one transaction, on condition that the cursor is as it was
read, so that of all processes on a store one decides, by the triggers as they are, and a crash
leaves all of it or nothing. A cursor never waits: what needs code that isn't here, or a guard's
run, is a record of its own, which is looked at until it is decided.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from everflow.engine.asking.client import Client
from everflow.engine.records.audit import audit
from everflow.store import Store
from everflow.triggers.activity import Activity
from everflow.triggers.decisions import FIRED, Decision, decision_put, roll_put
from everflow.triggers.judge import Judge, Verdict
from everflow.triggers.log import activities_after
from everflow.triggers.records import (
    GROUP,
    Body,
    Broken,
    Cursor,
    Stood,
    cursor_put,
    cursors,
    read_all,
)
from everflow.triggers.spec import ANY
from everflow.triggers.waits import Waits
from everflow.triggers.writing import FIRING, ONCE, WAIT, Draft, Writer, once_of, place_of

__all__ = ["Firing", "firings"]

UNREADABLE = "trigger-unreadable"  # what the audit says of a record
MOST = 200  # activities of one transaction
MOST_STARTS = 500  # runs after which a transaction takes in no further activity


class _Found(NamedTuple):
    """One activity and what a trigger is to do about it."""

    activity: Activity
    name: str
    verdict: Verdict


class Firing:
    """Decides what there is to decide, by the registry and the store of a client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._store = client.store
        self._judge = Judge(client)
        self._writer = Writer(client.store.info().id, client.registry.types)
        self._waits = Waits(client, self._judge, self._writer, self._send)
        self._mark = -1
        self._triggers: dict[str, Body] = {}
        self._broken: dict[str, Broken] = {}
        self._told: set[str] = set()  # of which the audit was told by this process
        self._known: set[str] = set()  # definitions that were written
        self._rolls: set[int] = set()

    def look(self, *, every: bool = False) -> bool:
        """Decide about some of what there is; whether anything was decided.

        ``every``: also look at guards' runs that aren't due to be looked at.
        """
        stood = cursors(self._store)
        group = stood.pop(GROUP, None)
        if group is None:
            return False
        self._learn(group.cursor.mark)
        moved = self._with_the_group(group, stood)
        for name, own in stood.items():
            if name in self._triggers and not self._triggers[name].paused:
                moved |= self._behind(name, own, group)
        known = self._triggers | dict.fromkeys(self._broken)
        return self._waits.look(known, every=every) or moved

    def next_due(self) -> int | None:
        """When a guard's run is to be looked at next; None when none is waited for."""
        return self._store.next_record_due(WAIT)

    def _learn(self, mark: int) -> None:
        if mark != self._mark:
            found, self._broken = read_all(self._store)
            self._triggers = {name: body for name, (body, _) in found.items()}
            self._mark = mark

    def _part(self, group: Stood, names: Sequence[str]) -> bool:
        """Leave these, which can't be read, where they are: what comes waits for them alone."""
        draft, at = Draft(), self._client.clock.wall()
        for name in names:
            draft.puts.append(cursor_put(name, Cursor(group.cursor.at), 0))
            if name not in self._told:
                subject, why = f"trigger:{name}", self._broken[name].why
                random = self._client.random
                draft.puts.append(audit(UNREADABLE, at=at, subject=subject, random=random, why=why))
        cursor = replace(group.cursor, mark=group.cursor.mark + 1)
        draft.puts.append(cursor_put(GROUP, cursor, group.version))
        self._told.update(names)
        return self._send(draft)

    def _with_the_group(self, group: Stood, own: Container[str]) -> bool:
        """Decide by the triggers that share a cursor; the mark holds while they are as read."""
        together = {name: body for name, body in self._triggers.items() if name not in own}
        activities = activities_after(self._store, group.cursor.at, MOST)
        if not activities:
            return False
        apart = [name for name in self._broken if name not in own]
        if apart:
            return self._part(group, apart)
        draft, last = self._drafted(activities, together, roll=self._mark if together else 0)
        if together and self._mark not in self._rolls:
            roll = [(name, body.begin) for name, body in together.items()]
            draft.puts.append(roll_put(self._mark, roll))
        draft.puts.append(cursor_put(GROUP, replace(group.cursor, at=last), group.version))
        if not self._send(draft):
            return False
        self._rolls.add(self._mark)
        return True

    def _behind(self, name: str, own: Stood, group: Stood) -> bool:
        """Decide by one trigger that has a cursor of its own, until it has come up to the rest."""
        activities = [
            one
            for one in activities_after(self._store, own.cursor.at, MOST)
            if one.no <= group.cursor.at
        ]
        body = self._triggers[name]
        draft, last = self._drafted(activities, {name: body}, part=name)
        if activities and last < group.cursor.at:
            draft.puts.append(cursor_put(name, replace(own.cursor, at=last), own.version))
        else:  # from here on with the others, who must be where they were
            mark = group.cursor.mark + 1
            draft.puts += [
                cursor_put(name, None, own.version),
                cursor_put(GROUP, replace(group.cursor, mark=mark), group.version),
            ]
        return self._send(draft)

    def _drafted(
        self,
        activities: Sequence[Activity],
        triggers: dict[str, Body],
        *,
        roll: int = 0,
        part: str = "",
    ) -> tuple[Draft, int]:
        """What is to be written about these activities, and the last of them that is in it."""
        now = self._client.clock.wall()
        draft, last = Draft(), 0
        by_type = _by_type(triggers)
        found = {one.no: self._verdicts(one, by_type, triggers) for one in activities}
        fired = firings(
            self._store,
            [
                place_of(each.name, each.activity.no)
                for of_one in found.values()
                for each in of_one
                if each.verdict.target is not None
            ],
        )
        every = [each for of_one in found.values() for each in of_one]
        same = [once_of(each.name, each.verdict) for each in every if each.verdict.once]
        fired |= firings(self._store, same, ONCE)
        for activity in activities:
            decisions = [self._decided(draft, each, fired, at=now) for each in found[activity.no]]
            if decisions or roll:
                draft.puts.append(decision_put(activity, decisions, at=now, part=part, roll=roll))
            last = activity.no
            if len(draft.starts) >= MOST_STARTS:
                break
        return draft, last

    def _decided(self, draft: Draft, each: _Found, fired: set[str], *, at: int) -> Decision:
        name, activity, verdict = each.name, each.activity, each.verdict
        once = once_of(name, verdict)
        before = not fired.isdisjoint({place_of(name, activity.no), once})
        decision = self._writer.write(draft, name, activity, verdict, at=at, fired=before)
        if once and decision.outcome == FIRED:
            fired.add(once)
        return decision

    def _verdicts(
        self,
        activity: Activity,
        by_type: dict[str, list[str]],
        triggers: dict[str, Body],
    ) -> list[_Found]:
        """What the triggers for its types do about an activity, in the order of registration."""
        types = {ANY, *activity.types}
        names = {name for one in types for name in by_type.get(one, ())}
        concerned = [
            (triggers[name].order, name) for name in names if triggers[name].begin < activity.no
        ]
        return [
            _Found(activity, name, self._judge.verdict(triggers[name].plan, activity))
            for _, name in sorted(concerned)
        ]

    def _send(self, draft: Draft) -> bool:
        """Write a draft; whether nobody was there before."""
        fresh = {key: body for key, body in draft.definitions.items() if key not in self._known}
        rows = self._store.write(
            draft.puts,
            at=self._client.clock.wall(),
            starts=draft.starts,
            definitions=list(fresh.items()),
        )
        if rows is None:
            return False
        self._known.update(fresh)
        if rows:
            self._client.nudge()
        return True


def firings(store: Store, keys: Sequence[str], kind: str = FIRING) -> set[str]:
    """Those of these keys that have a firing, or another record of that kind."""
    there: set[str] = set()
    for first in range(0, len(keys), MOST_STARTS):
        part = keys[first : first + MOST_STARTS]
        there |= {one.key for one in store.records(kind, keys=part, limit=len(part))}
    return there


def _by_type(triggers: dict[str, Body]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, body in triggers.items():
        for one in body.plan.types:
            found.setdefault(one, []).append(name)
    return found
