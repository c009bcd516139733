"""Flows of the corpus that a limit of time fails, so that a retry mends them; one of messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from everflow.core.algebra import ask, receive, suspend
from everflow.core.combine.control import timeout
from everflow.core.combine.parallel import parallel
from everflow.testing.simulator.nodes import away, hitch, kept, thrice, total, up

__all__ = ["limited"]


def limited() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """By name the flow and the tags that may be answered early."""
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    return {
        "impatient": (
            parallel(away >> thrice, timeout(minute, up >> suspend("now", int).keep() >> total))
            >> total,
            ("now",),
        ),
        "strict": (away >> ask("strict", int, within=minute) >> kept >> hitch, ("strict",)),
        "hearing": (
            parallel(
                receive("tip", int) >> thrice,
                up >> receive("tip", int, within=hour, default=3),
                away,
            )
            >> total,
            (),
        ),
    }
