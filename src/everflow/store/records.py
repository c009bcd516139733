"""Records: side data of every kind, by kind and key.

Schedules, queues, pauses, cached results and the like are records and not tables of their own. A
record is replaced whole. Its version is new at each writing and never used again, so that whoever
saw a version can write on condition that nobody wrote since, deletions included.
"""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, kw_only=True):
    """Side data as it stands. ``at``: when it was written; ``due``: when it asks for a look."""

    kind: str
    key: str
    version: int
    body: str
    at: int
    due: int | None = None


class Put(msgspec.Struct, kw_only=True):
    """A record to be written; ``body`` None deletes it, if it is there.

    ``expect``: 0 when it must not be there, a version when it must still be that one, None whatever
    there is. A batch is unconditional: there it counts for nothing. ``source`` is the number of the
    run for whose sake a batch writes it, if it is one: where that was taken from the worker, it
    isn't written. ``at`` is when it was written where that was elsewhere; only ``hand_all`` heeds
    it.
    """

    kind: str
    key: str
    body: str | None
    expect: int | None = None
    due: int | None = None
    source: int = 0
    at: int | None = None
