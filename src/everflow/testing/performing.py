"""Nodes performed on the caller's thread: sync ones as they are, async ones on a private loop.

The loop is made for the first async node and closed by ``close``. An async node that waits for the
world waits for real: the clock that jumps is the engine's, not the loop's.
"""

from __future__ import annotations

import asyncio

from everflow.core.node import Place
from everflow.engine.calling.callee import Ended
from everflow.engine.nodes.attempts import Attempt

__all__ = ["Performer"]


class Performer:
    """Calls an attempt's function and gives how it ended, None for a cancelled async node."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, attempt: Attempt) -> Ended | None:
        """Perform an attempt now."""
        callee = attempt.callee
        if callee.place != Place.LOOP:
            return callee.perform(attempt.payload, attempt.run)
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        try:
            return self._loop.run_until_complete(callee.perform_async(attempt.payload, attempt.run))
        except asyncio.CancelledError:
            return None

    def close(self) -> None:
        """Close the loop, if there is one."""
        if self._loop is not None:
            self._loop.close()
            self._loop = None
