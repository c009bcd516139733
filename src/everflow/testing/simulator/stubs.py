"""Stubs: the same flows with other functions at their nodes, in a registry of their own.

A stub bears its node's name, so that definitions, positions and journals are those of the real
flow. What it gives is drawn from the schema of the node's return annotation by the attempt's
idempotency key: so it is the same when the attempt is repeated, in any process. A node without
a return annotation gives its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import msgspec

from everflow.core.definition import from_data, to_data
from everflow.core.flow import Flow
from everflow.core.node import Node, Options
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.core.schemas import schema_of
from everflow.core.values import Reader
from everflow.engine.noderun import NodeRun
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
    unknown = sorted(given.keys() - registry.nodes.keys())
    if unknown:
        raise WrongArgument(f"no flow here has a node {unknown[0]!r} to replace")
    stage = Registry()
    stage.types = registry.types
    for name, known in registry.nodes.items():
        stage.nodes[name] = _on_stage(known, given.get(name), registry, real)
    for name, flow in registry.flows.items():
        staged_flow = _rebuilt(flow, name, stage)
        if staged_flow is not None:
            stage.flows[name] = staged_flow
    found = [_subject(subject, stage) for subject in subjects]
    return found, stage


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
    known: Node[Any, Any], stand_in: Callable[..., Any] | None, registry: Registry, real: Real
) -> Node[Any, Any]:
    if stand_in is None and (known.fn is None or real(known)):
        return known
    fn = stand_in if stand_in is not None else _stub(known, registry)
    options = Options(questions=known.leaf.options.questions)
    return Node(replace(known.leaf, fn=fn, options=options)).bare()


def _stub(known: Node[Any, Any], registry: Registry) -> Callable[..., Any]:
    hint = known.leaf.hints.get("return", Any)
    schema = schema_of(hint) if hint is not Any else {}
    if not schema:
        return _given
    read = Reader(hint, registry.types)

    def stub(_value: Any, run: NodeRun) -> Any:
        made = drawn(schema, Random(run.idempotency_key))
        return read(msgspec.json.encode(made).decode())

    return stub


def _given(value: Any) -> Any:
    return value


def _name_of(node: Node[Any, Any] | str) -> str:
    return node if isinstance(node, str) else node.name
