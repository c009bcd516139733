"""One store, spoken to in names: what its own numbers stand for stays in here.

Answers are plain data in which runs are named by their ids and workers by the order of their
enlisting; of an error its type remains. So the answers of two stores can be compared as they are.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs, to_builtins

from everflow.errors import EverflowError
from everflow.store import (
    Answer,
    Arrival,
    Batch,
    Cancel,
    ChildEnded,
    Early,
    EntryRow,
    Imported,
    Letter,
    Message,
    NewRun,
    Put,
    QuestionClosed,
    QuestionOpened,
    QuestionQuery,
    QuestionRow,
    Record,
    RunChange,
    RunQuery,
    RunRow,
    Signal,
    Status,
    Store,
)
from everflow.testing.differential.edits import EDITS, entry
from everflow.testing.differential.operations import KINDS, START, Operation

NOBODY = 1 << 60  # a number that no store gives
SLOTS = 3


class Side:
    """A store under comparison. ``reopen`` closes it and gives the same data again."""

    def __init__(
        self, store: Store, reopen: Callable[[Store], Store] = lambda store: store
    ) -> None:
        self.store = store
        self._reopen = reopen
        self._workers: list[int] = []
        self._here: set[int] = set()  # enlisted since the store was opened: they have a board
        self._numbers: dict[int, int] = {}  # of a worker's last batch
        self._batches: dict[int, Batch] = {}  # a worker's last batch
        self._exports: list[Imported] = []

    def apply(self, operation: Operation) -> Any:
        """The answer in names, or the error's type."""
        verb: Callable[..., Any] = getattr(self, operation.verb)
        try:
            return to_builtins(verb(**operation.given))
        except EverflowError as error:
            return type(error).__name__

    def everything(self) -> Any:
        """All that the store holds, for the end of a sequence."""
        rows = self.store.runs(RunQuery(limit=1000))
        return to_builtins(
            (
                self.workers(),
                [self._row(row) for row in rows],
                [self.apply(Operation("export", {"run": row.id})) for row in rows],
                self.questions(open_only=False, limit=1000),
                [self.records(kind=kind) for kind in KINDS],
            )
        )

    # from names to numbers and back

    def _worker(self, index: int) -> int:
        """The latest has index 0, so that there is always a living one within reach."""
        return self._workers[-1 - index] if index < len(self._workers) else NOBODY

    def _living(self) -> set[int]:
        return {worker.id for worker in self.store.workers() if not worker.gone}

    def _no(self, run: str) -> int:
        row = self.store.find(run)
        return NOBODY if row is None else row.no

    def _nos(self, runs: Sequence[str]) -> list[int]:
        return [self._no(run) for run in runs]

    def _name(self, no: int) -> str:
        rows = self.store.rows([no])
        return rows[0].id if rows else ""

    def _row(self, row: RunRow) -> RunRow:
        owner = self._workers.index(row.owner) + 1 if row.owner else 0
        return structs.replace(row, no=0, owner=owner)

    def _last(self, no: int) -> int:
        return max((seq for _, seq, _, _ in self.store.journal(no, limit=10_000)), default=0)

    def _arrivals(self, arrivals: Sequence[Arrival]) -> list[tuple[str, Message]]:
        return [(self._name(a.no), structs.replace(a.message, no=0)) for a in arrivals]

    def _questions(self, questions: Sequence[QuestionRow]) -> list[QuestionRow]:
        return [structs.replace(question, no=0) for question in questions]

    # workers

    def enlist(self) -> tuple[int, int]:
        worker = self.store.enlist(host="here", pid=1, at=START)
        self._workers.append(worker.id)
        self._here.add(worker.id)
        self._numbers[worker.id] = 0
        return worker.epoch, worker.number

    def beat(self, worker: int) -> None:
        self.store.beat(self._worker(worker))

    def depose(self, worker: int, epoch: int) -> bool:
        return self.store.depose(self._worker(worker), epoch)

    def retire(self, worker: int) -> None:
        self.store.retire(self._worker(worker))

    def release(self, worker: int, runs: Sequence[str]) -> None:
        self.store.release(self._worker(worker), self._nos(runs))

    def fly(self, worker: int, slot: int, run: str) -> None:
        if self._worker(worker) in self._here & self._living():
            board = self.store.flights(self._worker(worker), SLOTS)
            board[slot] = self._no(run) % NOBODY

    def in_flight(self, worker: int) -> list[str]:
        return [self._name(no) for no in self.store.in_flight(self._worker(worker))]

    def workers(self) -> list[tuple[int, int, int, bool]]:
        """The living ones: when one that is gone is forgotten is the store's own affair."""
        return [
            (self._workers.index(row.id), row.epoch, row.number, row.gone)
            for row in self.store.workers()
            if not row.gone
        ]

    def highest(self) -> int:
        return self.store.info().highest

    def reopen(self) -> None:
        self.store = self._reopen(self.store)
        self._here.clear()

    # writing

    def start(
        self, runs: Sequence[dict[str, Any]], definitions: Sequence[tuple[str, str]]
    ) -> list[RunRow]:
        new = [self._new(given) for given in runs]
        return [self._row(row) for row in self.store.start(new, definitions)]

    def _new(self, given: dict[str, Any]) -> NewRun:
        owner = NOBODY if given["owner"] is None else self._worker(given["owner"])
        owner = owner if owner in self._living() else 0
        body = f'["start",{given["at"]}]'
        return NewRun(**given | {"owner": owner, "body": body, "sum": zlib.crc32(body.encode())})

    def write(
        self,
        puts: Sequence[dict[str, Any]],
        letters: Sequence[dict[str, Any]],
        runs: Sequence[dict[str, Any]],
        admit: Sequence[str],
        **given: Any,
    ) -> list[RunRow] | None:
        rows = self.store.write(
            [self._put(**put) for put in puts],
            starts=[self._new(run) for run in runs],
            letters=[self._letter(**letter) for letter in letters],
            admit=self._nos(admit),
            **given,
        )
        return None if rows is None else [self._row(row) for row in rows]

    def _put(self, kind: str, key: str, expect: str | None, **given: Any) -> Put:
        """Versions are the store's own: what is expected is said in words."""
        found = self.store.records(kind, keys=[key])
        there = found[0].version if found else 0
        wanted = {None: None, "none": 0, "there": there, "stale": NOBODY}[expect]
        return Put(kind=kind, key=key, expect=wanted, **given)

    def _letter(self, run: str, of: str | None, **given: Any) -> Letter:
        message: Any = self._message(run=run, **given)
        return Letter(run=run, message=message, of=0 if of is None else self._no(of))

    @staticmethod
    def _records(records: Sequence[Record]) -> list[Record]:
        return [structs.replace(record, version=0) for record in records]

    def records(self, **given: Any) -> list[Record]:
        return self._records(self.store.records(**given))

    def due_records(self, **given: Any) -> list[Record]:
        return self._records(self.store.due_records(**given))

    def next_record_due(self, kind: str) -> int | None:
        return self.store.next_record_due(kind)

    def append(self, worker: int, epoch: int, step: int, **parts: Any) -> list[str]:
        id_ = self._worker(worker)
        number = self._numbers.get(id_, 0) + step
        batch = Batch(
            worker=id_,
            epoch=epoch,
            number=number,
            at=parts["at"],
            entries=self._written(parts["entries"]),
            changes=[self._change(**change) for change in parts["changes"].values()],
            opened=[self._opened(**question) for question in parts["opened"]],
            closed=[self._closed(**question) for question in parts["closed"]],
            arrivals=self._applied(parts["applied"]),
            definitions=parts["definitions"],
            puts=[self._put(**put) for put in parts["puts"]],
            starts=[self._new(given) for given in parts["starts"]],
            letters=[self._letter(**letter) for letter in parts["letters"]],
        )
        refused = self.store.append(batch)
        self._numbers[id_] = number
        self._batches[id_] = batch
        return [self._name(no) for no in refused]

    def resend(self, worker: int) -> list[str] | None:
        """The worker's last batch again."""
        batch = self._batches.get(self._worker(worker))
        return None if batch is None else [self._name(no) for no in self.store.append(batch)]

    def _written(self, counts: dict[str, int]) -> list[EntryRow]:
        entries = []
        for run, count in counts.items():
            no = self._no(run)
            if no != NOBODY:
                last = self._last(no)
                seqs = range(last + 1, last + 1 + count)
                entries += [entry(no, seq, f'["{run}",{seq}]') for seq in seqs]
        return entries

    def _change(self, run: str, *, rebase: bool, **given: Any) -> RunChange:
        no = self._no(run)
        rows = self.store.rows([no])
        base = self._last(no) if rebase else (rows[0].base if rows else 0)
        return RunChange(no=no, base=base, **given)

    def _opened(
        self, run: str, tag: str, occurrence: int, at: int, *, early: bool
    ) -> QuestionOpened:
        return QuestionOpened(
            no=self._no(run),
            tag=tag,
            occurrence=occurrence,
            op=f"0/{tag}~{occurrence}",
            position=tag,
            at=at,
            due=None,
            prompt="[0]",
            early=early,
        )

    def _closed(self, run: str, **given: Any) -> QuestionClosed:
        return QuestionClosed(no=self._no(run), **given)

    def _applied(self, counts: dict[str, int]) -> list[int]:
        loaded = self.store.load(self._nos(list(counts)))
        return [arrival.id for run in loaded for arrival in run.arrivals[: counts[run.row.id]]]

    def accept(self, messages: Sequence[dict[str, Any]]) -> list[str]:
        verdicts = self.store.accept([self._message(**given) for given in messages])
        return [str(verdict) for verdict in verdicts]

    def _message(self, kind: str, run: str, **given: Any) -> Message:
        at: dict[str, Any] = {"no": self._no(run), "at": given["at"], "by": given["by"]}
        if kind == "cancel":
            return Cancel(**at)
        if kind == "child":
            return ChildEnded(no=at["no"], at=at["at"], op="op", kind="result", payload="[1]")
        if kind == "signal":
            name = given["tag"]
            return Signal(name=name, key=given["key"], payload=given["payload"], **at)
        at |= {name: given[name] for name in ("tag", "key", "payload")}
        if kind == "early":
            return Early(seen=given["occurrence"] if given["by"] else None, **at)
        return Answer(occurrence=given["occurrence"], **at)

    # what there is to do

    def claim(self, worker: int, **given: Any) -> list[RunRow]:
        return [self._row(row) for row in self.store.claim(self._worker(worker), **given)]

    def arrivals(self, worker: int, skip: int, limit: int) -> list[tuple[str, Message]]:
        id_ = self._worker(worker)
        skipped = self.store.arrivals(id_, after=0, limit=skip)
        after = skipped[-1].id if skipped else 0
        return self._arrivals(self.store.arrivals(id_, after=after, limit=limit))

    def due(self, worker: int, **given: Any) -> list[str]:
        """By time alone: between equal times the store's own numbers decide."""
        nos = self.store.due(self._worker(worker), **given)
        dues = [row.due for row in self.store.rows(nos)]
        return [str(due) for due in dues]

    def next_due(self, worker: int) -> int | None:
        return self.store.next_due(self._worker(worker))

    # reading

    def load(self, runs: Sequence[str]) -> list[Any]:
        return [
            (
                self._row(run.row),
                [entry[1:] for entry in run.entries],
                self._arrivals(run.arrivals),
            )
            for run in self.store.load(self._nos(runs))
        ]

    def entries(self, run: str, seqs: Sequence[int]) -> list[tuple[int, str]]:
        return sorted(self.store.entries(self._no(run), seqs).items())

    def journal(self, run: str, **given: Any) -> list[Any]:
        return [entry[1:] for entry in self.store.journal(self._no(run), **given)]

    def find(self, run: str) -> RunRow | None:
        row = self.store.find(run)
        return row and self._row(row)

    def find_key(self, flow: str, key: str) -> RunRow | None:
        row = self.store.find_key(flow, key)
        return row and self._row(row)

    def rows(self, runs: Sequence[str]) -> list[RunRow]:
        return [self._row(row) for row in self.store.rows(self._nos(runs))]

    def standing(self, run: str) -> tuple[Status, int] | None:
        return self.store.standing(self._no(run))

    def asked(self, places: Sequence[tuple[str, str, int]]) -> list[Any]:
        return [
            (row and self._row(row), question and structs.replace(question, no=0))
            for row, question in self.store.asked([(run, tag, nth) for run, tag, nth in places])
        ]

    def _query(self, after: str | None, given: dict[str, Any]) -> RunQuery:
        return RunQuery(after=0 if after is None else self._no(after), **given)

    def runs(self, after: str | None, **given: Any) -> list[RunRow]:
        return [self._row(row) for row in self.store.runs(self._query(after, given))]

    def count(self, after: str | None, **given: Any) -> dict[Status, int]:
        return self.store.count(self._query(after, given))

    def questions(self, run: str | None = None, **given: Any) -> list[QuestionRow]:
        query = QuestionQuery(no=None if run is None else self._no(run), **given)
        return self._questions(self.store.questions(query))

    def definition(self, hash: str) -> str | None:  # noqa: A002 - the contract's word for it
        return self.store.definition(hash)

    # keeping

    def export(self, run: str) -> Any:
        whole = self.store.export(self._no(run))
        self._exports.append(whole)
        return (
            self._row(whole.row),
            [entry[1:] for entry in whole.entries],
            self._questions(whole.questions),
            [structs.replace(message, no=0) for message in whole.arrivals],
            whole.heard,
        )

    def install(self, nth: int, edit: str, name: str, *, replace: bool) -> list[str] | None:
        """An export of before, edited or not."""
        if nth >= len(self._exports):
            return None
        whole = EDITS[edit](self._exports[-1 - nth], name)
        return list(self.store.install([whole], [], replace=replace))

    def adopt(self, runs: Sequence[str]) -> list[bool]:
        return self.store.adopt(self._nos(runs))

    def prune(self, run: str, **given: Any) -> int:
        return self.store.prune(self._no(run), **given)
