"""Handing: what is here of a run that other instances have, too, and what becomes of it.

The revision of what is beside a run's entries is a column that all who write count, once it is
above 0: so no other run pays for it. ``hand`` sets it last of all: what it writes is no change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import apsw
from msgspec.structs import replace

from everflow.errors import NoSuchRun
from everflow.store import (
    Branch,
    Hand,
    Here,
    Move,
    RunRow,
    Slice,
    Tenure,
    definitions_in,
    kept_of,
    planned,
    unpack,
)
from everflow.stores.sqlite.desk import QUERIES, as_json
from everflow.stores.sqlite.keeping import Keeping, fields_of
from everflow.stores.sqlite.opening import Value
from everflow.stores.sqlite.writing import puts_as_json
from everflow.stores.sums import check_sums

_BESIDE = ("delete_inbox", "delete_questions", "delete_heard")


class Handing(Keeping):
    """The verbs for runs that more than one instance has."""

    def tenures(self, runs: Sequence[str]) -> list[Tenure]:
        """What is here of these runs."""
        return self._ask("tenures", list[Tenure], {"runs": as_json(runs)})

    def slice(self, run: str, after: int) -> Slice:
        """What is shipped of a run."""
        (here,) = self._ask("here", tuple[Here | None], {"run": run, "after": after})
        side = None if here is None else here.side
        if here is None or side is None:
            raise NoSuchRun(f"Nothing whole of the run {run} is here.", run=run)
        entries = here.whole.entries
        check_sums(run, entries)
        whole = replace(unpack(side), entries=entries)
        named = as_json(definitions_in(whole.row, entries))
        return Slice(
            after=after,
            whole=whole,
            definitions=self._ask("definitions", list[tuple[str, str]], {"hashes": named}),
            seq=here.seq,
            rev=here.rev,
        )

    def hand(self, act: Hand, *, at: int) -> bool:
        """Write a tenure and what follows from it."""
        with self._pen.transaction() as db:
            runs = {"runs": as_json([act.run])}
            (seen,) = self._decoded(str(db.execute(QUERIES["tenures"], runs).get), tuple[Tenure])
            if (seen.version, seen.seq, seen.rev) != (act.version, act.seq, act.rev):
                return False
            first, _ = kept_of(seen.seq, seen.rev, act.keep)
            values: dict[str, Value] = {"run": act.run, "after": first}
            found = str(db.execute(QUERIES["here"], values).get)
            (here,) = self._decoded(found, tuple[Here | None])
            move = planned(act, seen, here, at=at, keyed=lambda *key: _keyed(db, *key))
            self._move(db, here, move)
            db.execute(QUERIES["put_records"], {"puts": puts_as_json(move.puts), "at": at})
        return True

    def _move(self, db: apsw.Connection, here: Here | None, move: Move) -> None:
        no = 0 if here is None else here.no
        if here is not None and here.owner and move.taken:
            taken = {"worker": here.owner, "no": no, "run": here.whole.row.id}
            db.execute(QUERIES["take"], taken)
            db.execute(QUERIES["mark"], {"worker": here.owner})
        for what in _BESIDE if move.fenced else ():
            db.execute(QUERIES[what], {"no": no})
        if move.row is not None:
            no = self._stand(db, move.row)
            if move.cut is not None:
                db.execute(QUERIES["cut_off"], {"no": no, "first": move.cut})
            given = {"definitions": as_json(move.definitions)}
            db.execute(QUERIES["install_definitions"], given)
            db.execute(QUERIES["install_entries"], {"no": no, "entries": as_json(move.entries)})
            if move.beside is not None:
                self._put_beside(db, no, move.beside)
        db.execute(QUERIES["revise"], {"no": no, "rev": move.rev})

    def _stand(self, db: apsw.Connection, row: RunRow) -> int:
        """Write a run's row; its number."""
        no = row.no or cast("int", db.execute(QUERIES["highest_no"]).get) + 1
        db.execute(QUERIES["restand" if row.no else "install_run"], fields_of(row, no))
        return no

    def branches(self, run: str) -> list[Branch]:
        """What was set aside of a run."""
        bodies = self._ask("branches", list[str], {"run": run})
        found = [self._decoded(body, Branch) for body in bodies]
        return [branch for branch in found if branch.run == run]


def _keyed(db: apsw.Connection, flow: str, key: str) -> int | None:
    return cast("int | None", db.execute(QUERIES["keyed"], {"flow": flow, "key": key}).get)
