"""When a worker looks at its store.

At once when somebody wrote; when a timer of a run that nobody owns is due; and now and then, though
nothing was heard of. Over a network each look is a round trip, and there may be a hundred workers.
"""

from __future__ import annotations

from everflow.store import Store

__all__ = ["Rounds"]

CLAIM_EVERY = 1_000_000  # microseconds between rounds, and between tries to claim for a timer
NET = 10_000_000  # microseconds after which is looked though nothing was heard of


class Rounds:
    """``stirred``: somebody wrote what may be of matter, so that the next round is soon.

    ``told``: the store says that somebody just wrote. The first is heeded at once, and all that
    follow within the time of a poll are looked at together.
    """

    def __init__(self, store: Store, poll_s: float) -> None:
        self._store = store
        self._poll = round(poll_s * 1_000_000)
        self._version = -1
        self._next_poll = self._calm = self._next = self._net = 0
        self._free_due: int | None = None
        self.stirred = True
        self.told = False

    def heard(self, boot: int) -> bool:
        """Whether others wrote since they were heard of last."""
        if boot < self._next_poll and not (self.told and boot >= self._calm):
            return False
        self._next_poll, self.told = boot + self._poll, False
        version = self._store.version()
        if version == self._version:
            return False
        self._version, self._calm, self.stirred = version, self._next_poll, True
        return True

    def begin(self, boot: int) -> bool:
        """Whether it is time for a round; then it begins."""
        if boot < self._net and not (self.stirred and boot >= self._next):
            return False
        self._next, self._net = boot + CLAIM_EVERY, boot + NET
        self._free_due = self._store.next_due(0)
        self.stirred = False
        return True

    def timer(self, now: int) -> bool:
        """Whether a run that nobody owns has a timer that is due: claim, and see what is next."""
        if self._free_due is None or now < self._free_due:
            return False
        self._free_due = now + CLAIM_EVERY  # it may be none that this worker can take
        self.stirred = True
        return True
