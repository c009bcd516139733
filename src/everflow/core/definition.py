"""Definitions: a flow's inlined shape as canonical data, with its two hashes.

A definition is a flat table, one row a position in the order of the layout: ``[position, kind,
shape, settings, [names of children]]``. The **shape** hash covers all but the settings: runs are
pinned to it, because positions depend on it. The **settings** hash covers counts, budgets, delays
and constants, which move to running runs. Both are SHA-256 over the canonical JSON (sorted keys, no
spaces).

The definition of upgraded runs has their lineage too: its rows stand at the runs' positions, and
its hash ends in the lineage's. The first two parts are those of the flow as it is written, so that
its settings move to such runs as to any other.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from everflow.core.combine.body import Ambient, Body, Step
from everflow.core.combine.cached import Cached
from everflow.core.combine.call import Call
from everflow.core.combine.choice import Branch, Choose, Loop, UnlessFailed
from everflow.core.combine.control import Retry, Ticks, Timeout, TryCatch
from everflow.core.combine.dag import Dag
from everflow.core.combine.each import Each
from everflow.core.combine.failure import Fail, Failed
from everflow.core.combine.fallback import Fallback
from everflow.core.combine.parallel import Parallel
from everflow.core.combine.racing import Race
from everflow.core.combine.remote import Remote
from everflow.core.combine.saga import Saga
from everflow.core.combine.sections import Critical
from everflow.core.combine.sequence import Const, Identity, Keep, Sequence
from everflow.core.combine.signals import Receive
from everflow.core.combine.waiting import Ask, Sleep, Suspend
from everflow.core.expressions import It
from everflow.core.flow import Children, Flow, Names
from everflow.core.node import Node
from everflow.core.program import Lineage, Program
from everflow.core.registry import Registry
from everflow.errors import UnresolvedName, ValueRefused

__all__ = ["FORMAT", "KINDS", "Definition", "flow_of", "from_data", "to_data"]

FORMAT = 1
KINDS: dict[str, type[Flow[Any, Any]]] = {
    kind.kind: kind
    for kind in (
        Ambient, Ask, Body, Branch, Cached, Call, Choose, Const, Critical, Dag, Each, Fail,
        Failed, Fallback, Identity, It, Keep, Loop, Node, Parallel, Race, Receive, Remote,
        Retry, Saga, Sequence, Sleep, Step, Suspend, Ticks, Timeout, TryCatch, UnlessFailed,
    )
}  # fmt: skip
_canonical = msgspec.json.Encoder(order="deterministic")


class Row(msgspec.Struct, array_like=True):
    """One position of a definition."""

    position: str
    kind: str
    shape: dict[str, Any]
    settings: dict[str, Any]
    children: list[str]


class _Data(msgspec.Struct, omit_defaults=True):
    format: int
    name: str
    rows: list[Row]
    lineage: Lineage | None = None


class Definition:
    """A program with its data: ``body`` is the text, ``hash`` its identity in a store.

    ``nodes``: the leaves, each position once. ``missing``: the names of those without a function
    here.
    """

    __slots__ = ("body", "hash", "missing", "nodes", "program", "settings_hash", "shape_hash")

    def __init__(self, program: Program) -> None:
        self.program = program
        lineage = program.lineage
        rows = _rows(program)
        plain = rows if lineage is None else _rows(Program(program.flow, program.name))
        self.shape_hash = _hash([[r.position, r.kind, r.shape, r.children] for r in plain])
        self.settings_hash = _hash([[r.position, r.settings] for r in plain if r.settings])
        self.body = _canonical.encode(_Data(FORMAT, program.name, rows, lineage)).decode()
        self.hash = f"{self.shape_hash[:32]}{self.settings_hash[:16]}"
        if lineage is not None:
            self.hash += f"-{_hash(lineage)[:12]}"

        flows = (site.flow for site in program.sites.values())
        self.nodes: list[Node[Any, Any]] = [flow for flow in flows if isinstance(flow, Node)]
        self.missing = sorted({node.name for node in self.nodes if node.fn is None})

    @property
    def tags(self) -> set[str]:
        """The tags that the shape names; a sync node's ``wait_for`` may add others."""
        flows = (site.flow for site in self.program.sites.values())
        return {flow.tag for flow in flows if isinstance(flow, Ask | Suspend)}


def _rows(program: Program) -> list[Row]:
    rows = []
    for site in program.sites.values():
        flow = site.flow
        rows.append(
            Row(site.position, flow.kind, flow.shape(), flow.settings(), [k for k, _ in site.order])
        )
    return rows


def _hash(data: object) -> str:
    try:
        return sha256(_canonical.encode(data)).hexdigest()
    except (TypeError, ValueError, msgspec.EncodeError, RecursionError) as error:
        raise ValueRefused(
            f"a setting of the flow isn't plain data: {error}",
            hint="bind and const take plain data only",
        ) from error


def to_data(program: Program) -> str:
    """The canonical text of a program."""
    return Definition(program).body


def from_data(body: str, registry: Registry) -> Program:
    """The program of a text that ``to_data`` gave, with today's functions by their names.

    Nodes that the registry doesn't have stand without a function. UnresolvedName for a kind or a
    format that this release doesn't know.
    """
    data = _read(body)
    return Program(_held_together(data, registry.node), data.name, data.lineage)


def flow_of(body: str, names: Names) -> Flow[Any, Any]:
    """The flow of a text that ``to_data`` gave; ``names`` gives the node of a canonical name."""
    return _held_together(_read(body), names)


def _read(body: str) -> _Data:
    try:
        data = msgspec.json.decode(body, type=_Data)
    except msgspec.MsgspecError as error:
        raise UnresolvedName(f"the definition can't be read: {error}") from error
    if data.format != FORMAT:
        raise UnresolvedName(f"a definition of format {data.format}; this release reads {FORMAT}")
    return data


def _held_together(data: _Data, names: Names) -> Flow[Any, Any]:
    try:
        return _built(data.rows, names, data.lineage)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UnresolvedName(f"the definition doesn't hold together: {error}") from error


def _built(rows: list[Row], names: Names, lineage: Lineage | None) -> Flow[Any, Any]:
    """The flow of the rows. Children come after their parents, so that it is made from the end."""
    own = {} if lineage is None else lineage.names
    made: dict[str, Flow[Any, Any]] = {}
    for row in reversed(rows):
        kind = KINDS.get(row.kind)
        if kind is None:
            raise UnresolvedName(
                f"this release has no combinator {row.kind!r}", position=row.position
            )
        places = [(key, f"{row.position}/{key}") for key in row.children]
        children = [(own.get(place, key), made.pop(place)) for key, place in places]
        flow = kind.build(row.shape, row.settings, children, names)
        if isinstance(flow, Sequence):
            _label_steps(flow, children)
        made[row.position] = flow
    return made[rows[0].position]


def _label_steps(flow: Sequence, children: Children) -> None:
    """A sequence's steps bear their labels themselves, so that positions stay by name."""
    flow.steps = tuple(child if name.isdigit() else child.named(name) for name, child in children)
