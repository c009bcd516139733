"""Handing: what is here of runs that other instances have, too, and what becomes of them.

The revision of what is beside a run's entries is a column that all who write count, once it is
above 0: so no other run pays for it. ``hand_all`` sets it last of all: what it writes is no change.

Whoever hands locks the living owners first, in the order of their ids, and then the runs, in the
order of their numbers, as a batch does. A batch that bears something of a run that is being taken
comes before that, or sees the mark at its worker. However many acts there are, it is the same few
statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from everflow.store import (
    Branch,
    Hand,
    Here,
    Imported,
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
from everflow.stores.postgres.keeping import Keeping, run_doc
from everflow.stores.postgres.marking import marked, unmarked
from everflow.stores.postgres.operating import Cursor
from everflow.stores.postgres.rows import RUN_COLUMNS, run_row
from everflow.stores.refusals import Changed

__all__ = ["Handing"]

_encode = msgspec.json.Encoder().encode
_branch = msgspec.json.Decoder(Branch).decode
_TRIES = 100


class _Keyed(msgspec.Struct):
    flow: str
    key: str | None


class _Packed(msgspec.Struct):
    """What is packed of a copy, as far as its key."""

    row: _Keyed


class Handing(Keeping):
    """The verbs for runs that more than one instance has."""

    def tenures(self, runs: Sequence[str]) -> list[Tenure]:
        """What is here of these runs."""
        return _tenures(self._rows("tenures", {"runs": [marked(run) for run in runs]}))

    def slice(self, run: str, after: int) -> Slice:
        """What is shipped of a run."""
        (found,) = self._slices([(run, after)])
        return found

    def slices(self, runs: Sequence[str]) -> list[Slice]:
        """All of these runs."""
        return self._slices([(run, 0) for run in runs])

    def _slices(self, asked: Sequence[tuple[str, int]]) -> list[Slice]:
        with self._transaction(snapshot=True) as cursor:
            heres = self._here(cursor, dict(asked))
            found = [shipped(run, heres.get(run), after) for run, after in asked]
            named = [definitions_in(one.whole.row, one.whole.entries) for one in found]
            hashes = [marked(hash_) for hash_ in {one for names in named for one in names}]
            cursor.execute(self._sql("definitions_named"), {"hashes": hashes})
            bodies = {unmarked(hash_): unmarked(body) for hash_, body in cursor}
        for one, names in zip(found, named, strict=True):
            one.definitions = [(hash_, bodies.pop(hash_)) for hash_ in names if hash_ in bodies]
        return found

    def _here(self, cursor: Cursor, asked: dict[str, int]) -> dict[str, Here]:
        """What is here of these runs, with their entries from those seqs on."""
        cursor.execute(self._sql("here"), {"runs": [marked(run) for run in asked]})
        found = cursor.fetchall()
        rows = [run_row(values) for values in found]
        eras = [values[RUN_COLUMNS - 1] for values in found]
        parts = [(row, era, asked[row.id]) for row, era in zip(rows, eras, strict=True)]
        heres: dict[str, Here] = {}
        for whole, values in zip(self._wholes(cursor, parts), found, strict=True):
            owner, seq, rev, copy = values[RUN_COLUMNS:]
            heres[whole.row.id] = Here(
                no=whole.row.no,
                owner=owner,
                seq=seq,
                rev=rev,
                copy=None if copy is None else unmarked(copy),
                whole=whole,
            )
        return heres

    def hand(self, act: Hand, *, at: int) -> bool:
        """Write a tenure and what follows from it."""
        return self.hand_all([act], at=at)

    def hand_all(
        self, acts: Sequence[Hand], *, at: int, puts: Sequence[Put] = (), families: bool = False
    ) -> bool:
        """Several acts, all or none."""

        def work(cursor: Cursor) -> bool:
            return self._hand(cursor, acts, at, puts, families=families)

        for _ in range(_TRIES):
            try:
                return self._in_transaction(work)
            except Changed:  # another owner, or another run of that name or key, meanwhile
                continue
        return self._in_transaction(work)

    def _hand(
        self, cursor: Cursor, acts: Sequence[Hand], at: int, puts: Sequence[Put], *, families: bool
    ) -> bool:
        asked = {"runs": [marked(act.run) for act in acts]}
        self._lock(cursor, asked["runs"])
        if families and cursor.execute(self._sql("relatives"), asked).fetchone() is not None:
            return False
        seen = _tenures(cursor.execute(self._sql("tenures"), asked).fetchall())
        met = list(zip(acts, seen, strict=True))
        if not all(act.saw(tenure) for act, tenure in met):
            return False
        firsts = {act.run: kept_of(it.seq, it.rev, act.keep)[0] for act, it in met}
        heres = self._here(cursor, firsts)
        keys = self._keys(cursor, acts, heres.values())
        moves = [
            planned(act, tenure, heres.get(act.run), at=at, keyed=lambda *key: keys.get(key))
            for act, tenure in met
        ]
        self._move(
            cursor, [(heres.get(act.run), move) for act, move in zip(acts, moves, strict=True)]
        )
        self._put(cursor, [*puts, *(put for move in moves for put in move.puts)], at)
        cursor.execute(self._sql("tell"))
        return True

    def _lock(self, cursor: Cursor, runs: Sequence[str]) -> None:
        """Have nobody else write these runs; ``Changed`` where one has another owner by now."""
        asked = {"runs": runs}
        cursor.execute(self._sql("lock_handing"))
        cursor.execute(self._sql("lock_owners"), asked)
        owners = set(cursor)
        cursor.execute(self._sql("lock_named"), asked)
        if not owners.issuperset(cursor.execute(self._sql("living_owners"), asked)):
            raise Changed("a run was claimed meanwhile")

    def _keys(
        self, cursor: Cursor, acts: Sequence[Hand], heres: Iterable[Here]
    ) -> dict[tuple[str, str], int]:
        """The runs here of all keys that these may have, by flow and key."""
        rows = [(act.add.whole.row.flow, act.add.whole.row.key) for act in acts if act.add]
        for here in heres:
            rows.append((here.whole.row.flow, here.whole.row.key))
            if here.copy is not None:
                packed = msgspec.json.decode(here.copy, type=_Packed).row
                rows.append((packed.flow, packed.key))
        asked = {(flow, key) for flow, key in rows if key is not None}
        if not asked:
            return {}
        values = {
            "flows": [marked(flow) for flow, _ in asked],
            "keys": [marked(key) for _, key in asked],
        }
        found = cursor.execute(self._sql("keyed"), values)
        return {(unmarked(flow), unmarked(key)): no for flow, key, no in found}

    def _move(self, cursor: Cursor, moves: Sequence[tuple[Here | None, Move]]) -> None:
        """Write what the acts come to, each kind of change in one statement."""
        here = [(here, move) for here, move in moves if here is not None]
        self._take(cursor, [one for one, move in here if one.owner and move.taken])
        fenced = [one.no for one, move in here if move.fenced]
        if fenced:
            cursor.execute(self._sql("delete_beside"), {"nos": fenced})
        stood = [move for _, move in moves if move.row is not None]
        nos = self._restand(cursor, [move.row for move in stood if move.row is not None])
        cuts = {no: move.cut for no, move in zip(nos, stood, strict=True) if move.cut is not None}
        if cuts:
            values = {"nos": list(cuts), "firsts": list(cuts.values())}
            cursor.execute(self._sql("cut_off"), values)
        self._define(cursor, list(dict.fromkeys(one for move in stood for one in move.definitions)))
        self._add(cursor, dict(zip(nos, (move.entries for move in stood), strict=True)))
        beside: dict[int, Imported] = {
            no: move.beside for no, move in zip(nos, stood, strict=True) if move.beside is not None
        }
        self._put_beside(cursor, beside)
        revs: dict[int, int | None] = {one.no: move.rev for one, move in here}
        revs |= {no: move.rev for no, move in zip(nos, stood, strict=True)}
        if revs:
            self._settle(cursor, revs)

    def _take(self, cursor: Cursor, heres: Sequence[Here]) -> None:
        if heres:
            values = {
                "workers": [here.owner for here in heres],
                "nos": [here.no for here in heres],
                "runs": [marked(here.whole.row.id) for here in heres],
            }
            cursor.execute(self._sql("take"), values)

    def _restand(self, cursor: Cursor, rows: Sequence[RunRow]) -> list[int]:
        """Write the rows of runs, new or not; their numbers."""
        known = [run_doc(row, row.no) for row in rows if row.no]
        if known:
            cursor.execute(self._sql("restand"), {"runs": _encode(known).decode()})
        new = [row for row in rows if not row.no]
        nos = iter(self._stand(cursor, new) if new else [])
        return [row.no or next(nos) for row in rows]

    def branches(self, run: str) -> list[Branch]:
        """What was set aside of a run."""
        name = marked(run)
        bodies = self._rows("branches", {"first": f"{name}/", "last": f"{name}0"})
        found = [_branch(unmarked(body)) for (body,) in bodies]
        return [branch for branch in found if branch.run == run]

    def kinds(self) -> list[str]:
        """The kinds of records."""
        return [unmarked(kind) for (kind,) in self._rows("kinds")]

    def definitions(self, *, after: str = "", limit: int = 1000) -> list[tuple[str, str]]:
        """The definitions above a hash."""
        found = self._rows("definitions", {"after": marked(after), "limit": max(limit, 0)})
        return [(unmarked(hash_), unmarked(body)) for hash_, body in found]


def _tenures(rows: Sequence[tuple[object, ...]]) -> list[Tenure]:
    found = []
    for run, body, version, seq, rev, status in rows:
        fields = {"version": version, "seq": seq, "rev": rev, "status": status}
        names = {"run": unmarked(str(run)), "body": unmarked(str(body))}
        found.append(msgspec.convert(names | fields, Tenure))
    return found
