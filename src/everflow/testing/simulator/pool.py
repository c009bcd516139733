"""A place of execution without threads: what was begun waits until the world performs it.

An attempt is performed (that is its effect) and told in two steps, so that a process may die in
between. A stopped thread can't be interrupted: it is performed all the same, and told late.
"""

from __future__ import annotations

from collections.abc import Callable

from everflow.core.node import Place
from everflow.engine.calling.callee import Ended
from everflow.engine.nodes.attempts import Attempt
from everflow.engine.nodes.settling import settles
from everflow.testing.performing import Performer

__all__ = ["StepPool"]

Tell = Callable[[Attempt, Ended | None], None]


class StepPool:
    """Implements ``everflow.engine.nodes.attempts.Pool``.

    ``seen`` is told what is begun, ``happened`` what was performed, and how that ended.
    """

    def __init__(
        self, performer: Performer, tell: Tell, seen: Callable[[Attempt], None], happened: Tell
    ) -> None:
        self.begun: list[Attempt] = []
        self.ended: list[tuple[Attempt, Ended | None]] = []
        self._performer = performer
        self._tell = tell
        self._seen = seen
        self._happened = happened

    def begin(self, attempt: Attempt) -> None:
        """Take an attempt in."""
        self._seen(attempt)
        self.begun.append(attempt)

    def stop(self, attempt: Attempt) -> bool:
        """Cancel an async node, whose end is told later; leave a thread alone."""
        if attempt.callee.place != Place.LOOP:
            return False
        if attempt in self.begun:
            self.begun.remove(attempt)
            self.ended.append((attempt, None))
        return True

    def close(self) -> None:
        """Forget everything."""
        self.begun.clear()
        self.ended.clear()

    def settles(self, pick: int) -> bool:
        """Whether the one that ``perform`` would perform writes with its result."""
        if not self.begun:
            return False
        return settles(self.begun[pick % len(self.begun)].run) is not None

    def perform(self, pick: int) -> Attempt | None:
        """Perform one of those that were begun; its end is told by ``tell``."""
        if not self.begun:
            return None
        attempt = self.begun.pop(pick % len(self.begun))
        end = self._performer(attempt)
        self._happened(attempt, end)
        self.ended.append((attempt, end))
        return attempt

    def tell(self, pick: int) -> Attempt | None:
        """Tell the end of one of those that were performed."""
        if not self.ended:
            return None
        attempt, end = self.ended.pop(pick % len(self.ended))
        self._tell(attempt, end)
        return attempt
