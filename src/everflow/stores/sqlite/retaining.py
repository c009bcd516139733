"""Letting go of ended runs. The file keeps its size: what is written next takes the room."""

from __future__ import annotations

from collections.abc import Sequence

from everflow.store import LetGo, Retention
from everflow.stores.documents import as_json
from everflow.stores.eraless import Eraless
from everflow.stores.sqlite.desk import QUERIES, Desk
from everflow.stores.sqlite.opening import Value

_ENTRIES = 10_000  # that one transaction deletes, unless a single run has more
_FIRST = (-(1 << 63), 0)
_OF_RUNS = ("entries", "questions", "inbox", "heard", "branches", "records", "numbers", "runs")
Seen = tuple[int, int, str, bool, bool, int]  # created, no, id, whether it's old, kept; entries


class Retaining(Desk, Eraless):
    """``let_go``; there is nothing else to give back."""

    def let_go(
        self,
        retention: Retention,
        *,
        after: tuple[int, int] | None = None,
        limit: int = 100,
        dry: bool = False,
    ) -> LetGo:
        """Delete ended runs that are old enough."""
        created, no = after or _FIRST
        limit = max(limit, 0)
        values: dict[str, Value] = {"before": retention.before, "keep": as_json(retention.keep)}
        values |= {"created": created, "no": no, "limit": limit}
        if dry:
            seen = self._ask("old_runs", list[Seen], values)
            return _told(seen, more=len(seen) == limit)
        with self._pen.transaction() as db:
            found = str(db.execute(QUERIES["old_runs"], values).get)
            looked = self._decoded(found, list[Seen])
            seen = _bounded(looked)
            nos = [no for _, no, _, old, kept, _ in seen if old and not kept]
            if nos:
                given = {"nos": as_json(nos), "kinds": as_json(retention.kinds)}
                for what in _OF_RUNS:
                    db.execute(QUERIES[f"let_go_{what}"], given)
        return _told(seen, more=len(looked) == limit or len(seen) < len(looked))


def _bounded(seen: list[Seen]) -> list[Seen]:
    """Those of the first runs that a transaction may delete."""
    entries = 0
    for place, (*_, old, kept, many) in enumerate(seen):
        entries += many if old and not kept else 0
        if place and entries > _ENTRIES:
            return seen[:place]
    return seen


def _told(seen: Sequence[Seen], *, more: bool) -> LetGo:
    return LetGo(
        gone=[id_ for _, _, id_, old, kept, _ in seen if old and not kept],
        kept=sum(old and kept for _, _, _, old, kept, _ in seen),
        after=seen[-1][:2] if seen and more else None,
    )
