"""What a trigger is: as it is declared in code, and as its record holds it.

Laws: a record is plain data that any process can act on; what can't work is refused when the
trigger is made, before anything is written. A declaration has a mark, so that a process that
declares it again leaves what people changed since alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import msgspec

from everflow.core.expressions import It, show
from everflow.core.flow import Flow
from everflow.core.node import Node, Place, node_of
from everflow.errors import BadTrigger, NotAFlow
from everflow.triggers.activity import LONGEST_ID, plain_type

__all__ = ["ANY", "KIND", "Guard", "Plan", "Trigger", "name_of", "trigger"]

KIND = "trigger"  # of the records
ANY = "*"  # any type
MOST = 1_000  # actors of one trigger; types
_NAME = re.compile(r"[\w.:-]{1,200}")


class Guard(msgspec.Struct, frozen=True, omit_defaults=True):
    """A guard as data: one of an expression, the name of a predicate, the name of a flow."""

    it: list[Any] | None = None
    call: str = ""
    flow: str = ""

    def __str__(self) -> str:
        return show(self.it) if self.it is not None else self.call or self.flow


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A trigger as data: what it is for, by whom, on which condition, and what it starts."""

    flow: str
    types: tuple[str, ...]
    actors: tuple[str, ...] = ()
    guard: Guard | None = None
    dedup: list[Any] | None = None  # an expression of it, as data

    def is_for(self, actor: str) -> bool:
        """Whether an actor is in its scope: named there, or beginning as one that ends in ``*``."""
        if not self.actors:
            return True
        return any(
            actor.startswith(one[:-1]) if one.endswith("*") else actor == one for one in self.actors
        )

    @property
    def mark(self) -> str:
        """Tells one declaration from another."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]


@dataclass(frozen=True)
class Trigger:
    """A declared trigger: what ``trigger`` makes and ``Triggers`` takes.

    ``since``: the number of the last activity that it leaves out, or a time; None for those to
    come. ``predicate``: the function that is its guard, which the process that declares it knows.
    """

    name: str
    plan: Plan
    since: int | datetime | None = None
    predicate: Node[Any, Any] | None = field(default=None, compare=False)


def trigger(
    name: str,
    flow: Flow[Any, Any] | str,
    *,
    type: str | Sequence[str] = ANY,  # noqa: A002 - the word of ActivityStreams
    actors: Sequence[str] = (),
    guard: It | Flow[Any, Any] | Callable[..., Any] | None = None,
    dedup: It | None = None,
    since: int | datetime | None = None,
) -> Trigger:
    """Declare that a flow is started for each arriving activity that matches, once.

    The flow gets the activity: its JSON as a dict, ``actor`` being the id of who was verified.
    ``flow``: a named flow or its name, be it known yet or not. ``type``: one type of activity or
    several; any if left out. ``actors``: ids of actors; one that ends in ``*`` stands for all that
    begin so (``"https://example.org/*"``); anybody if left out. ``guard``: passes what makes it
    true: an expression of ``it``, a plain function of the activity, which is called where triggers
    fire and so must be quick, or a named flow, whose run decides and may take days.
    ``dedup``: an expression of ``it``; of all activities for which its value is the same, the first
    one fires the trigger, whoever sent it. Each activity does so once in any case.
    ``since``: 0 for all that the log holds, the number of an activity for those after it, or a
    time; if left out, only what comes from now on.

    Raises BadTrigger for what can't mean anything. It is EventBridge's rule with one target.
    """
    name_of(name)
    plan = Plan(
        flow=_flow(flow, "a trigger starts"),
        types=_types(type),
        actors=_actors(actors),
        guard=None if guard is None else _guard(guard),
        dedup=None if dedup is None else _dedup(dedup),
    )
    if isinstance(since, bool) or not isinstance(since, (int, datetime, None.__class__)):
        raise BadTrigger(f"since is the number of an activity or a time, not {since!r:.60}")
    if isinstance(since, int) and since < 0:
        raise BadTrigger(f"activities are numbered from 1, so since is not {since}")
    node = None if plan.guard is None or not plan.guard.call else node_of(guard)
    return Trigger(name, plan, since, node)


def name_of(name: object) -> str:
    """The name of a trigger, if it can be one."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadTrigger(
            f"{name!r:.80} is no name for a trigger",
            hint="a name has letters, digits and _ - . :, at most 200 of them",
        )
    return name


def _flow(flow: object, what: str) -> str:
    if isinstance(flow, Flow) and flow.name_of_flow:
        return flow.name_of_flow
    if isinstance(flow, str) and flow:
        return flow
    if isinstance(flow, Flow):
        raise BadTrigger(f"{what} a flow that has a name", hint='name it: flow("name", ...)')
    raise NotAFlow(f"{flow!r:.80} isn't a flow", hint="give a flow, or the name of one")


def _types(given: str | Sequence[str]) -> tuple[str, ...]:
    found = (given,) if isinstance(given, str) else tuple(given)
    for one in found:
        if not isinstance(one, str) or not 0 < len(one) <= LONGEST_ID:
            raise BadTrigger(f"a type is a text such as 'Create', not {one!r:.60}")
    if not 0 < len(found) <= MOST:
        raise BadTrigger(f"a trigger is for 1 to {MOST:,} types, not {len(found)}")
    names = tuple(dict.fromkeys(plain_type(one) for one in found))
    return (ANY,) if ANY in names else names


def _actors(given: Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str) or len(given) > MOST:
        raise BadTrigger(
            f"actors is a list of at most {MOST:,} ids, not {given!r:.60}",
            hint='actors=["https://example.org/users/ines"]',
        )
    for one in given:
        if not isinstance(one, str) or not 0 < len(one) <= LONGEST_ID or "*" in one[:-1]:
            raise BadTrigger(f"{one!r:.80} is no id of an actor, nor the beginning of some")
        if one.endswith("*") and not _is_scope(one[:-1]):
            raise BadTrigger(
                f"{one!r:.80} would take in actors of other servers, whose names begin alike",
                hint="end the server's name: https://example.org/*",
            )
    return tuple(dict.fromkeys(given))


def _is_scope(beginning: str) -> bool:
    """Whether what begins so is of one server: its name is at an end."""
    scheme, slashes, rest = beginning.partition("://")
    return "/" in rest if slashes else scheme.endswith(":")


def _guard(guard: It | Flow[Any, Any] | Callable[..., Any]) -> Guard:
    if isinstance(guard, It):
        return Guard(it=guard.data)
    if isinstance(guard, Flow) and (guard.name_of_flow or not isinstance(guard, Node)):
        return Guard(flow=_flow(guard, "a guard is an expression of it, a function, or"))
    return Guard(call=_predicate(node_of(guard)))


def _dedup(given: object) -> list[Any]:
    if not isinstance(given, It):
        raise BadTrigger(
            f"dedup is an expression of it, not {given!r:.60}", hint='dedup=it["object"]["id"]'
        )
    return given.data


def _predicate(node: Node[Any, Any]) -> str:
    """The name of a function that can be called right where triggers fire."""
    node.require_arguments()
    signature = node.leaf.signature
    aside = node.leaf.place in {Place.LOOP, Place.PROCESS}
    if aside or signature.needs or signature.run or node.bound or node.has_defaults:
        raise BadTrigger(
            f"the guard {node.name!r:.80} is more than a plain function: it is async or of another"
            " process, or it has dependencies, arguments, retries or a time limit of its own",
            hint='make a flow of it, which runs on its own: guard=flow("name", that)',
        )
    return node.require_name()


def near(name: str, names: Sequence[str]) -> str:
    """A hint at the name that may have been meant."""
    close = get_close_matches(name, names, 1)
    return f"did you mean {close[0]}?" if close else "`everflow trigger list` shows them"
