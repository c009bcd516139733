"""Which definition a start by name takes where the flow's code isn't: the one that ran here last.

Whoever executes flows writes down, as it begins, what they are: a record of kind "current" for each
name. A web process, a schedule or a script that doesn't import the flow starts that. The last
worker to begin has its say, so that a rollback counts as a deploy does. A process that has the code
never looks here: it starts what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple

import msgspec

from everflow.core.definition import Definition
from everflow.core.flow import Flow
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.core.schemas import Schema, check, schema_of
from everflow.core.values import parse, untagged
from everflow.engine.given.inputs import durable_names, first_annotations
from everflow.errors import NoSuchFlow, UnnamedLeaf, UnresolvedName, ValueMismatch
from everflow.store import Put, Store

__all__ = [
    "Current",
    "current_of",
    "input_checks",
    "known_flow",
    "require_current",
    "write_currents",
]

KIND = "current"
MOST_SHOWN = 20
MOST_LOOKED_AT = 1_000


class Current(msgspec.Struct, frozen=True):
    """``definition``: its hash. ``inputs``: JSON Schemas, all of which an input must fit.

    ``queue``: in which its runs wait if their start says nothing else.
    """

    definition: str
    inputs: tuple[Schema, ...] = ()
    queue: str = ""


def write_currents(store: Store, registry: Registry, *, at: int) -> None:
    """Write down what the flows are that are known here, where that is new.

    A flow with a part that no other process could find by name is left out.
    """
    found = {name: registry.once(name, _written) for name in registry.flows}
    known = {}
    names = sorted(found)
    while names:  # a page at a time, as the store gives them
        page = store.records(KIND, keys=names[:500])
        known.update({record.key: record.body for record in page})
        del names[:500]
    puts, fresh = [], {}
    for name, written in found.items():
        if written is not None and known.get(name) != written.body:
            puts.append(Put(kind=KIND, key=name, body=written.body))
            fresh[written.hash] = written.definition
    if puts:
        store.write(puts, at=at, definitions=list(fresh.items()))


class _Written(NamedTuple):
    """The body of a flow's record, and its definition with its hash."""

    body: str
    hash: str
    definition: str


def _written(flow: Flow[Any, Any], name: str) -> _Written | None:
    definition = Definition(Program(flow, name))
    try:
        durable_names(definition)
    except UnnamedLeaf:
        return None
    schemas = (schema_of(annotation) for annotation in first_annotations(definition))
    inputs = tuple(schema for schema in schemas if schema)
    current = Current(definition.hash, inputs, flow.queue_of_flow)
    body = msgspec.json.encode(current, order="deterministic").decode()
    return _Written(body, definition.hash, definition.body)


def current_of(store: Store, name: str) -> Current | None:
    """What the flow of that name is by the last worker that knew it; None if none ever did."""
    record = next(iter(store.records(KIND, keys=[name])), None) if name else None
    if record is None:
        return None
    try:
        return msgspec.json.decode(record.body, type=Current)
    except msgspec.DecodeError as error:
        raise UnresolvedName(
            f"what the flow {name} is by now can't be read: {error}",
            hint="start a worker that has the flow: it writes that anew",
        ) from error


def require_current(store: Store, name: str, known: Iterable[str]) -> Current:
    """The same; NoSuchFlow when no worker ever knew it. ``known``: the flows whose code is here."""
    found = current_of(store, name)
    if found is None:
        raise _no_flow(store, name, known)
    return found


def known_flow(store: Store, name: str, known: Iterable[str]) -> None:
    """Raise NoSuchFlow unless the name is one of ``known``, or a worker ever knew it."""
    if name not in known and current_of(store, name) is None:
        raise _no_flow(store, name, known)


def _no_flow(store: Store, name: str, known: Iterable[str]) -> NoSuchFlow:
    recorded = (record.key for record in store.records(KIND, limit=MOST_LOOKED_AT))
    names = sorted({*known, *recorded})
    close = get_close_matches(name, names, 1)
    meant = f"did you mean {close[0]}? Else " if close else ""
    return NoSuchFlow(
        f"no flow named {name!r:.80} is known here, and no worker ever had one on this store;"
        f" known are: {', '.join(names[:MOST_SHOWN]) or 'none'}",
        hint=f"{meant}import the module that defines it, or start a worker that does: from then on"
        " its name alone will do",
    )


def input_checks(current: Current) -> list[Callable[[str], object]]:
    """Check an input as far as data can: ValueMismatch for a payload that doesn't fit."""
    return [partial(_check_input, schema) for schema in current.inputs]


def _check_input(schema: Schema, payload: str) -> None:
    problem = check(untagged(parse(payload)), schema)
    if problem is not None:
        fits = msgspec.json.encode(schema).decode()
        raise ValueMismatch(problem, hint=f"it must fit {fits:.500}")
