"""What people and programs do with triggers: by any process on the store, whatever worker fires.

Laws: each change is a compare-and-set on the trigger's record and on the cursor that triggers
share, tried again when somebody else was first; so nothing is decided by a trigger as it was
before. A declaration in code takes effect when it differs from the one that was declared last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from everflow.engine.asking.client import Client
from everflow.engine.records.audit import audit
from everflow.engine.schedules.pattern import micros_of
from everflow.errors import BadTrigger, NoSuchTrigger, StoreUnavailable
from everflow.store import Put
from everflow.triggers.log import Activities, head_of
from everflow.triggers.records import (
    GROUP,
    Body,
    Cursor,
    Stood,
    cursor_put,
    cursors,
    read_all,
    read_triggers,
)
from everflow.triggers.spec import KIND, Plan, Trigger, name_of, near

__all__ = ["TriggerBook", "TriggerRow"]

TRIES = 100  # of one change against others
NONE = Stood(Cursor(0), 0)


@dataclass(frozen=True)
class TriggerRow:
    """A trigger as it stands in the store. ``at``: the last activity that it was decided about."""

    name: str
    plan: Plan
    at: int
    begin: int
    paused: bool
    reason: str
    declared: bool  # by code, rather than by a command or a call


class TriggerBook:
    """The triggers of a store. ``stir`` is called once one was written."""

    def __init__(self, client: Client, stir: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self._store = client.store
        self._stir = stir

    # --- looking

    def all(self) -> list[TriggerRow]:
        """All triggers, in the order of registration, in which they are asked."""
        stood = cursors(self._store)
        return [_row(name, body, stood) for name, (body, _) in read_triggers(self._store).items()]

    def unreadable(self) -> dict[str, str]:
        """The names of those whose records can't be read, and why; what comes waits for them."""
        return {name: broken.why for name, broken in read_all(self._store)[1].items()}

    def get(self, name: str) -> TriggerRow:
        """The trigger of that name. NoSuchTrigger when there is none."""
        return _row(name, self._one(name)[0], cursors(self._store))

    # --- what there is

    def add(self, trigger: Trigger, *, replace: bool = False, by: str = "") -> TriggerRow:
        """Write a trigger; it begins with the next activity, or after ``since``.

        One of that name that says the same is left as it is, any other is replaced only if told so:
        BadTrigger. What is replaced keeps its place and goes on from where it is, and what it fired
        for before it doesn't fire for again.
        """
        self._write([trigger], declared=False, replaces=replace, by=by)
        return self.get(trigger.name)

    def declare(self, triggers: Iterable[Trigger]) -> None:
        """Write what is new, or not as it was declared last; everything else stays as it is."""
        found = list(triggers)
        names = [one.name for one in found]
        for name in names:
            if names.count(name) > 1:
                raise BadTrigger(f"two triggers are named {name!r}")
        for one in found:
            if one.predicate is not None:
                self._client.registry.add_node(one.predicate)
        self._write(found, declared=True, replaces=True)

    def remove(self, name: str, *, by: str = "") -> None:
        """Forget a trigger; its runs go on. NoSuchTrigger when there is none."""
        self._change(name, "trigger-remove", by, None)

    def pause(self, name: str, reason: str = "", *, by: str = "") -> None:
        """Fire nothing of it. Its cursor stands: what comes meanwhile waits for it."""
        self._change(
            name, "trigger-pause", by, lambda body: replace(body, paused=True, reason=reason)
        )

    def unpause(self, name: str, *, skip: bool = False, by: str = "") -> None:
        """Let it go on from where it stands; with ``skip``, with the next activity."""

        def go_on(body: Body) -> Body:
            begin = max(body.begin, head_of(self._store)) if skip else body.begin
            return replace(body, paused=False, reason="", begin=begin)

        self._change(name, "trigger-unpause", by, go_on)

    # --- writing

    def _write(
        self, triggers: list[Trigger], *, declared: bool, replaces: bool, by: str = ""
    ) -> None:
        """Write all of these that differ from what is there."""
        for _ in range(TRIES):
            known, broken = read_all(self._store)
            stood = cursors(self._store)
            head = head_of(self._store)
            group = stood.get(GROUP, Stood(Cursor(head), 0))
            mark = group.cursor.mark + 1
            puts: list[Put] = []
            for place, one in enumerate(triggers):
                there, version = known.get(one.name, (None, 0))
                body = self._body(one, there, declared=declared, head=head)
                if body == there:
                    continue
                if not replaces and (there is not None or one.name in broken):
                    raise BadTrigger(
                        f"there is a trigger {one.name!r} already, which says something else",
                        hint="remove it first, or say that it is to be replaced (--replace)",
                    )
                if there is None:
                    body = replace(body, order=mark * 10_000 + place)
                if one.name in broken:  # it goes on from where it came to stand
                    version, own = broken[one.name].version, stood.get(one.name, group)
                    body = replace(body, begin=own.cursor.at)
                elif there is None and body.begin < group.cursor.at:
                    puts.append(cursor_put(one.name, Cursor(body.begin), 0))
                puts.append(Put(kind=KIND, key=one.name, body=body.encoded(), expect=version))
                if by:
                    puts.append(self._line("trigger-add", one.name, by))
            if not puts or self._send(puts, group, mark):
                return
        raise _beaten()

    def _body(self, one: Trigger, there: Body | None, *, declared: bool, head: int) -> Body:
        """What a record is to hold, given what it holds now."""
        mark = one.plan.mark if declared else ""
        if there is None:
            return Body(one.plan, order=0, begin=self._begin(one.since, head), declared=mark)
        if declared and there.declared == mark:
            return there
        return replace(there, plan=one.plan, declared=mark or there.declared)

    def _begin(self, since: int | datetime | None, head: int) -> int:
        """The number of the last activity that a new trigger leaves out."""
        if since is None:
            return head
        if isinstance(since, datetime):
            return Activities(self._client).at(micros_of(since))
        return min(since, head)

    def _change(
        self, name: str, action: str, by: str, change: Callable[[Body], Body] | None
    ) -> None:
        """Change a trigger's record, or take it away; while it is paused its cursor is its own."""
        for _ in range(TRIES):
            stood = cursors(self._store)
            group, own = stood.get(GROUP, NONE), stood.get(name)
            if change is None:
                after, version = None, self._version(name)
            else:
                body, version = self._one(name)
                after = change(body)
            puts = [
                Put(
                    kind=KIND,
                    key=name,
                    body=None if after is None else after.encoded(),
                    expect=version,
                )
            ]
            if after is None and own is not None:
                puts.append(cursor_put(name, None, own.version))
            if after is not None and after.paused and own is None:
                puts.append(cursor_put(name, Cursor(group.cursor.at), 0))
            if by:
                puts.append(self._line(action, name, by))
            if self._send(puts, group, group.cursor.mark + 1):
                return
        raise _beaten()

    def _send(self, puts: list[Put], group: Stood, mark: int) -> bool:
        """Write a change and the new mark; whether nobody was there before."""
        cursor = replace(group.cursor, mark=mark)
        at = self._client.clock.wall()
        written = self._store.write([*puts, cursor_put(GROUP, cursor, group.version)], at=at)
        if written is not None:
            self._stir()
        return written is not None

    def _line(self, action: str, name: str, by: str) -> Put:
        at = self._client.clock.wall()
        subject = f"trigger:{name}"
        return audit(action, at=at, by=by, subject=subject, random=self._client.random)

    def _one(self, name: str) -> tuple[Body, int]:
        found, broken = read_all(self._store, [name_of(name)])
        if name in broken:
            raise BadTrigger(
                f"the record of the trigger {name!r} can't be read: {broken[name].why}",
                hint="replace it, `everflow trigger add --replace`, or remove it",
            )
        if name not in found:
            names = list(read_triggers(self._store))
            raise NoSuchTrigger(f"there is no trigger {name!r:.80}", hint=near(name, names))
        return found[name]

    def _version(self, name: str) -> int:
        """The version of a trigger's record, be it readable or not."""
        broken = read_all(self._store, [name_of(name)])[1].get(name)
        return self._one(name)[1] if broken is None else broken.version


def _row(name: str, body: Body, stood: dict[str, Stood]) -> TriggerRow:
    cursor = stood.get(name, stood.get(GROUP, NONE)).cursor
    return TriggerRow(
        name,
        body.plan,
        max(cursor.at, body.begin),
        body.begin,
        body.paused,
        body.reason,
        bool(body.declared),
    )


def _beaten() -> StoreUnavailable:
    return StoreUnavailable(f"others changed triggers {TRIES} times meanwhile", hint="try again")
