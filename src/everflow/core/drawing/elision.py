"""What is left out of a long flow, so that its drawing stays usable.

Of the children of one combinator the first and the last are shown, and those where the run stands;
what is left out between is one gap, which says how much it is and how far the run is in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from everflow.core.drawing.standing import LIVE, Standing
from everflow.core.flow import Site

__all__ = ["MOST", "Gap", "Kid", "shown"]

MOST = 20  # children of one combinator that are drawn, unless the caller says otherwise


class Kid(NamedTuple):
    """A child that is drawn."""

    name: str
    site: Site


class Gap(NamedTuple):
    """Children that aren't drawn."""

    words: str


def shown(
    order: list[tuple[str, Site]], stands: Mapping[str, Standing], most: int | None
) -> list[Kid | Gap]:
    """The children to draw, in order. At most about ``most``, and as many live ones; None: all."""
    if most is None or len(order) <= most:
        return [Kid(name, site) for name, site in order]
    kept = {*range(most - most // 2), *range(len(order) - most // 2, len(order))}
    live = (i for i, (_, s) in enumerate(order) if _mark(s, stands) in LIVE and i not in kept)
    kept |= {i for i, _ in zip(live, range(most), strict=False)}
    drawn: list[Kid | Gap] = []
    start = 0
    for index in sorted(kept):
        drawn += _between(order[start:index], stands)
        drawn.append(Kid(*order[index]))
        start = index + 1
    return drawn + _between(order[start:], stands)


def _between(left_out: list[tuple[str, Site]], stands: Mapping[str, Standing]) -> list[Kid | Gap]:
    if len(left_out) < 2:  # noqa: PLR2004 - a gap takes as much room as the one child would
        return [Kid(name, site) for name, site in left_out]
    counts = Counter(mark for _, site in left_out if (mark := _mark(site, stands)) is not None)
    said = ", ".join(f"{n:,} {mark}" for mark, n in counts.items())
    return [Gap(f"{len(left_out):,} more" + (f": {said}" if said else ""))]


def _mark(site: Site, stands: Mapping[str, Standing]) -> str | None:
    standing = stands.get(site.position)
    return None if standing is None else standing.mark
