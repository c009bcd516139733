"""Checks of what is given: names that another process can find, and inputs that nodes take.

One rule holds: what doesn't fit is the caller's, and told as such before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from everflow.core.definition import Definition
from everflow.core.node import Node
from everflow.core.values import Reader, Types, encode
from everflow.errors import InputRefused, ValueMismatch, ValueRefused

__all__ = ["durable_names", "input_readers", "payload_given", "read_today", "require_taken"]

_FIRST = frozenset(
    {
        "branch", "cached", "choose", "critical", "fallback", "keep", "loop", "retry", "saga",
        "sequence", "ticks", "timeout", "try_catch",
    }
)  # fmt: skip
_EVERY = frozenset({"parallel", "race"})


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
        elif flow.kind in _EVERY:
            then = flow.kind == "parallel" and flow.shape().get("then")
            sites += [kid for _, kid in site.order[: -1 if then else None]]
        elif flow.kind == "dag":
            sites += [kid for name, kid in site.order if not flow.shape()["after"][name]]
        elif isinstance(flow, Node) and flow.fn is not None and flow.leaf.signature.value:
            annotation = flow.leaf.hints.get(flow.leaf.signature.value_name, Any)
            if annotation is not Any and annotation not in found:
                found.append(annotation)
    return found


def input_readers(definition: Definition, types: Types) -> list[Reader]:
    """Read an input as each of the first nodes does."""
    return [Reader(annotation, types) for annotation in first_annotations(definition)]


def payload_given(value: Any, types: Types, limit: int) -> str:
    """A value that was given from outside as a payload; InputRefused where it isn't plain data."""
    try:
        return encode(value, types, limit=limit)
    except ValueRefused as error:
        raise InputRefused(error.message, path=error.path, hint=error.hint) from None


def require_taken(payload: str, readers: Iterable[Callable[[str], object]], flow: str) -> None:
    """InputRefused for an input that one of these readers of a flow's doesn't take."""
    for reader in readers:
        try:
            reader(payload)
        except ValueMismatch as error:
            raise InputRefused(
                f"the input doesn't fit the flow: {error.message}",
                flow=flow,
                path=error.path,
                hint=error.hint,
            ) from None


def read_today(definition: Definition | None, place: str, payload: str, types: Types) -> bool:
    """Whether today's flow can read an answer at a position, or by its tag.

    A type may have changed between a question and its answer: the schema that the run is pinned to
    and the answer are then of different versions, and what today's code reads, upcasts and all, is
    as good an answer.
    """
    for site in definition.program.sites.values() if definition is not None else ():
        asking = getattr(site.flow, "answers", None)
        declared = getattr(site.flow, "asked", {}).get(place)
        here = place in {site.position, getattr(site.flow, "tag", None)}
        asking = asking if asking is not None and here else declared
        if asking is not None:
            try:
                Reader(asking, types)(payload)
            except ValueMismatch:
                continue
            return True
    return False
