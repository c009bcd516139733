"""Handing: what is here of a run that other instances have, too, and what becomes of it.

``_revs`` holds a run's revision and what was beside its entries at that: whoever asks sees whether
it changed since. So nothing that writes has to count.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from everflow.errors import NoSuchRun
from everflow.store import (
    BRANCH,
    COPY,
    OUTCOMES,
    TENURE,
    Branch,
    Hand,
    Here,
    Imported,
    Move,
    Put,
    RunRow,
    Slice,
    Status,
    Tenure,
    definitions_in,
    planned,
    unpack,
)
from everflow.stores.memory.keeping import Keeping
from everflow.stores.memory.tables import copied, locked
from everflow.stores.memory.writing import Writing

_OVER = OUTCOMES | {Status.HANDED_OFF}


class Handing(Writing, Keeping):
    """The verbs for runs that more than one instance has."""

    @locked
    def tenures(self, runs: Sequence[str]) -> list[Tenure]:
        """What is here of these runs."""
        return [self._tenure(run) for run in runs]

    def _tenure(self, run: str) -> Tenure:
        record = self._records.get((TENURE, run))
        here = self._here(run)
        return Tenure(
            run=run,
            body="" if record is None else record.body,
            version=0 if record is None else record.version,
            seq=0 if here is None else here.seq,
            rev=0 if here is None else here.rev,
            status=None if here is None else here.whole.row.status,
        )

    def _here(self, run: str) -> Here | None:
        """What is here of a run, with all of its entries, unchecked."""
        row = self._runs.get(self._ids.get(run, 0))
        if row is None:
            return None
        no, copy = row.no, self._records.get((COPY, run))
        entries = [self._entries[no][seq] for seq in sorted(self._entries[no])]
        whole = Imported(
            row=copied(row),
            entries=entries,
            questions=[self._today(q) for q in self._questions.values() if q.no == no],
            arrivals=[arrival.message for arrival in self._arrivals({no})],
            heard=list(self._heard[no]),
        )
        here = Here(
            no=no,
            owner=row.owner if self._lives(row.owner) else 0,
            seq=entries[-1][1] + 1 if entries else 0,
            rev=0,
            copy=None if copy is None else copy.body,
            whole=whole,
        )
        here.rev = self._rev(here)
        return here

    def _rev(self, here: Here) -> int:
        """The revision of what is beside the entries, one higher where it changed since."""
        side = here.side
        if side is None:
            return 0
        if (TENURE, here.whole.row.id) not in self._records:
            return 1
        rev, known = self._revs.get(here.no, (1, side))
        self._revs[here.no] = rev + (known != side), side
        return self._revs[here.no][0]

    @locked
    def slice(self, run: str, after: int) -> Slice:
        """What is shipped of a run."""
        here = self._here(run)
        if here is None or here.side is None:
            raise NoSuchRun(f"nothing whole of the run {run} is here", run=run)
        seqs = [seq for _, seq, _, _ in here.whole.entries if seq >= after]
        entries = [self._entry(here.no, seq) for seq in seqs]
        whole = replace(unpack(here.side), entries=entries)
        named = definitions_in(whole.row, entries)
        return Slice(
            after=after,
            whole=whole,
            definitions=[(h, self._definitions[h]) for h in named if h in self._definitions],
            seq=here.seq,
            rev=here.rev,
        )

    @locked
    def hand(self, act: Hand, *, at: int) -> bool:
        """Write a tenure and what follows from it."""
        seen, here = self._tenure(act.run), self._here(act.run)
        if not act.saw(seen):
            return False
        move = self._planned(act, seen, here, at)
        if here is not None and here.owner and move.taken:
            self._taken.setdefault(here.owner, {})[here.no] = act.run
        if here is not None and move.fenced:
            self._fence(here.no)
        no = 0 if here is None else here.no
        if move.row is not None:
            no = self._stand(move.row)
            self._move(no, move)
        self._put(move.puts, at)
        now = self._here(act.run)
        self._revs.pop(no, None)
        if act.body and now is not None and now.side is not None:
            self._revs[no] = move.rev, now.side
        return True

    @locked
    def slices(self, runs: Sequence[str]) -> list[Slice]:
        """All of these runs."""
        found = [self.slice(run, 0) for run in runs]
        told: set[str] = set()
        for one in found:
            one.definitions = [given for given in one.definitions if given[0] not in told]
            told.update(hash_ for hash_, _ in one.definitions)
        return found

    @locked
    def hand_all(
        self, acts: Sequence[Hand], *, at: int, puts: Sequence[Put] = (), families: bool = False
    ) -> bool:
        """Several acts, all or none."""
        if families and not self._are_families({act.run for act in acts}):
            return False
        if not all(act.saw(self._tenure(act.run)) for act in acts):
            return False
        for act in acts:
            self._planned(act, self._tenure(act.run), self._here(act.run), at)
        self._put(puts, at)
        for act in acts:
            self.hand(act, at=at)
        return True

    def _are_families(self, runs: set[str]) -> bool:
        """Whether of those that wait for one another all that go on here are among these."""
        going = [run for run in self._runs.values() if run.status not in _OVER]
        ids = {run.id for run in going}
        return all((run.id in runs) == (run.parent in runs) for run in going if run.parent in ids)

    def _planned(self, act: Hand, seen: Tenure, here: Here | None, at: int) -> Move:
        return planned(act, seen, here, at=at, keyed=lambda *key: self._keys.get(key))

    def _fence(self, no: int) -> None:
        """Delete what is beside a run."""
        self._questions = {place: q for place, q in self._questions.items() if q.no != no}
        self._inbox = {id_: a for id_, a in self._inbox.items() if a.no != no}
        self._heard[no] = []
        self._unfit.pop(no, None)

    def _stand(self, row: RunRow) -> int:
        row = copied(row)
        if not row.no:
            self._add(row)
        elif row.key is not None:
            self._keys[row.flow, row.key] = row.no
        self._runs[row.no] = row
        return row.no

    def _move(self, no: int, move: Move) -> None:
        mine = self._entries[no]
        if move.cut is not None:
            self._entries[no] = mine = {s: e for s, e in mine.items() if s < move.cut}
        self._define(move.definitions)
        mine.update({seq: (no, seq, body, checksum) for _, seq, body, checksum in move.entries})
        if move.beside is not None:
            self._heard[no] = list(move.beside.heard)
            for question in move.beside.questions:
                place = no, question.tag, question.occurrence
                self._questions[place] = replace(question, no=no)
            for message in move.beside.arrivals:
                self._post(replace(message, no=no))

    @locked
    def branches(self, run: str) -> list[Branch]:
        """What was set aside of a run."""
        found = [
            msgspec.json.decode(record.body, type=Branch)
            for (kind, _), record in sorted(self._records.items())
            if kind == BRANCH
        ]
        return [branch for branch in found if branch.run == run]

    @locked
    def kinds(self) -> list[str]:
        """The kinds of records."""
        return sorted({kind for kind, _ in self._records})

    @locked
    def definitions(self, *, after: str = "", limit: int = 1000) -> list[tuple[str, str]]:
        """The definitions above a hash."""
        found = sorted((hash_, body) for hash_, body in self._definitions.items() if hash_ > after)
        return found[: max(limit, 0)]
