"""The status of a run: where it stands now, in one word.

A status is a summary for people and for finding what there is to do. It never decides what a run
does next: that follows from its journal alone. How one status follows another is in ``lifecycle``.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ACTIVE", "OUTCOMES", "Status"]


class Status(StrEnum):
    """Where a run stands. ``waiting`` is for a timer, ``suspended`` for an answer."""

    QUEUED = "queued"
    RUNNING = "running"
    SUSPENDED = "suspended"
    WAITING = "waiting"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    BLOCKED = "blocked"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HANDED_OFF = "handed_off"


ACTIVE = frozenset({Status.QUEUED, Status.RUNNING, Status.CANCELLING})
OUTCOMES = frozenset({Status.DONE, Status.FAILED, Status.CANCELLED, Status.HANDED_OFF})
