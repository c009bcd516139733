"""A program: a flow laid out by position, which is what a machine runs.

The layout is made without recursion, so that a flow may be nested as deep as memory allows.

A position never changes while a run lives: its op ids are made of it. So a run that was upgraded to
another shape takes its names along. Its program is the new flow with a ``Lineage``: what the run
knows already bears the name that it had, and what is new one that the run never used.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from everflow.core.flow import Flow, Site
from everflow.core.ops import ROOT
from everflow.errors import WrongArgument

__all__ = ["MOST_SITES", "Lineage", "Program", "lay_out"]

MOST_SITES = 1_000_000


class Lineage(msgspec.Struct, frozen=True):
    """What upgrades left behind: ``number`` counts them.

    ``names``: of positions that bear another name than the flow's own, the flow's. ``retired``:
    positions that the runs may have used and that are nobody's any more.
    """

    number: int
    names: dict[str, str] = {}
    retired: tuple[str, ...] = ()


class Program:
    """``sites`` by position, ``root`` the first of them; ``name`` is the flow's.

    ``bodies`` says whether there are any in direct style, and ``mounts`` holds what they awaited.
    """

    __slots__ = ("bodies", "flow", "lineage", "mounts", "name", "root", "sites")

    def __init__(
        self, flow: Flow[Any, Any], name: str = "", lineage: Lineage | None = None
    ) -> None:
        self.flow = flow
        self.name = name
        self.lineage = lineage
        self.sites = lay_out(flow, ROOT, {} if lineage is None else _own_names(lineage))
        self.root = self.sites[ROOT]
        self.bodies = any(site.flow.kind == "body" for site in self.sites.values())
        self.mounts: dict[tuple[str, str], Any] = {}


def lay_out(
    flow: Flow[Any, Any], position: str, own: Mapping[tuple[str, str], str] = MappingProxyType({})
) -> dict[str, Site]:
    """The sites of a flow that stands at a position, by position, the flow's own first."""
    root = Site(flow.expanded(), position)
    sites = {position: root}
    open_sites = [root]
    while open_sites:
        site = open_sites.pop()
        for name, child in site.flow.children():
            key = own.get((site.position, name), name)
            if key in site.kids:
                raise WrongArgument(
                    f"two children are named {key!r}",
                    position=site.position,
                    hint="give them different labels: f.named(...)",
                )
            kid = Site(child.expanded(), f"{site.position}/{key}")
            site.kids[key] = kid
            site.order.append((key, kid))
            sites[kid.position] = kid
            open_sites.append(kid)
        if len(sites) > MOST_SITES:
            raise WrongArgument(f"the flow has more than {MOST_SITES:,} positions")
    return sites


def _own_names(lineage: Lineage) -> dict[tuple[str, str], str]:
    """By parent and the flow's own name, the name that the run has for a child."""
    found = {}
    for position, name in lineage.names.items():
        parent, _, key = position.rpartition("/")
        found[parent, name] = key
    return found
