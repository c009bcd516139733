"""Time as an instance knows it: its own boot clock, which starts at 0 with each life.

No wall clock is in here, and no two instances compare readings. What is promised across two of
them is a span, and the drift of their clocks is bounded.
"""

from __future__ import annotations

import msgspec

__all__ = ["MILLION", "SECOND", "Moment", "ends", "surely_within"]

SECOND = 1_000_000
MILLION = 1_000_000


class Moment(msgspec.Struct, frozen=True, array_like=True):
    """A reading of a boot clock in microseconds; ``life`` names the boot that it counts from."""

    life: str
    at: int


def ends(since: Moment, span: int, now: Moment) -> int:
    """When at least that span will have passed, by my clock of now.

    After a new boot, only what passed since then is known to have.
    """
    return span + (since.at if since.life == now.life else 0)


def surely_within(span: int, drift: int) -> int:
    """A span of my clock that ends before ``span`` of another one does, begun no later.

    Both run true to within ``drift`` millionths: mine may be slow while the other is fast.
    """
    return span * (MILLION - drift) // (MILLION + drift)
