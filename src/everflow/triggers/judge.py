"""What a trigger does about an activity: by type, then by actor, then by its guard.

Laws: nothing is written here, so that a dry run is the same judgement. A guard that raises, or
takes too long, hasn't passed, and whatever it raises stays here. What needs code that isn't here
says which; it is never taken for a no.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import msgspec

from everflow.core.expressions import evaluate
from everflow.engine.asking.client import Client
from everflow.engine.records.currents import current_of
from everflow.errors import EverflowError, UnresolvedName
from everflow.triggers.activity import Activity
from everflow.triggers.asking import Asking
from everflow.triggers.canonical import canonical, cid_of
from everflow.triggers.decisions import (
    ASKED,
    FAILED,
    FIRED,
    GUARD_FAILED,
    LONGEST_DETAIL,
    NOT_PASSED,
    OTHER_ACTOR,
    OTHER_TYPE,
    WAITS,
)
from everflow.triggers.spec import ANY, Guard, Plan

__all__ = ["PASSED", "Judge", "Need", "Target", "Verdict", "as_said", "told"]


class Target(NamedTuple):
    """What is started: a flow by a definition, in a queue. ``definitions`` go along with it."""

    flow: str
    definition: str
    queue: str
    definitions: list[tuple[str, str]]


class Need(msgspec.Struct, frozen=True, omit_defaults=True):
    """Code that isn't here: a flow or a predicate by its name."""

    flow: str = ""
    call: str = ""

    def __str__(self) -> str:
        return f"the flow {self.flow}" if self.flow else f"the predicate {self.call}"


class Verdict(NamedTuple):
    """``FIRED`` and ``ASKED`` have a target, ``WAITS`` has a need.

    ``once``: the digest of what the activity is the same by as others, where the trigger says so.
    """

    outcome: str
    detail: str = ""
    target: Target | None = None
    need: Need | None = None
    once: str = ""


PASSED = Verdict("")


class Judge:
    """Judges by the flows and predicates that this process and its store know."""

    def __init__(self, client: Client) -> None:
        self._store = client.store
        self._definitions = client.definitions
        self._registry = client.registry
        self._asking = Asking()
        self._read: tuple[str, dict[str, Any]] = ("", {})  # the latest activity's value

    def verdict(self, plan: Plan, activity: Activity, *, passed: bool = False) -> Verdict:
        """What is done about an activity. ``passed``: the guard was a flow, and said yes."""
        if not {ANY, *activity.types}.intersection(plan.types):
            return Verdict(OTHER_TYPE)
        if not plan.is_for(activity.actor):
            return Verdict(OTHER_ACTOR)
        try:
            if plan.guard is not None and not passed:
                asked = self._ask(plan.guard, activity)
                if asked is not PASSED:
                    return asked
            target = self._target(plan.flow)
            once = "" if plan.dedup is None else self._once(plan.dedup, activity)
        except EverflowError as error:
            if error.blame == "store":
                raise
            return Verdict(FAILED, told(error))
        if target is None:
            return _lacking(Need(flow=plan.flow))
        return Verdict(FIRED, target=target, once=once)

    def has(self, need: Need) -> bool:
        """Whether what was lacking is here."""
        if need.call:
            return self._registry.awaited(need.call).fn is not None
        return self._target(need.flow) is not None

    def _ask(self, guard: Guard, activity: Activity) -> Verdict:
        if guard.flow:
            target = self._target(guard.flow)
            if target is None:
                return _lacking(Need(flow=guard.flow))
            return Verdict(ASKED, target=target)
        if guard.call and not self.has(Need(call=guard.call)):
            return _lacking(Need(call=guard.call))
        try:
            said = self._said(guard, activity)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a guard is the user's: it may even exit
            return Verdict(GUARD_FAILED, told(error))
        return as_said(said)

    def _once(self, dedup: list[Any], activity: Activity) -> str:
        return cid_of(canonical(evaluate(dedup, activity.value())))

    def _said(self, guard: Guard, activity: Activity) -> Any:
        if guard.it is not None:  # which changes nothing of what it looks at
            if self._read[0] != activity.identity:
                self._read = activity.identity, activity.value()
            return evaluate(guard.it, self._read[1])
        node, value = self._registry.awaited(guard.call), activity.value()
        taking = node.leaf.signature.value
        call = partial(node, value) if taking else node.require_fn()
        return self._asking.ask(guard.call, call)

    def _target(self, flow: str) -> Target | None:
        """As for any start by name: today's where it is known here, else what a worker last had."""
        today = self._definitions.today(flow)
        if today is not None:
            queue = today.program.flow.queue_of_flow
            return Target(flow, today.hash, queue, [(today.hash, today.body)])
        try:
            current = current_of(self._store, flow)
        except UnresolvedName:  # a worker that has the flow writes it anew
            return None
        return None if current is None else Target(flow, current.definition, current.queue, [])


def as_said(said: object) -> Verdict:
    """What follows from what a guard gives. Only a boolean says anything: a list isn't a yes."""
    if type(said) is not bool:
        return Verdict(GUARD_FAILED, f"a guard gives true or false, not {said!r:.200}")
    return PASSED if said else Verdict(NOT_PASSED)


def told(error: BaseException) -> str:
    """An error in a line."""
    return f"{type(error).__name__}: {error}"[:LONGEST_DETAIL]


def _lacking(need: Need) -> Verdict:
    return Verdict(WAITS, f"{need} isn't known", need=need)
