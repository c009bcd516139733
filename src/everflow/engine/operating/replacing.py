"""Replacing: whether another value can stand in the entry at which a run is forked.

Two rules hold here. What nobody could have answered, sent or started with is refused, by the same
schemas and types. What is taken stands in the fork as it would have come in by the usual way: plain
JSON as a value of the type that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from everflow.core.combine.saga import UNDO_ANSWERS
from everflow.core.definition import Definition
from everflow.core.entries import Entry, Kind, decode_body
from everflow.core.flow import Site
from everflow.core.journal import in_force
from everflow.core.machine import Machine
from everflow.core.schemas import check
from everflow.core.values import parse, untagged
from everflow.engine.cells.history import History, definition_at
from everflow.engine.cells.loader import Definitions
from everflow.engine.given.answers import as_asked, kept_as, position_of_name
from everflow.engine.given.inputs import input_readers, read_today
from everflow.engine.given.taken import Taken
from everflow.engine.records.currents import current_of, input_checks
from everflow.errors import AnswerRefused, InputRefused, ValueMismatch
from everflow.store import RunRow, Store

__all__ = ["replacement"]

_WHAT = {Kind.ANSWER: "question", Kind.EARLY: "question", Kind.SIGNAL: "signal"}


def replacement(
    store: Store, definitions: Definitions, history: History, row: RunRow, at: int, payload: str
) -> str:
    """The payload that stands in entry ``at`` of a fork instead of its own.

    AnswerRefused or InputRefused for one that doesn't fit what the entry is for.
    """
    entries = [decode_body(body) for body in history.bodies(at)]
    entry = entries[-1]
    if entry.kind == Kind.START:
        _check_input(store, definitions, row, in_force(entry), payload)
    if entry.kind not in _WHAT:
        return payload
    machine = history.machine(at - 1)
    types = definitions.registry.types
    sites = definitions.current(row.flow, definition_at(entries)).program.sites
    if entry.kind == Kind.EARLY:
        schema = Taken(store).schema(definition_at(entries), entry.op, None)
        _check(definitions, row, entry, entry.op, schema, payload)
        return kept_as(sites, entry.op, payload, types)
    position = _position(machine, entry)
    site = machine.sites.get(position)
    if site is not None:
        _check(definitions, row, entry, position, _schema_of(site), payload)
    return as_asked(sites, position, payload, types)


def _position(machine: Machine, entry: Entry) -> str:
    """Where the flow takes what the entry bears; empty where it is taken nowhere yet."""
    if entry.kind == Kind.SIGNAL:
        return position_of_name(machine.sites, entry.op)
    question: Any = machine.state.ops[entry.op]
    return str(question.position)


def _schema_of(site: Site) -> Any:
    return UNDO_ANSWERS if site.flow.kind == "saga" else getattr(site.flow, "schema", None)


def _check(
    definitions: Definitions, row: RunRow, entry: Entry, place: str, schema: Any, payload: str
) -> None:
    """``place``: a position, or a tag."""
    problem = check(untagged(parse(payload)), schema) if schema else None
    if problem is None:
        return
    today, types = definitions.today(row.flow), definitions.registry.types
    if not read_today(today, place, payload, types):
        raise AnswerRefused(
            f"the value doesn't fit the {_WHAT[Kind(entry.kind)]} of entry {entry.seq}: {problem}",
            run=row.id,
            flow=row.flow,
            position="" if entry.kind == Kind.EARLY else place,
            hint=f"it must fit {msgspec.json.encode(schema).decode()[:500]}",
        )


def _check_input(
    store: Store, definitions: Definitions, row: RunRow, hash_: str, payload: str
) -> None:
    try:
        for read in _readers(store, definitions, definitions.current(row.flow, hash_)):
            read(payload)
    except ValueMismatch as error:
        raise InputRefused(
            f"the value doesn't fit the flow's input: {error.message}",
            run=row.id,
            flow=row.flow,
            path=error.path,
            hint=error.hint,
        ) from None


def _readers(
    store: Store, definitions: Definitions, begun: Definition
) -> list[Callable[[str], object]]:
    """What an input must pass: the types of the first nodes, or the schemas that are recorded."""
    if not begun.missing:
        return list(input_readers(begun, definitions.registry.types))
    current = current_of(store, begun.program.name)
    return [] if current is None or current.definition != begun.hash else input_checks(current)
