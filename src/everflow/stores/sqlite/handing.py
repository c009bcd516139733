"""Handing: what is here of a run that other instances have, too, and what becomes of it.

The revision of what is beside a run's entries is a column that all who write count, once it is
above 0: so no other run pays for it. ``hand`` sets it last of all: what it writes is no change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import apsw

from everflow.store import (
    Branch,
    Hand,
    Here,
    Move,
    Put,
    RunRow,
    Slice,
    Tenure,
    definitions_in,
    kept_of,
    planned,
    shipped,
)
from everflow.stores.documents import as_json, puts_as_json
from everflow.stores.sqlite.desk import QUERIES
from everflow.stores.sqlite.keeping import Keeping, fields_of
from everflow.stores.sqlite.opening import Value

_BESIDE = ("delete_inbox", "delete_questions", "delete_heard")


class Handing(Keeping):
    """The verbs for runs that more than one instance has."""

    def tenures(self, runs: Sequence[str]) -> list[Tenure]:
        """What is here of these runs."""
        return self._ask("tenures", list[Tenure], {"runs": as_json(runs)})

    def slice(self, run: str, after: int) -> Slice:
        """What is shipped of a run."""
        (here,) = self._ask("heres", list[Here | None], {"asked": as_json([(run, after)])})
        found = shipped(run, here, after)
        named = as_json(definitions_in(found.whole.row, found.whole.entries))
        asked = {"hashes": named}
        found.definitions = self._ask("definitions_named", list[tuple[str, str]], asked)
        return found

    def slices(self, runs: Sequence[str]) -> list[Slice]:
        """All of these runs."""
        asked = {"asked": as_json([(run, 0) for run in runs])}
        heres = self._ask("heres", list[Here | None], asked)
        found = [shipped(run, here, 0) for run, here in zip(runs, heres, strict=True)]
        named = [definitions_in(one.whole.row, one.whole.entries) for one in found]
        wanted = as_json(list({hash_ for hashes in named for hash_ in hashes}))
        given = dict(self._ask("definitions_named", list[tuple[str, str]], {"hashes": wanted}))
        for one, hashes in zip(found, named, strict=True):
            one.definitions = [(hash_, given.pop(hash_)) for hash_ in hashes if hash_ in given]
        return found

    def hand(self, act: Hand, *, at: int) -> bool:
        """Write a tenure and what follows from it."""
        return self.hand_all([act], at=at)

    def hand_all(
        self, acts: Sequence[Hand], *, at: int, puts: Sequence[Put] = (), families: bool = False
    ) -> bool:
        """Several acts, all or none."""
        with self._pen.transaction() as db:
            runs = {"runs": as_json([act.run for act in acts])}
            if families and db.execute(QUERIES["relatives"], runs).get:
                return False
            tenures = str(db.execute(QUERIES["tenures"], runs).get)
            met = list(zip(acts, self._decoded(tenures, list[Tenure]), strict=True))
            if not all(act.saw(seen) for act, seen in met):
                return False
            for act, seen in met:
                self._act(db, act, seen, at)
            if puts:
                db.execute(QUERIES["put_records"], {"puts": _carried(puts), "at": at})
        return True

    def _act(self, db: apsw.Connection, act: Hand, seen: Tenure, at: int) -> None:
        first, _ = kept_of(seen.seq, seen.rev, act.keep)
        found = str(db.execute(QUERIES["heres"], {"asked": as_json([(act.run, first)])}).get)
        (here,) = self._decoded(found, list[Here | None])
        move = planned(act, seen, here, at=at, keyed=lambda *key: _keyed(db, *key))
        self._move(db, here, move)
        db.execute(QUERIES["put_records"], {"puts": puts_as_json(move.puts), "at": at})

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

    def kinds(self) -> list[str]:
        """The kinds of records."""
        return self._ask("kinds", list[str])

    def definitions(self, *, after: str = "", limit: int = 1000) -> list[tuple[str, str]]:
        """The definitions above a hash."""
        asked: dict[str, Value] = {"beyond": after, "limit": max(limit, 0)}
        return self._ask("definitions_after", list[tuple[str, str]], asked)


def _carried(puts: Sequence[Put]) -> str:
    """Records as a statement takes them, with when they were written elsewhere."""
    last = {(put.kind, put.key): put for put in puts}
    return as_json([(put.kind, put.key, put.body, put.due, put.at) for put in last.values()])


def _keyed(db: apsw.Connection, flow: str, key: str) -> int | None:
    return cast("int | None", db.execute(QUERIES["keyed"], {"flow": flow, "key": key}).get)
