"""Records: one dict by kind and key, and two sorted lists for each kind.

The lists hold the keys, and when which of them is due; so a page costs what is in it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence

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
            self._take_out(put.kind, put.key)
            self._version += 1
            if put.body is not None:
                self._last_record += 1
                self._put_in(
                    Record(
                        kind=put.kind,
                        key=put.key,
                        version=self._last_record,
                        body=put.body,
                        at=at if put.at is None else put.at,
                        due=put.due,
                    )
                )

    def _put_in(self, record: Record) -> None:
        self._records[record.kind, record.key] = record
        insort(self._record_keys[record.kind], record.key)
        if record.due is not None:
            insort(self._record_dues[record.kind], (record.due, record.key))

    def _take_out(self, kind: str, key: str) -> None:
        gone = self._records.pop((kind, key), None)
        if gone is not None:
            keys, dues = self._record_keys[kind], self._record_dues[kind]
            del keys[bisect_left(keys, key)]
            if gone.due is not None:
                del dues[bisect_left(dues, (gone.due, key))]

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
        found: list[Record] = []
        for key in self._keys_from(kind, keys, prefix=prefix, after=after):
            if len(found) >= limit or not key.startswith(prefix):
                break
            found.append(replace(self._records[kind, key]))
        return found

    def _keys_from(
        self, kind: str, wanted: Sequence[str] | None, *, prefix: str, after: str
    ) -> Iterator[str]:
        """The keys in their order, from the first that may begin with the prefix."""
        if wanted is None:
            keys = self._record_keys.get(kind, [])
        else:
            keys = sorted(key for key in set(wanted) if (kind, key) in self._records)
        first = max(bisect_right(keys, after), bisect_left(keys, prefix)) if keys else 0
        return (keys[place] for place in range(first, len(keys)))

    @locked
    def due_records(self, kind: str, *, now: int, limit: int) -> list[Record]:
        """The records of a kind that are due."""
        dues = self._record_dues.get(kind, [])
        many = min(max(limit, 0), bisect_left(dues, (now + 1,)))
        return [replace(self._records[kind, key]) for _, key in dues[:many]]

    @locked
    def next_record_due(self, kind: str) -> int | None:
        """When the next record of a kind is due."""
        dues = self._record_dues.get(kind)
        return dues[0][0] if dues else None
