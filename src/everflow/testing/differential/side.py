"""One store, spoken to in names: what its own numbers stand for stays in here.

Answers are plain data in which runs are named by their ids and workers by the order of their
enlisting; of an error its type remains. So the answers of two stores can be compared as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs, to_builtins

from everflow.errors import EverflowError
from everflow.store import (
    Batch,
    Hand,
    Imported,
    LaneRow,
    LetGo,
    Message,
    QuestionQuery,
    QuestionRow,
    Record,
    Reopened,
    Retention,
    RunQuery,
    RunRow,
    Status,
    left_out,
)
from everflow.testing.differential.chance import RUNS, START
from everflow.testing.differential.edits import EDITS, entry
from everflow.testing.differential.names import NOBODY, Names
from everflow.testing.differential.operations import KINDS, Operation

SLOTS = 3


class Side(Names):
    """A store under comparison. ``restart`` closes it and gives the same data again."""

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
                self.tenures(RUNS),
                [self.apply(Operation("slice", {"run": run, "after": 0})) for run in RUNS],
                [self.branches(run) for run in RUNS],
            )
        )

    # workers

    def enlist(self) -> tuple[int, int]:
        worker = self.store.enlist(host="here", pid=1, at=START, about=f"[{len(self._workers)}]")
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

    def workers(self) -> list[tuple[int, int, int, bool, str]]:
        """The living ones: when one that is gone is forgotten is the store's own affair."""
        return [
            (self._workers.index(row.id), row.epoch, row.number, row.gone, row.about)
            for row in self.store.workers()
            if not row.gone
        ]

    def holding(self, worker: int) -> tuple[int, int, int | None, bool]:
        (held,) = self.store.holding([self._worker(worker)])
        return held.active, held.resting, held.next_due, held.more

    def owned(self, worker: int) -> list[str]:
        return [self._name(no) for no in self.store.owned(self._worker(worker))]

    def highest(self) -> int:
        return self.store.info().highest

    def restart(self) -> None:
        """Close the store, and open it again."""
        self.store = self._restart(self.store)
        self._here.clear()

    # writing

    def start(
        self, runs: Sequence[dict[str, Any]], definitions: Sequence[tuple[str, str]]
    ) -> list[RunRow]:
        new = [self._new(given) for given in runs]
        return [self._row(row) for row in self.store.start(new, definitions)]

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

    def records(self, **given: Any) -> list[Record]:
        return self._records(self.store.records(**given))

    def due_records(self, **given: Any) -> list[Record]:
        return self._records(self.store.due_records(**given))

    def places(self, **given: Any) -> Any:
        standing = self.store.places(**given)
        for lane in standing.lanes:
            lane.waiting = [structs.replace(run, no=0) for run in lane.waiting]
        return standing

    def waiting(self) -> list[str]:
        return self.store.waiting()

    def lanes(self, queue: str | None) -> list[LaneRow]:
        return self.store.lanes(queue)

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
            released=[self._released(**given) for given in parts["released"]],
        )
        batch, _ = left_out(batch, self._copies(id_))
        refused = self.store.append(batch)
        self._numbers[id_] = number
        self._batches[id_] = batch
        return [self._name(no) for no in refused]

    def resend(self, worker: int) -> list[str] | None:
        """The worker's last batch again."""
        batch = self._batches.get(self._worker(worker))
        return None if batch is None else [self._name(no) for no in self.store.append(batch)]

    def accept(self, messages: Sequence[dict[str, Any]]) -> list[str]:
        verdicts = self.store.accept([self._message(**given) for given in messages])
        return [str(verdict) for verdict in verdicts]

    # what there is to do

    def claim(self, worker: int, leased: Sequence[str], **given: Any) -> list[RunRow]:
        nos = self._nos(leased)
        found = self.store.claim(self._worker(worker), leased=nos, **given)
        return [self._row(row) for row in found]

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

    # runs that other instances have, too: versions and revisions are the store's own

    def taken_from(self, worker: int) -> list[str]:
        return sorted(self._name(no) for no in self.store.taken_from(self._worker(worker)))

    def tenures(self, runs: Sequence[str]) -> list[Any]:
        return [
            (seen.run, seen.body, seen.version > 0, seen.seq, seen.rev > 0, seen.status)
            for seen in self.store.tenures(runs)
        ]

    def slice(self, run: str, after: int) -> Any:
        found = self.store.slice(run, after)
        self._slices.append(found)
        return found.after, found.seq, self._whole(found.whole), found.definitions

    def branches(self, run: str) -> list[Any]:
        found = self.store.branches(run)
        return [(b.label, b.at, b.first, b.sides, self._whole(b.whole)) for b in found]

    def slices(self, runs: Sequence[str]) -> list[Any]:
        found = self.store.slices(runs)
        return [(one.seq, self._whole(one.whole), one.definitions) for one in found]

    def kinds(self) -> list[str]:
        return self.store.kinds()

    def definitions(self, after: str, limit: int) -> list[tuple[str, str]]:
        return self.store.definitions(after=after, limit=limit)

    def hand(self, at: int, **drawn: Any) -> bool:
        return self.store.hand(self._act(at=at, **drawn), at=at)

    def hand_all(self, acts: Sequence[dict[str, Any]], at: int, *, families: bool) -> bool:
        given = [self._act(**drawn) for drawn in acts]
        return self.store.hand_all(given, at=at, families=families)

    def _act(
        self, run: str, stale: str | None, keep: int | None, nth: int | None, **given: Any
    ) -> Hand:
        """``keep``: so many entries and nothing beside them; ``newer``: what is added has more."""
        (seen,) = self.store.tenures([run])
        known: dict[str, Any] = {"version": seen.version, "seq": seen.seq, "rev": seen.rev}
        known |= {"seq": None, "rev": None} if given.pop("blind") else {}
        known |= {} if stale is None else {stale: NOBODY}
        newer, at = given.pop("newer"), given.pop("at")
        add = self._slices[-1 - nth] if nth is not None and nth < len(self._slices) else None
        if add is not None:
            add = structs.replace(add, rev=seen.rev + 1 if newer else 0)
        return Hand(
            run=run,
            body="" if given.pop("ends") else f'"{at}"',
            keep=None if keep is None else (keep, -1),
            branch=f"{keep}",
            add=add,
            **known,
            **given,
        )

    # keeping

    def export(self, run: str) -> Any:
        whole = self.store.export(self._no(run))
        self._exports.append(whole)
        return self._whole(whole)

    def _whole(self, whole: Imported) -> Any:
        return (
            self._row(whole.row),
            [entry[1:] for entry in whole.entries],
            self._questions(whole.questions),
            [structs.replace(message, no=0) for message in whole.arrivals],
            whole.heard,
        )

    def install(self, nth: int, edit: str, name: str, *, replace: bool) -> list[str] | None:
        """An export of before, edited or not."""
        if nth >= len(self._exports) or not self._exports[-1 - nth].entries:
            return None
        whole = EDITS[edit](self._exports[-1 - nth], name)
        return list(self.store.install([whole], [], replace=replace))

    def adopt(self, runs: Sequence[str]) -> list[bool]:
        return self.store.adopt(self._nos(runs))

    def reopen(
        self, run: str, past: int, older: int, questions: Sequence[dict[str, Any]], **given: Any
    ) -> list[bool]:
        """The oldest failed run, else one that isn't; ``past`` and ``older`` spoil it."""
        rows = self.store.runs(RunQuery(status=(Status.FAILED,), limit=1))
        no = rows[0].no if rows else self._no(run)
        opened = [self._opened(**question, early=False) for question in questions]
        again = Reopened(
            no=no,
            generation=(rows[0].generation if rows else 0) - older,
            entry=entry(no, self._last(no) + 1 + past, '["again"]'),
            questions=[structs.replace(question, no=no) for question in opened],
            puts=[self._put(**given["put"])],
        )
        return self.store.reopen([again], at=given["at"])

    def relabel(
        self, runs: Sequence[str], labels: dict[str, Any], put: dict[str, Any], at: int
    ) -> None:
        self.store.relabel(self._nos(runs), labels, [self._put(**put)], at=at)

    def prune(self, run: str, **given: Any) -> int:
        return self.store.prune(self._no(run), **given)

    def let_go(self, keep: Sequence[tuple[str, str | None]], kind: str, **given: Any) -> LetGo:
        """A few at a time; where it goes on is a number, which is the store's own."""
        dry = given.pop("dry")
        kept = tuple((name, value) for name, value in keep)
        step = self.store.let_go(Retention(keep=kept, kinds=(kind,), **given), limit=4, dry=dry)
        return structs.replace(step, after=step.after and (step.after[0], 0))

    def reclaim(self, before: int, at: int) -> None:
        """All of it; what a store does is its own, and what is there afterwards is compared."""
        step = self.store.reclaim(Retention(before=min(before, at)), at=at)
        while step.more:
            step = self.store.reclaim(Retention(before=min(before, at)), at=at, after=step.after)
