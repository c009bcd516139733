"""The sealed store: whatever goes through it is sealed with its run's key, and opened again.

Three rules hold. A run is sealed from its start or not at all: one that was begun before there were
keys stays as it is. What can't be opened, for its key is lost or erased, is given as it is kept
where it is only listed, and is ``KeyMissing`` where it is to be worked with, so that a run is
blocked and nothing is lost. A text that is sealed already passes through, both ways, without a key.

Keys of runs that are being worked on are kept in memory until the outcome is written; all others
are asked for each time, so that an erasure by another process is seen at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from everflow.core.marks import SEALED, is_marked
from everflow.errors import KeyMissing
from everflow.store import (
    OUTCOMES,
    Arrival,
    Batch,
    EntryRow,
    Letter,
    Loaded,
    Message,
    NewRun,
    Put,
    QuestionQuery,
    QuestionRow,
    Record,
    Reopened,
    RunChange,
    RunQuery,
    RunRow,
    Settled,
    Settlement,
    SideRow,
    Store,
    Verdict,
)
from everflow.store.keys import Keys
from everflow.stores.layer import Layer
from everflow.stores.sealed.parts import (
    changed_message,
    changed_question,
    is_closed,
    key_missing,
    opened_row,
    opening,
    sealed_new,
    sealed_question,
    sealed_row,
    sealing,
    shown_row,
    standing,
)
from everflow.stores.sealed.seal import Seal, has_seal

__all__ = ["RECORDS", "VALUED", "Sealing"]

RECORDS = "records"  # the name under which their key is kept; no run's id
VALUED = frozenset(  # kinds of records that hold users' values
    {"activity", "cache", "debounce", "decision", "errand", "heard", "published", "schedule"}
    | {"followed", "follower", "part", "remote-actor"}
)


class Sealing(Layer):
    """A store within which nothing of a run's data can be read without its key."""

    def __init__(self, inner: Store, keys: Keys) -> None:
        super().__init__(inner)
        self.keys: Keys = keys
        self._live: dict[int, Seal | None] = {}  # None: a run that isn't sealed
        self._common: Seal | None = None

    # --- keys

    def _seals(self, runs: Sequence[str]) -> list[Seal | None]:
        return [
            None if key is None else Seal(run, key)
            for run, key in zip(runs, self.keys.get(runs), strict=True)
        ]

    def _writers(self, nos: Iterable[int]) -> dict[int, Seal | None]:
        """How the runs of these numbers are written; KeyMissing for one whose key is gone."""
        wanted = dict.fromkeys(nos)
        missing = [no for no in wanted if no not in self._live]
        if missing:
            rows = self.inner.rows(missing)
            for row, seal in zip(rows, self._seals([row.id for row in rows]), strict=True):
                if seal is None and self._is_sealed(row.no):
                    raise key_missing(row.id, self.keys)
                self._live[row.no] = seal
        return {no: self._live.get(no) for no in wanted}

    def _is_sealed(self, no: int) -> bool:
        return any(has_seal(body) for _, _, body, _ in self.inner.journal(no, limit=1))

    def _records(self) -> Seal:
        """Records belong to no run; those that hold values share a key of their own."""
        if self._common is None:
            self._common = Seal(RECORDS, self.keys.create([RECORDS])[0])
        return self._common

    # --- writing

    def start(
        self, runs: Sequence[NewRun], definitions: Sequence[tuple[str, str]] = ()
    ) -> list[RunRow]:
        seals, sealed = self._begun(runs)
        rows = self.inner.start(sealed, definitions)
        self._forget_unused(seals, rows)
        return self._open_rows(rows)

    def _begun(self, runs: Sequence[NewRun]) -> tuple[list[Seal], list[NewRun]]:
        names = [run.id for run in runs]
        keys = self.keys.create(names) if names else []
        seals = [Seal(run, key) for run, key in zip(names, keys, strict=True)]
        return seals, [sealed_new(run, seal) for run, seal in zip(runs, seals, strict=True)]

    def _forget_unused(self, seals: Sequence[Seal], rows: Sequence[RunRow]) -> None:
        """Keys of runs that are there under another id, since their start's key was taken."""
        for row, seal in zip(rows, seals, strict=True):
            if row.id == seal.run and row.owner:
                self._live[row.no] = seal
        unused = {seal.run for seal in seals} - {row.id for row in rows}
        if unused:
            self.keys.erase(sorted(unused))

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        nos = [no for no, *_ in batch.entries]
        seals = self._writers([*nos, *(question.no for question in batch.opened)])
        sealed = replace(
            batch,
            entries=[sealed_row(row, seals.get(row[0])) for row in batch.entries],
            changes=[self._change(change) for change in batch.changes],
            opened=[sealed_question(question, seals.get(question.no)) for question in batch.opened],
            puts=self._puts(batch.puts),
            starts=self._begun(batch.starts)[1],
            letters=self._letters(batch.letters),
        )
        refused = self.inner.append(sealed, side_rows)
        for change in batch.changes:
            if change.status in OUTCOMES and change.no not in refused:
                self._live.pop(change.no, None)
        return refused

    def _change(self, change: RunChange) -> RunChange:
        """A run whose key is gone is parked with a plain reason: nobody knows its data here."""
        if not change.reason and change.outcome is None:
            return change
        try:
            seal = self._writers([change.no]).get(change.no)
        except KeyMissing:
            return change
        return change if seal is None else standing(change, seal.seal)

    def write(
        self,
        puts: Sequence[Put],
        *,
        at: int,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        letters: Sequence[Letter] = (),
        admit: Sequence[int] = (),
    ) -> list[RunRow] | None:
        seals, sealed = self._begun(starts)
        rows = self.inner.write(
            self._puts(puts),
            at=at,
            starts=sealed,
            definitions=definitions,
            letters=self._letters(letters),
            admit=admit,
        )
        self._forget_unused(seals if rows else [], rows or [])
        return None if rows is None else self._open_rows(rows)

    def settle(
        self,
        settled: Settled | None,
        statements: Sequence[SideRow] = (),
        *,
        worker: int = 0,
        epoch: int = 0,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        within: object = None,
    ) -> Settlement | None:
        """The result is sealed with its run's key; the statements are the application's own."""
        if settled is not None:
            seal = self._writers([settled.no]).get(settled.no)
            settled = changed_message(settled, sealing(seal))
        seals, sealed = self._begun(starts)
        done = super().settle(
            settled,
            statements,
            worker=worker,
            epoch=epoch,
            starts=sealed,
            definitions=definitions,
            within=within,
        )
        if done is not None:
            self._forget_unused(seals, done.started)
            done = replace(done, started=self._open_rows(done.started))
        return done

    def _puts(self, puts: Sequence[Put]) -> list[Put]:
        return [
            replace(put, body=self._records().seal(put.body, "record", put.kind, put.key))
            if put.body is not None and put.kind in VALUED
            else put
            for put in puts
        ]

    def reopen(self, runs: Sequence[Reopened], *, at: int) -> list[bool]:
        seals = self._writers([run.no for run in runs])
        sealed = [
            replace(
                run,
                entry=sealed_row(run.entry, seals.get(run.no)),
                questions=[sealed_question(asked, seals.get(run.no)) for asked in run.questions],
                puts=self._puts(run.puts),
            )
            for run in runs
        ]
        for run in runs:
            self._live.pop(run.no, None)
        return self.inner.reopen(sealed, at=at)

    def relabel(
        self,
        nos: Sequence[int],
        labels: Mapping[str, str | None],
        puts: Sequence[Put] = (),
        *,
        at: int,
    ) -> None:
        self.inner.relabel(nos, labels, self._puts(puts), at=at)

    def _letters(self, letters: Sequence[Letter]) -> list[Letter]:
        seals = self._seals([letter.run for letter in letters]) if letters else []
        return [
            replace(letter, message=changed_message(letter.message, sealing(seal)))
            for letter, seal in zip(letters, seals, strict=True)
        ]

    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        seals = self._of([message.no for message in messages])
        return self.inner.accept([changed_message(m, sealing(seals.get(m.no))) for m in messages])

    def _of(self, nos: Sequence[int]) -> dict[int, Seal | None]:
        """How the texts of these runs are sealed and opened, as far as there are keys."""
        found = {no: self._live[no] for no in nos if no in self._live}
        rows = self.inner.rows([no for no in dict.fromkeys(nos) if no not in found])
        seals = self._seals([row.id for row in rows]) if rows else []
        return found | {row.no: seal for row, seal in zip(rows, seals, strict=True)}

    # --- reading

    def _open_rows(self, rows: Sequence[RunRow]) -> list[RunRow]:
        closed = [row.id for row in rows if is_closed(row)]
        seals = dict(zip(closed, self._seals(closed), strict=True)) if closed else {}
        return [opened_row(row, seals.get(row.id)) for row in rows]

    def _open_row(self, row: RunRow | None) -> RunRow | None:
        return None if row is None else self._open_rows([row])[0]

    def claim(
        self,
        worker: int,
        *,
        now: int,
        limit: int,
        without: Sequence[str] = (),
        code: int = 0,
        leased: Sequence[int] = (),
        queues: Sequence[str] | None = None,
    ) -> list[RunRow]:
        rows = super().claim(
            worker,
            now=now,
            limit=limit,
            without=without,
            code=code,
            leased=leased,
            queues=queues,
        )
        return self._open_rows(rows)

    def release(self, worker: int, nos: Sequence[int]) -> None:
        self.inner.release(worker, nos)
        for no in nos:
            self._live.pop(no, None)

    def arrivals(self, worker: int, *, after: int, limit: int) -> list[Arrival]:
        return self._open_arrivals(self.inner.arrivals(worker, after=after, limit=limit))

    def _open_arrivals(self, arrivals: Sequence[Arrival]) -> list[Arrival]:
        if not arrivals:
            return []
        seals = self._of([arrival.no for arrival in arrivals])
        messages = (changed_message(a.message, opening(seals.get(a.no))) for a in arrivals)
        return [replace(a, message=m) for a, m in zip(arrivals, messages, strict=True)]

    def load(self, nos: Sequence[int]) -> list[Loaded]:
        found = self.inner.load(nos)
        opened = []
        for loaded, seal in zip(found, self._seals([one.row.id for one in found]), strict=True):
            if seal is None and any(has_seal(body) for _, _, body, _ in loaded.entries[:1]):
                raise key_missing(loaded.row.id, self.keys)
            entries = loaded.entries if seal is None else [seal.open_row(r) for r in loaded.entries]
            row = opened_row(loaded.row, seal)
            messages = [changed_message(found.message, opening(seal)) for found in loaded.arrivals]
            arrivals = [
                replace(arrival, message=message)
                for arrival, message in zip(loaded.arrivals, messages, strict=True)
            ]
            if row.owner:
                self._live[row.no] = seal
            opened.append(Loaded(row=row, entries=entries, arrivals=arrivals))
        return opened

    def entries(self, no: int, seqs: Sequence[int]) -> dict[int, str]:
        bodies = self.inner.entries(no, seqs)
        seal = self._of([no]).get(no)
        if seal is not None:
            return {seq: seal.open_body(seq, body) for seq, body in bodies.items()}
        if any(has_seal(body) for body in bodies.values()):
            raise key_missing(self.inner.rows([no])[0].id, self.keys)
        return bodies

    def journal(self, no: int, *, first: int = 0, limit: int = 1000) -> list[EntryRow]:
        rows = self.inner.journal(no, first=first, limit=limit)
        seal = self._of([no]).get(no)
        return rows if seal is None else [shown_row(row, seal) for row in rows]

    def find(self, id: str) -> RunRow | None:
        return self._open_row(self.inner.find(id))

    def find_key(self, flow: str, key: str) -> RunRow | None:
        return self._open_row(self.inner.find_key(flow, key))

    def rows(self, nos: Sequence[int]) -> list[RunRow]:
        return self._open_rows(self.inner.rows(nos))

    def runs(self, query: RunQuery) -> list[RunRow]:
        return self._open_rows(self.inner.runs(query))

    def asked(
        self, places: Sequence[tuple[str, str, int]]
    ) -> list[tuple[RunRow | None, QuestionRow | None]]:
        found = self.inner.asked(places)
        questions = iter(self._open_questions([q for _, q in found if q is not None]))
        return [
            (self._open_row(row), None if question is None else next(questions))
            for row, question in found
        ]

    def questions(self, query: QuestionQuery) -> list[QuestionRow]:
        return self._open_questions(self.inner.questions(query))

    def _open_questions(self, questions: Sequence[QuestionRow]) -> list[QuestionRow]:
        names = list(dict.fromkeys(question.run for question in questions))
        seals = dict(zip(names, self._seals(names), strict=True)) if names else {}
        return [changed_question(question, opening(seals[question.run])) for question in questions]

    def records(
        self,
        kind: str,
        *,
        keys: Sequence[str] | None = None,
        prefix: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> list[Record]:
        found = self.inner.records(kind, keys=keys, prefix=prefix, after=after, limit=limit)
        return self._open_records(found)

    def due_records(self, kind: str, *, now: int, limit: int) -> list[Record]:
        return self._open_records(self.inner.due_records(kind, now=now, limit=limit))

    def _open_records(self, records: Sequence[Record]) -> list[Record]:
        return [
            replace(found, body=self._records().open(found.body, "record", found.kind, found.key))
            if is_marked(SEALED, found.body)
            else found
            for found in records
        ]
