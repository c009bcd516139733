"""Reading records. They are written with a batch or by ``write``, see ``code_records.sql``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from everflow.store import Record
from everflow.stores.postgres.desk import Desk
from everflow.stores.postgres.marking import marked, unmarked
from everflow.stores.prefixes import beyond


class Records(Desk):
    """The verbs that read records."""

    def records(
        self,
        kind: str,
        *,
        keys: Sequence[str] | None = None,
        prefix: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> list[Record]:
        """The records of a kind, by key."""
        filters: dict[str, object] = {"kind": marked(kind), "beyond": marked(after)}
        if keys is not None:
            filters["keys"] = [marked(key) for key in keys]
        if prefix:
            prefix = marked(prefix)
            filters["prefix"] = prefix
            end = beyond(prefix)
            filters["beginning" if end is None else "below"] = prefix if end is None else end
        return [_record(values) for values in self._filtered("records", filters, limit)]

    def due_records(self, kind: str, *, now: int, limit: int) -> list[Record]:
        """The records of a kind that are due."""
        values = {"kind": marked(kind), "now": now, "limit": max(limit, 0)}
        return [_record(found) for found in self._rows("due_records", values)]

    def next_record_due(self, kind: str) -> int | None:
        """When the next record of a kind is due."""
        ((due,),) = self._rows("next_record_due", {"kind": marked(kind)})
        return None if due is None else int(due)


def _record(values: tuple[Any, ...]) -> Record:
    kind, key, version, body, at, due = values
    return Record(
        kind=unmarked(kind), key=unmarked(key), version=version, body=unmarked(body), at=at, due=due
    )
