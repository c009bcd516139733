"""Answers as they were asked for: plain JSON, typed at a prompt, becomes what the flow names.

Whoever accepts an answer needs no code, only the question's schema. The run's owner has today's
flow with its type, so the answer is journaled as a value of that type, and all that consume it get
the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everflow.core.combine.signals import Receive
from everflow.core.flow import Site
from everflow.core.values import Reader, Types, encode
from everflow.errors import ValueMismatch, ValueRefused

__all__ = ["as_asked", "kept_as", "position_of_name", "position_of_tag"]

_PLAIN = (Any, object, None, bool, int, str)  # what JSON says already


def as_asked(sites: Mapping[str, Site], position: str, payload: str, types: Types) -> str:
    """The payload of an answer to the question at that position."""
    site = sites.get(position)
    kind = getattr(site.flow, "answers", None) if site is not None else None
    if site is None or kind in _PLAIN:
        return payload
    if site.made is None:
        site.made = Reader(kind, types)
    return _typed(site.made, payload, types)


def kept_as(sites: Mapping[str, Site], tag: str, payload: str, types: Types) -> str:
    """The payload of an answer that comes before its question."""
    if place := position_of_tag(sites, tag):
        return as_asked(sites, place, payload, types)
    declared = (getattr(site.flow, "asked", {}).get(tag) for site in sites.values())
    kind = next((kind for kind in declared if kind is not None), None)
    return payload if kind in _PLAIN else _typed(Reader(kind, types), payload, types)


def _typed(read: Reader, payload: str, types: Types) -> str:
    try:
        return encode(read(payload), types)
    except (ValueMismatch, ValueRefused):
        return payload  # its schema took it: whether it fits is for its consumer to say


def position_of_tag(sites: Mapping[str, Site], tag: str) -> str:
    """Where a tag is asked; empty where the definition has it nowhere."""
    found = sites.values()
    return next((site.position for site in found if getattr(site.flow, "tag", "") == tag), "")


def position_of_name(sites: Mapping[str, Site], name: str) -> str:
    """Where signals of a name are received; empty where the definition has it nowhere."""
    for site in sites.values():
        if isinstance(site.flow, Receive) and site.flow.name == name:
            return site.position
    return ""
