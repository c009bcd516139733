"""What waits: for the run of a guard, or for code that isn't here.

Laws: what waits is decided by one transaction, on condition that it still waits as it was read. A
guard's run is looked at ever more seldom, by an eighth of the time that it has taken. What
waits for code is found by the code that is there, however much waits for other code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from everflow.engine.asking.client import Client
from everflow.engine.asking.runs import outcome_of
from everflow.errors import EverflowError
from everflow.store import OUTCOMES, Put, Record
from everflow.triggers.decisions import GUARD_FAILED, REMOVED, decision_put
from everflow.triggers.judge import PASSED, Judge, Verdict, as_said, told
from everflow.triggers.log import numbered
from everflow.triggers.records import Body
from everflow.triggers.writing import (
    FIRING,
    NEED,
    ONCE,
    SOON,
    WAIT,
    Draft,
    Wait,
    Writer,
    once_of,
    place_of,
)

__all__ = ["Waits"]

MOST = 200  # records of one look
LONGEST = 60_000_000  # microseconds between two looks at a guard's run
EVER = 1 << 62
Known = Mapping[str, Body | None]


class Waits:
    """Decides what waited. ``send`` writes a draft and says whether nobody was there before."""

    def __init__(
        self, client: Client, judge: Judge, writer: Writer, send: Callable[[Draft], bool]
    ) -> None:
        self._client = client
        self._store = client.store
        self._judge = judge
        self._writer = writer
        self._send = send

    def look(self, triggers: Known, *, every: bool) -> bool:
        """Decide what can be decided; whether anything was.

        What waits for a trigger that is paused, or can't be read (None), goes on waiting.
        """
        moved = False
        now = self._client.clock.wall()
        due = self._store.due_records(WAIT, now=EVER if every else now, limit=MOST)
        for record in due:
            moved |= self._guarded(record, triggers, now)
        for record in self._known_by_now():
            moved |= self._decide(record, triggers, now)
        return moved

    def _known_by_now(self) -> Iterator[Record]:
        """What waits for code that is here: one look for each name that is waited for."""
        after = ""
        while found := self._store.records(NEED, after=after, limit=1):
            group, _, _ = found[0].key.partition("/")
            need = _wait(found[0]).need
            if need is not None and self._judge.has(need):
                yield from self._store.records(NEED, prefix=f"{group}/", limit=MOST)
            after = f"{group}0"  # the first text after all that begin with the group and "/"

    def _guarded(self, record: Record, triggers: Known, now: int) -> bool:
        """What has become of a guard's run."""
        wait = _wait(record)
        row = self._store.find(wait.guard)
        held = _is_held(triggers, record.key.partition("/")[0])
        goes_on = row is not None and row.status not in OUTCOMES
        if goes_on or held:
            pause = min(max((now - wait.since) // 8, SOON), LONGEST)
            if record.due is None or record.due <= now:
                put = Put(
                    kind=WAIT,
                    key=record.key,
                    body=record.body,
                    expect=record.version,
                    due=now + pause,
                )
                self._store.write([put], at=now)
            return False
        verdict = Verdict(GUARD_FAILED, f"its run {wait.guard} is gone")
        try:
            if row is not None:
                verdict = as_said(outcome_of(self._store, row, self._client.registry.types))
        except EverflowError as error:
            if error.blame == "store":
                raise
            verdict = Verdict(GUARD_FAILED, told(error))
        passed = verdict is PASSED
        return self._decide(record, triggers, now, None if passed else verdict, passed=passed)

    def _decide(
        self,
        record: Record,
        triggers: Known,
        now: int,
        verdict: Verdict | None = None,
        *,
        passed: bool = False,
    ) -> bool:
        """Carry out what is decided about something that waited, and have it wait no more."""
        *_, name, number = record.key.split("/")
        activity = numbered(self._store, [int(number)])[int(number)]
        if _is_held(triggers, name):
            return False
        body = triggers.get(name)
        passed = passed or _wait(record).passed
        if body is None:
            verdict = Verdict(REMOVED)
        elif verdict is None:
            verdict = self._judge.verdict(body.plan, activity, passed=passed)
        draft = Draft([Put(kind=record.kind, key=record.key, body=None, expect=record.version)])
        fired = bool(self._store.records(FIRING, keys=[place_of(name, activity.no)], limit=1))
        if verdict.once and not fired:
            once = once_of(name, verdict)
            fired = bool(self._store.records(ONCE, keys=[once], limit=1))
        decision = self._writer.write(
            draft, name, activity, verdict, at=now, fired=fired, passed=passed
        )
        part = f"{name}/{record.version:016}"
        draft.puts.append(decision_put(activity, [decision], at=now, part=part))
        return self._send(draft)


def _is_held(triggers: Known, name: str) -> bool:
    body = triggers.get(name)
    return name in triggers and (body is None or body.paused)


def _wait(record: Record) -> Wait:
    return msgspec.json.decode(record.body, type=Wait)
