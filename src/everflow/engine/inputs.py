"""Checks at a start: names that another process can find, and inputs that the first node takes."""

from __future__ import annotations

from typing import Any

from everflow.core.definition import Definition
from everflow.core.node import Node
from everflow.core.values import Reader, Types

__all__ = ["durable_names", "input_readers"]

_FIRST = frozenset(
    ["sequence", "keep", "retry", "try_catch", "timeout", "ticks", "loop", "branch", "choose"]
)


def durable_names(definition: Definition) -> None:
    """Every leaf can be found again by name; UnnamedLeaf says which can't, and the way out."""
    for node in definition.nodes:
        node.require_name()


def first_annotations(definition: Definition) -> list[Any]:
    """What the nodes that get the run's own input take; without those that take anything."""
    found: list[Any] = []
    sites = [definition.program.root]
    while sites:
        site = sites.pop()
        flow = site.flow
        if flow.kind in _FIRST and site.order:
            sites.append(site.order[0][1])
        elif flow.kind == "parallel":
            sites += [kid for _, kid in site.order]
        elif isinstance(flow, Node) and flow.fn is not None and flow.leaf.signature.value:
            annotation = flow.leaf.hints.get(flow.leaf.signature.value_name, Any)
            if annotation is not Any and annotation not in found:
                found.append(annotation)
    return found


def input_readers(definition: Definition, types: Types) -> list[Reader]:
    """Read an input as each of the first nodes does."""
    return [Reader(annotation, types) for annotation in first_annotations(definition)]
