"""Who did what: one record for each thing that an operator had done.

Every call that changes runs, schedules, queues or data at somebody's word leaves one, in the
transaction of the change where the store's verb takes records; else right after it, so that what
was done and isn't in the audit was never acknowledged. Records are of kind "audit", and their keys
order them by time. Nothing reads them but people: they may be pruned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from everflow.engine.given.ids import Random, system_random
from everflow.store import Put, Record, Store

__all__ = ["AuditLine", "AuditQuery", "audit", "audit_lines", "prune_audit"]

KIND = "audit"
PAGE = 1_000


class AuditLine(msgspec.Struct, kw_only=True):
    """One thing that was done. ``at``: microseconds since the epoch; ``subject``: what isn't a run.

    ``detail`` is plain data about it: how many, which entry, what was said.
    """

    key: str = ""
    at: int
    by: str
    action: str
    run: str = ""
    subject: str = ""
    detail: dict[str, Any] = {}


class AuditQuery(msgspec.Struct, kw_only=True, frozen=True):
    """Filters, all of which must hold; ``since`` and ``before`` in microseconds."""

    run: str | None = None
    by: str | None = None
    action: str | None = None
    since: int | None = None
    before: int | None = None

    def holds(self, line: AuditLine) -> bool:
        """Whether the line is one that is asked for."""
        return (
            self.run in {None, line.run}
            and self.by in {None, line.by}
            and self.action in {None, line.action}
            and (self.since is None or line.at >= self.since)
            and (self.before is None or line.at < self.before)
        )


def audit(
    action: str,
    *,
    at: int,
    by: str = "",
    run: str = "",
    subject: str = "",
    random: Random = system_random,
    **detail: Any,
) -> Put:
    """The record of an operator's doing, to be written with it. Every command that acts uses this.

    ``action`` is its verb ("cancel", "upgrade", "erase"), ``run`` a run's public id, ``subject``
    any other thing as "kind:name" ("flow:publish", "schedule:digest"), ``detail`` plain JSON data.
    Give it to ``store.write([...], at=...)``, or to a verb that takes ``puts``.
    """
    line = AuditLine(at=at, by=by, action=action, run=run, subject=subject, detail=detail)
    key = f"{at:017}{random(4).hex()}"  # the order of texts is that of times
    return Put(kind=KIND, key=key, body=msgspec.json.encode(line).decode())


def audit_lines(store: Store, query: AuditQuery | None = None) -> Iterator[AuditLine]:
    """The lines that match, oldest first, read a page at a time."""
    asked = query or AuditQuery()
    after = ""
    while page := store.records(KIND, after=after, limit=PAGE):
        for record in page:
            line = _line(record)
            if asked.holds(line):
                yield line
        after = page[-1].key


def _line(record: Record) -> AuditLine:
    line = msgspec.json.decode(record.body, type=AuditLine)
    line.key = record.key
    return line


def prune_audit(store: Store, *, before: int, at: int) -> int:
    """Delete the lines from before that time; how many."""
    old = [line.key for line in audit_lines(store, AuditQuery(before=before))]
    for first in range(0, len(old), PAGE):
        keys = old[first : first + PAGE]
        store.write([Put(kind=KIND, key=key, body=None) for key in keys], at=at)
    return len(old)
