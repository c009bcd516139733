"""What operators do to runs of any status: the next generation, and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw

from everflow.store import Put, Reopened
from everflow.stores.documents import as_json, puts_as_json
from everflow.stores.sqlite.desk import QUERIES, Desk


class Operating(Desk):
    """``reopen`` and ``relabel``."""

    def reopen(self, runs: Sequence[Reopened], *, at: int) -> list[bool]:
        """Open the next generation of failed runs."""
        rows = [(given.no, given.generation, *given.entry[1:]) for given in runs]
        with self._pen.transaction() as db:
            found = str(db.execute(QUERIES["reopenable"], {"runs": as_json(rows)}).get)
            places = self._decoded(found, set[int])
            values = {"runs": as_json([rows[place] for place in sorted(places)])}
            db.execute(QUERIES["reopen_runs"], {**values, "at": at})
            db.execute(QUERIES["reopen_entries"], values)
            opened = [question for place in places for question in runs[place].questions]
            db.execute(QUERIES["reopen_questions"], {"questions": as_json(opened)})
            self._put(db, [put for place in places for put in runs[place].puts], at)
        return [place in places for place in range(len(runs))]

    def relabel(
        self,
        nos: Sequence[int],
        labels: Mapping[str, str | None],
        puts: Sequence[Put] = (),
        *,
        at: int,
    ) -> None:
        """Give and take labels."""
        with self._pen.transaction() as db:
            self._put(db, puts, at)
            db.execute(QUERIES["relabel"], {"nos": as_json(nos), "labels": as_json(dict(labels))})

    def _put(self, db: apsw.Connection, puts: Sequence[Put], at: int) -> None:
        if puts:
            self._pen.told = []
            nothing = "[]", 0, 0, 0, "[]", "[]", "[]"
            db.execute(QUERIES["write"], (puts_as_json(puts), "[]", at, *nothing))
