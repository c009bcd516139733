"""Checks at a start: names that another process can find, and inputs that the first node takes."""

from __future__ import annotations

from typing import Any

from everflow.core.definition import Definition
from everflow.core.node import Node
from everflow.core.values import Reader, Types

__all__ = ["durable_names", "input_reader"]

_FIRST = frozenset({"sequence", "keep", "retry", "try_catch", "timeout", "ticks", "loop", "branch"})


def durable_names(definition: Definition) -> None:
    """Every leaf can be found again by name; UnnamedLeaf says which can't, and the way out."""
    for node in definition.nodes:
        node.require_name()


def first_annotation(definition: Definition) -> Any:
    """What the node that gets the run's input takes; Any where that isn't one node."""
    site = definition.program.root
    while site.flow.kind in _FIRST and site.order:
        site = site.order[0][1]
    flow = site.flow
    if not isinstance(flow, Node) or flow.fn is None or not flow.leaf.signature.value:
        return Any
    return flow.leaf.hints.get(flow.leaf.signature.value_name, Any)


def input_reader(definition: Definition, types: Types) -> Reader | None:
    """Reads an input as the first node does; None where that takes anything."""
    annotation = first_annotation(definition)
    return None if annotation is Any else Reader(annotation, types)
