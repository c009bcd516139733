"""Stubs: the same flows with other functions at their nodes, in a registry of their own.

A stub bears its node's name, so that definitions, positions and journals are those of the real
flow. What it gives is drawn from the schema of the node's return annotation by the attempt's
idempotency key: so it is the same when the attempt is repeated, in any process. A node without
a return annotation gives its input. Bodies stay themselves, as they have no effects of their own;
what they await is looked up by name on the stage, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import msgspec

from everflow.core.combine.body import Body
from everflow.core.definition import from_data, to_data
from everflow.core.flow import Flow
from everflow.core.node import Node, Options
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.core.schemas import schema_of
from everflow.core.values import Reader, Types
from everflow.engine.calling.noderun import NodeRun
from everflow.errors import UnresolvedName, WrongArgument
from everflow.testing.simulator.drawn import drawn
from everflow.testing.simulator.subjects import Subject

__all__ = ["staged"]

Real = Callable[[Node[Any, Any]], bool]


def staged(
    subjects: Sequence[Subject], registry: Registry, *, real: Real
) -> tuple[list[Subject], Registry]:
    """The subjects with their nodes replaced, and the registry that they are found in.

    Nodes that a subject's ``replace`` names get its stand-ins, those that ``real`` holds for stay
    themselves, all others become stubs. WrongArgument for a stand-in whose node isn't there.
    """
    given: dict[str, Callable[..., Any]] = {}
    for subject in subjects:
        given.update({_name_of(node): fn for node, fn in subject.replace.items()})
    unknown = sorted(name for name in given if registry.awaited(name).fn is None)
    if unknown:
        raise WrongArgument(f"no flow here has a node {unknown[0]!r} to replace")
    stage = _Stage(registry, given, real)
    for name in registry.nodes:
        stage.awaited(name)
    for name, flow in registry.flows.items():
        staged_flow = _rebuilt(flow, name, stage)
        if staged_flow is not None:
            stage.flows[name] = staged_flow
    found = [_subject(subject, stage) for subject in subjects]
    return found, stage


class _Stage(Registry):
    """Nodes by name, each put on the stage when it is first looked up."""

    def __init__(
        self, registry: Registry, given: Mapping[str, Callable[..., Any]], real: Real
    ) -> None:
        super().__init__()
        self.types = registry.types
        self._backstage = registry
        self._given = given
        self._real = real

    def awaited(self, name: str) -> Node[Any, Any]:
        """The stage's node of that name; without a function where nobody has one."""
        if name not in self.nodes and (found := self._backstage.awaited(name)).fn is not None:
            self.add_node(found)
        return self.node(name)

    def add_node(self, node: Node[Any, Any]) -> None:
        """Take a node that a body awaits or a flow has."""
        if node.name not in self.nodes:
            for annotation in node.leaf.hints.values():
                self.types.add_from(annotation)
            stand_in = self._given.get(node.name)
            self.nodes[node.name] = _on_stage(node, stand_in, self.types, self._real)


def _subject(subject: Subject, stage: Registry) -> Subject:
    name = subject.flow.name_of_flow
    flow = stage.flows.get(name)
    if flow is None:
        flow = _rebuilt(subject.flow, name, stage)
    if flow is None:
        raise WrongArgument(f"the flow {name!r} can't be put on a stage: a node of it is missing")
    return replace(subject, flow=flow)


def _rebuilt(flow: Flow[Any, Any], name: str, stage: Registry) -> Flow[Any, Any] | None:
    """The flow out of its own data with the stage's nodes."""
    try:
        made = from_data(to_data(Program(flow, name)), stage).flow
    except UnresolvedName:
        return None
    made.name_of_flow = name
    return made


def _on_stage(
    known: Node[Any, Any], stand_in: Callable[..., Any] | None, types: Types, real: Real
) -> Node[Any, Any]:
    if known.fn is None or isinstance(known, Body) or (stand_in is None and real(known)):
        return known
    fn = stand_in if stand_in is not None else _stub(known, types)
    options = Options(questions=known.leaf.options.questions)
    return Node(replace(known.leaf, fn=fn, options=options)).bare()


def _stub(known: Node[Any, Any], types: Types) -> Callable[..., Any]:
    hint = known.leaf.hints.get("return", Any)
    schema = schema_of(hint) if hint is not Any else {}
    if not schema:
        return _given
    read = Reader(hint, types)

    def stub(_value: Any, run: NodeRun) -> Any:
        made = drawn(schema, Random(run.idempotency_key))
        return read(msgspec.json.encode(made).decode())

    return stub


def _given(value: Any) -> Any:
    return value


def _name_of(node: Node[Any, Any] | str) -> str:
    return node if isinstance(node, str) else node.name
