"""Reading records. They are written with a batch or by ``write``, see ``session.sql``."""

from __future__ import annotations

from collections.abc import Sequence

from everflow.store import Record
from everflow.stores.documents import as_json
from everflow.stores.prefixes import beyond
from everflow.stores.sqlite.desk import Desk
from everflow.stores.sqlite.opening import Value


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
        filters: dict[str, Value] = {"kind": kind, "beyond": after}
        if keys is not None:
            filters["keys"] = as_json(keys)
        if prefix:
            filters["prefix"] = prefix
            if (end := beyond(prefix)) is not None:
                filters["below"] = end
        return self._ask_filtered("records", list[Record], filters, limit)

    def due_records(self, kind: str, *, now: int, limit: int) -> list[Record]:
        """The records of a kind that are due."""
        values: dict[str, Value] = {"kind": kind, "now": now, "limit": max(limit, 0)}
        return self._ask("due_records", list[Record], values)

    def next_record_due(self, kind: str) -> int | None:
        """When the next record of a kind is due."""
        return self._ask("next_record_due", tuple[int | None], {"kind": kind})[0]
