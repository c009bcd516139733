"""Records: one dict by kind and key."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from everflow.store import Put, Record
from everflow.stores.memory.tables import Tables, locked


class Records(Tables):
    """The verbs that read records, and how they are written."""

    def _as_expected(self, put: Put) -> bool:
        record = self._records.get((put.kind, put.key))
        return put.expect in {None, 0 if record is None else record.version}

    def _put(self, puts: Sequence[Put], at: int) -> None:
        for put in {(put.kind, put.key): put for put in puts}.values():
            self._records.pop((put.kind, put.key), None)
            self._version += 1
            if put.body is not None:
                self._last_record += 1
                self._records[put.kind, put.key] = Record(
                    kind=put.kind,
                    key=put.key,
                    version=self._last_record,
                    body=put.body,
                    at=at,
                    due=put.due,
                )

    @locked
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
        found = [
            record
            for (its_kind, key), record in sorted(self._records.items())
            if its_kind == kind
            and (keys is None or key in keys)
            and key.startswith(prefix)
            and key > after
        ]
        return [replace(record) for record in found[: max(limit, 0)]]

    @locked
    def due_records(self, kind: str, *, now: int, limit: int) -> list[Record]:
        """The records of a kind that are due."""
        found = [record for due, _, record in self._dues(kind) if due <= now]
        return [replace(record) for record in found[: max(limit, 0)]]

    @locked
    def next_record_due(self, kind: str) -> int | None:
        """When the next record of a kind is due."""
        return next((due for due, _, _ in self._dues(kind)), None)

    def _dues(self, kind: str) -> list[tuple[int, str, Record]]:
        return sorted(
            (record.due, record.key, record)
            for record in self._records.values()
            if record.kind == kind and record.due is not None
        )
