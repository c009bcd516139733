"""A program: a flow laid out by position, which is what a machine runs.

The layout is made without recursion, so that a flow may be nested as deep as memory allows.
"""

from __future__ import annotations

from typing import Any

from everflow.core.flow import Flow, Site
from everflow.core.ops import ROOT
from everflow.errors import WrongArgument

__all__ = ["MOST_SITES", "Program"]

MOST_SITES = 1_000_000


class Program:
    """``sites`` by position, ``root`` the first of them; ``name`` is the flow's."""

    __slots__ = ("flow", "name", "root", "sites")

    def __init__(self, flow: Flow[Any, Any], name: str = "") -> None:
        self.flow = flow
        self.name = name
        self.root = Site(flow.expanded(), ROOT)
        self.sites: dict[str, Site] = {ROOT: self.root}
        self._lay_out()

    def _lay_out(self) -> None:
        open_sites = [self.root]
        while open_sites:
            site = open_sites.pop()
            for key, child in site.flow.children():
                position = f"{site.position}/{key}"
                if key in site.kids:
                    raise WrongArgument(
                        f"two children are named {key!r}",
                        position=site.position,
                        hint="give them different labels: f.named(...)",
                    )
                kid = Site(child.expanded(), position)
                site.kids[key] = kid
                site.order.append((key, kid))
                self.sites[position] = kid
                open_sites.append(kid)
            if len(self.sites) > MOST_SITES:
                raise WrongArgument(f"the flow has more than {MOST_SITES:,} positions")
