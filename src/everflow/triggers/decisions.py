"""The audit of triggers: what was decided about each activity and trigger, and why.

Laws: a decision is recorded by the transaction that carries it out. A record holds all that one
pass decided about one activity. Of a trigger that isn't named in it, and is on the roll that it
refers to, was decided that it is for other types: with a thousand triggers an activity
leaves a line for those that it concerns, and the rest is said by one number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from everflow.store import Put, Record, Store
from everflow.triggers.activity import Activity

__all__ = [
    "CONFLICT",
    "Decision",
    "DecisionLine",
    "DecisionQuery",
    "decision_lines",
    "decision_put",
    "roll_of",
    "roll_put",
]

KIND, ROLL = "decision", "trigger-roll"  # kinds of records
PAGE = 500
FIRED, WAITS, ASKED = "fired", "waits for code", "guard asked"
OTHER_TYPE, OTHER_ACTOR = "other type", "other actor"
NOT_PASSED, GUARD_FAILED = "guard not passed", "guard failed"
ALREADY, CONFLICT, FAILED = "fired before", "conflict", "failed"
REMOVED, PAUSED = "trigger removed", "paused"
LONGEST_DETAIL = 1_000  # characters


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """About one trigger. ``run`` is what was started: the flow's run, or that of a guard."""

    trigger: str
    outcome: str
    run: str = ""
    detail: str = ""


class _Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a record holds. ``roll``: the number of the roll that the pass was by."""

    no: int
    id: str
    actor: str
    at: int
    decisions: list[Decision]
    roll: int = 0


class DecisionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One decision, told in full. ``no`` is the activity's number, ``at`` in microseconds."""

    at: int
    no: int
    activity: str
    actor: str
    trigger: str
    outcome: str
    run: str = ""
    detail: str = ""


class DecisionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Filters, all of which must hold. ``every``: decisions about other types too."""

    activity: str | None = None
    no: int | None = None
    trigger: str | None = None
    actor: str | None = None
    run: str | None = None
    every: bool = False

    def holds(self, line: DecisionLine) -> bool:
        """Whether the line is one that is asked for."""
        return (
            self.activity in {None, line.activity}
            and self.no in {None, line.no}
            and self.trigger in {None, line.trigger}
            and self.actor in {None, line.actor}
            and self.run in {None, line.run}
            and (self.every or line.outcome != OTHER_TYPE)
        )


def decision_put(
    activity: Activity,
    decisions: Sequence[Decision],
    *,
    at: int,
    part: str = "",
    roll: int = 0,
) -> Put:
    """The record of what one pass decided; ``part`` tells it from others about that activity."""
    body = _Body(activity.no, activity.id, activity.actor, at, list(decisions), roll)
    key = f"{activity.no:016}/{part}"
    return Put(kind=KIND, key=key, body=msgspec.json.encode(body).decode())


def roll_of(record: Record) -> int:
    """The number of the roll that a record of decisions refers to; 0 for none."""
    return msgspec.json.decode(record.body, type=_Body).roll


def roll_put(roll: int, triggers: Sequence[tuple[str, int]]) -> Put:
    """The record of the triggers (name, the last activity before it) that passes go by."""
    return Put(kind=ROLL, key=f"{roll:016}", body=msgspec.json.encode(triggers).decode())


def decision_lines(store: Store, query: DecisionQuery | None = None) -> Iterator[DecisionLine]:
    """The decisions that match, by activity, read a page at a time."""
    asked = query or DecisionQuery()
    prefix = "" if asked.no is None else f"{asked.no:016}/"
    rolls: dict[int, list[tuple[str, int]]] = {}
    after = ""
    while page := store.records(KIND, prefix=prefix, after=after, limit=PAGE):
        for record in page:
            body = msgspec.json.decode(record.body, type=_Body)
            if body.roll and asked.every and body.roll not in rolls:
                rolls[body.roll] = _roll(store, body.roll)
            yield from filter(asked.holds, _lines(body, rolls.get(body.roll, [])))
        after = page[-1].key


def _roll(store: Store, roll: int) -> list[tuple[str, int]]:
    found: list[Record] = store.records(ROLL, keys=[f"{roll:016}"], limit=1)
    return msgspec.json.decode(found[0].body, type=list[tuple[str, int]]) if found else []


def _lines(body: _Body, roll: Sequence[tuple[str, int]]) -> Iterator[DecisionLine]:
    named = {decision.trigger for decision in body.decisions}
    unnamed = [
        Decision(name, OTHER_TYPE) for name, begin in roll if name not in named and begin < body.no
    ]
    for decision in (*body.decisions, *unnamed):
        yield DecisionLine(
            at=body.at,
            no=body.no,
            activity=body.id,
            actor=body.actor,
            trigger=decision.trigger,
            outcome=decision.outcome,
            run=decision.run,
            detail=decision.detail,
        )
