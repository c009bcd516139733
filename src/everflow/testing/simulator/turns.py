"""Flows of the corpus in which some wait for their turn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from everflow.core.algebra import suspend
from everflow.core.combine.control import timeout, try_catch
from everflow.core.combine.each import each
from everflow.core.combine.parallel import parallel
from everflow.core.combine.saga import saga
from everflow.core.combine.sections import critical
from everflow.core.combine.waiting import sleep
from everflow.testing.simulator.nodes import away, back, rescue, spread, summed, thrice, total, up

__all__ = ["sections"]


def sections() -> dict[str, tuple[Any, tuple[str, ...]]]:
    """By name the flow and the tags that may be answered early; one holder is undone."""
    minute = timedelta(minutes=1)
    alone = critical("desk", saga((thrice, back), suspend("desk", int) >> away))
    return {
        "one at a time": (
            parallel(
                critical("desk", away >> sleep(20)), critical("desk", thrice), critical("desk", up)
            )
            >> total,
            (),
        ),
        "each at the desk": (spread >> each(critical("desk", away >> thrice)) >> summed, ()),
        "leaving the desk": (
            parallel(try_catch(timeout(minute, alone), rescue), critical("desk", thrice)) >> total,
            (),
        ),
    }
