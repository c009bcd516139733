"""Retention by eras: what is let go of leaves its entries behind, and whole eras are dropped.

An era is a partition of the journal, and a run's entries are all in one. Each step stands by what
it finds in the server's catalog, so that it doesn't matter at which one somebody was cut:

* ``in``: a part of the journal. Once it is over, what is left in it is moved to the present era;
  then it is detached, which waits for whoever may still read it and makes nobody wait.
* ``leaving``: the detaching was cut, and is finished.
* ``loose``: no part of the journal any more, dropped. Should a run be of that era after all (its
  start took as long as the era was kept), it is attached again and the run moved.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec
import psycopg

from everflow.errors import StoreError, StoreReadOnly
from everflow.store import LetGo, Reclaimed, Retention
from everflow.stores.postgres.desk import Desk
from everflow.stores.postgres.marking import marked, unmarked

_FIRST = (-(1 << 63), 0)
_SHARE = 4  # an era is this part of the span that runs are kept
_LOOKED, _MOVED = 10_000, 200  # runs that one step looks at, and that it moves
# A table that isn't there, is there, or isn't what it was: SQLSTATEs of what was done already.
_DONE = frozenset(("42P01", "42P07", "42809", "55000"))
_as_json = msgspec.json.Encoder().encode


class Era(NamedTuple):
    """A partition of the journal. Times are None where there was no later era yet."""

    no: int
    present: bool
    began: int
    over: int | None
    state: Literal["in", "leaving", "loose"]
    size: int
    ours: bool  # whether we may change it


class Retaining(Desk):
    """``let_go`` and ``reclaim``."""

    def let_go(
        self,
        retention: Retention,
        *,
        after: tuple[int, int] | None = None,
        limit: int = 100,
        dry: bool = False,
    ) -> LetGo:
        """Delete ended runs that are old enough, but for their entries."""
        limit = max(limit, 0)
        kinds = [marked(kind) for kind in retention.kinds]
        keep = _labels(retention)
        ((gone, kept, created, no, looked),) = self._call(
            "retain", retention.before, keep, kinds, *(after or _FIRST), limit, dry
        )
        return LetGo(
            gone=[unmarked(id_) for id_ in gone],
            kept=kept,
            after=(created, no) if looked and looked == limit else None,
        )

    def reclaim(
        self, retention: Retention, *, at: int, after: int = 0, dry: bool = False
    ) -> Reclaimed:
        """Begin an era, or empty and drop one that is over."""
        eras = [Era(*values) for values in self._rows("eras")]
        present = next(era for era in eras if era.present)
        old = [era for era in eras if era.over is not None and era.over <= retention.before]
        ripe = present.began < at - (at - retention.before) // _SHARE
        if dry:
            return self._to_reclaim(retention, old, begun=ripe)
        parted = next((era for era in eras if era.state != "in"), None)
        if not present.ours and (ripe or old or parted):
            raise StoreReadOnly(
                f"Only the owner of the schema may end an era of the store {self._name}: the runs "
                "are let go of, and their journals keep their room.",
                hint="let the schema's owner run `everflow retain`, too",
            )
        try:
            if parted is not None:
                return self._part(parted)
            if ripe:
                self._begin_era(at)
                return Reclaimed(begun=1, more=True)
            return self._empty(old[0], after) if old else Reclaimed()
        except StoreError as error:
            cause = error.__cause__
            others = isinstance(cause, psycopg.Error) and cause.sqlstate in _DONE
            if not others or self._standing() == [(era.no, era.state) for era in eras]:
                raise
            return Reclaimed(more=True)  # somebody else did just that

    def _standing(self) -> list[tuple[int, str]]:
        eras = [Era(*values) for values in self._rows("eras")]
        return [(era.no, era.state) for era in eras]

    def _to_reclaim(self, retention: Retention, old: list[Era], *, begun: bool) -> Reclaimed:
        values = {"eras": [era.no for era in old], "before": retention.before}
        ((left,),) = self._rows("left_in_eras", {**values, "keep": _labels(retention)})
        size = sum(era.size for era in old)
        return Reclaimed(begun=int(begun), moved=left, dropped=len(old), size=size)

    def _begin_era(self, at: int) -> None:
        def begin(cursor: psycopg.Cursor[tuple[Any, ...]]) -> None:
            ((era,),) = cursor.execute(self._sql("next_era")).fetchall()
            cursor.execute(self._of_era("make_era", era))
            cursor.execute(self._of_era("attach_era", era))
            cursor.execute(self._sql("note_era"), {"era": era, "at": at})
            cursor.execute(self._sql("begin_era"), {"era": era})

        self._in_transaction(begin)

    def _empty(self, era: Era, after: int) -> Reclaimed:
        """Move what is left in an era; once that is nothing, detach it."""
        ((moved, last, looked),) = self._call("move_on", era.no, after, _LOOKED, _MOVED)
        if looked:
            return Reclaimed(moved=moved, after=last, more=True)
        if not self._is_used(era):
            self._era_statement("detach_era", era.no)
        return Reclaimed(more=True)

    def _part(self, era: Era) -> Reclaimed:
        """Go on where an era was about to go."""
        if era.state == "leaving":
            self._era_statement("finish_era", era.no)
            return Reclaimed(more=True)
        if self._is_used(era):
            self._era_statement("attach_era", era.no)
            return Reclaimed(more=True)
        self._era_statement("drop_era", era.no)
        return Reclaimed(dropped=1, size=era.size, more=True)

    def _is_used(self, era: Era) -> bool:
        ((used,),) = self._rows("era_in_use", {"era": era.no})
        return bool(used)

    def _era_statement(self, query: str, era: int) -> None:
        self._execute(self._of_era(query, era), ())

    def _of_era(self, query: str, era: int) -> str:
        return self._sql(query).replace("<era>", str(era))


def _labels(retention: Retention) -> str:
    pairs = [
        (marked(name), None if value is None else marked(value)) for name, value in retention.keep
    ]
    return _as_json(pairs).decode()
