"""What is written for a verdict: the start of a run with its firing, or what waits.

Laws: a firing is a record that must not be there, written by the transaction that starts the run;
so an activity fires a trigger once, whoever decides it and how often. The id of the run follows
from store, trigger and activity. A guard's run is started in the same way; what waits for it, or
for code, is a record until it is decided.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec

from everflow.core.entries import Entry, Kind, row_of
from everflow.core.values import Types, encode
from everflow.engine.given.ids import new_run_id
from everflow.errors import EverflowError
from everflow.store import NewRun, Put
from everflow.triggers.activity import Activity
from everflow.triggers.decisions import ALREADY, ASKED, FAILED, FIRED, Decision
from everflow.triggers.judge import Need, Target, Verdict, told
from everflow.triggers.log import key_of

__all__ = [
    "FIRING",
    "NEED",
    "ONCE",
    "WAIT",
    "Draft",
    "Wait",
    "Writer",
    "once_of",
    "place_of",
    "under",
]

FIRING, WAIT, NEED = "firing", "trigger-wait", "trigger-need"  # kinds of records
ONCE = "firing-once"  # the kind of what a trigger with ``dedup`` fired for; it is never pruned
SOON = 50_000  # microseconds until a guard's run is looked at
_UNDER = 16  # characters of the hash that says what is lacking


class Wait(msgspec.Struct, frozen=True, omit_defaults=True):
    """What waits: for the run of a guard, or for code. ``since`` in microseconds.

    ``passed``: its guard, a flow, said yes, and the flow to be started is lacking.
    """

    since: int
    guard: str = ""
    need: Need | None = None
    passed: bool = False

    def encoded(self) -> str:
        """As a record holds it."""
        return msgspec.json.encode(self).decode()


@dataclass
class Draft:
    """What one transaction is to write."""

    puts: list[Put] = field(default_factory=list)
    starts: list[NewRun] = field(default_factory=list)
    definitions: dict[str, str] = field(default_factory=dict)


class Writer:
    """Makes what is written of verdicts. ``home`` is the id of the store."""

    def __init__(self, home: str, types: Types) -> None:
        self._home = home
        self._types = types

    def write(
        self,
        draft: Draft,
        name: str,
        activity: Activity,
        verdict: Verdict,
        *,
        at: int,
        fired: bool,
        passed: bool = False,
    ) -> Decision:
        """Put into a draft what a verdict asks for; what is said of it in the audit.

        ``fired``: the trigger has fired for that activity, or what it takes for the same.
        """
        outcome, detail, target, need, once = verdict
        if fired and outcome in {FIRED, ASKED}:
            return Decision(name, ALREADY)
        if need is not None:
            key = f"{under(need)}/{place_of(name, activity.no)}"
            wait = Wait(at, need=need, passed=passed)
            draft.puts.append(Put(kind=NEED, key=key, body=wait.encoded()))
        if target is None:
            return Decision(name, outcome, detail=detail)
        try:
            run = self._run(name, activity, target, at=at, guard=outcome == ASKED)
        except EverflowError as error:
            return Decision(name, FAILED, detail=told(error))
        draft.starts.append(run)
        draft.definitions.update(target.definitions)
        place = place_of(name, activity.no)
        if outcome == ASKED:
            body = Wait(at, guard=run.id).encoded()
            draft.puts.append(Put(kind=WAIT, key=place, body=body, due=at + SOON))
        else:
            draft.puts.append(Put(kind=FIRING, key=place, body=run.id, expect=0))
            if once:
                put = Put(kind=ONCE, key=once_of(name, verdict), body=run.id, expect=0)
                draft.puts.append(put)
        return Decision(name, outcome, run.id, detail)

    def _run(
        self, name: str, activity: Activity, target: Target, *, at: int, guard: bool
    ) -> NewRun:
        role = "guard" if guard else "trigger"
        seed = f"{self._home} {role} {name} {activity.identity}"
        run_id = new_run_id(activity.at, lambda size: hashlib.sha256(seed.encode()).digest()[:size])
        payload = encode(activity.value(), self._types)
        entry = Entry(0, at, Kind.START, "", payload, target.definition, note=run_id)
        _, _, body, checksum = row_of(0, entry)
        return NewRun(
            id=run_id,
            flow=target.flow,
            definition=target.definition,
            body=body,
            sum=checksum,
            at=at,
            key=f"{role}:{name}:{activity.identity}",
            labels={role: name, "activity": str(activity.no)},
            queue=target.queue,
        )


def place_of(name: str, no: int) -> str:
    """The key of what concerns a trigger and an activity."""
    return f"{name}/{key_of(no)}"


def once_of(name: str, verdict: Verdict) -> str:
    """The key of what a trigger fires for but once; "" where each activity is one of its own."""
    return f"{name}/{verdict.once}" if verdict.once else ""


def under(need: Need) -> str:
    """The beginning of the keys of what waits for the same."""
    return hashlib.sha256(str(need).encode()).hexdigest()[:_UNDER]
