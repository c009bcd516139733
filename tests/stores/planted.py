"""Stores with one planted bug each: what the conformance suite must find."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import structs

from everflow.store import (
    Arrival,
    Batch,
    EntryRow,
    Imported,
    Loaded,
    Message,
    NewRun,
    QuestionOpened,
    QuestionQuery,
    QuestionRow,
    RunQuery,
    RunRow,
    SideRow,
    Status,
    Verdict,
)
from everflow.stores.memory import MemoryStore

Fates = list[Literal["new", "same", "conflict", "replaced"]]


class AppliesAgain(MemoryStore):
    """A batch sent again is applied again."""

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        worker = self._workers.get(batch.worker)
        if worker is not None and worker.number == batch.number:
            worker.number -= 1
        return super().append(batch, side_rows)


class ForgetsRefusals(MemoryStore):
    """A batch sent again is told that nothing was refused."""

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        worker = self._workers.get(batch.worker)
        again = worker is not None and worker.number == batch.number
        refused = super().append(batch, side_rows)
        return [] if again else refused


class LetsGapsPass(MemoryStore):
    """A number that was left out is no reason to refuse."""

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        worker = self._workers.get(batch.worker)
        if worker is not None and batch.number > worker.number:
            worker.number = batch.number - 1
        return super().append(batch, side_rows)


class WritesHalfOfAFencedBatch(MemoryStore):
    """A stale epoch's definitions are kept."""

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        self._define(batch.definitions)
        return super().append(batch, side_rows)


class EndsDespiteACancel(MemoryStore):
    """The outcome that a cancel refuses is written."""

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        refused = super().append(batch, side_rows)
        for change in batch.changes:
            if change.no in refused:
                self._runs[change.no].status = change.status
        return refused


class RefusesTheWholeBatch(MemoryStore):
    """A refused outcome takes the other changes with it."""

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        before = {change.no: self._runs.get(change.no) for change in batch.changes}
        kept = {no: structs.replace(run) for no, run in before.items() if run is not None}
        refused = super().append(batch, side_rows)
        if refused:
            self._runs.update(kept)
        return refused


class ReopensQuestions(MemoryStore):
    """Opening a question again makes it new."""

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        refused = super().append(batch, side_rows)
        for opened in batch.opened:
            self._questions[opened.no, opened.tag, opened.occurrence].prompt = opened.prompt
        return refused


class ClosesOverAnswers(MemoryStore):
    """A deadline overrides an accepted answer."""

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        refused = super().append(batch, side_rows)
        for closed in batch.closed:
            question = self._questions.get((closed.no, closed.tag, closed.occurrence))
            if question is not None:
                question.state = closed.state
        return refused


class PostsRepeatedAnswers(MemoryStore):
    """A repeated answer reaches the inbox a second time."""

    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        verdicts = super().accept(messages)
        for message, verdict in zip(messages, verdicts, strict=True):
            if verdict is Verdict.REPEATED:
                self._post(message)
        return verdicts


class JudgesAllAtOnce(MemoryStore):
    """Two answers in one call are both accepted."""

    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        return super().accept(messages)[:1] * len(messages)


class LeavesWhatIsKept(MemoryStore):
    """A question opens beside the answer that is kept for it."""

    def _meet(self, opened: QuestionOpened) -> None:
        del opened


class SharesLabels(MemoryStore):
    """A row that was given can be used to change what was recorded."""

    def rows(self, nos: Sequence[int]) -> list[RunRow]:
        return [self._runs[no] for no in nos if no in self._runs]

    def start(
        self, runs: Sequence[NewRun], definitions: Sequence[tuple[str, str]] = ()
    ) -> list[RunRow]:
        return self.rows([row.no for row in super().start(runs, definitions)])


class KeysOverFlows(MemoryStore):
    """A key is looked up without its flow."""

    def find_key(self, flow: str, key: str) -> RunRow | None:
        return super().find_key("f", key)


class ClaimsFromTheLiving(MemoryStore):
    """A living worker's run is taken."""

    def claim(self, worker: int, **how: Any) -> list[RunRow]:
        for run in self._runs.values():
            run.owner = 0
        return super().claim(worker, **how)


class ClaimsTooEarly(MemoryStore):
    """A timer counts a microsecond before its time."""

    def claim(self, worker: int, **how: Any) -> list[RunRow]:
        return super().claim(worker, **how | {"now": how["now"] + 1})


class ClaimsForGoodLooks(MemoryStore):
    """The rows say whose the run is now, not whose it was."""

    def claim(self, worker: int, **how: Any) -> list[RunRow]:
        rows = super().claim(worker, **how)
        return [structs.replace(row, owner=worker) for row in rows]


class WakesThePaused(MemoryStore):
    """A cancel makes a paused run act."""

    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        for message in messages:
            run = self._runs.get(message.no)
            if run is not None and run.status is Status.PAUSED:
                run.status = Status.QUEUED
        return super().accept(messages)


class ListsOthersMail(MemoryStore):
    """A worker hears of all runs."""

    def arrivals(self, worker: int, *, after: int, limit: int) -> list[Arrival]:
        found = list(self._arrivals(self._runs))
        return [arrival for arrival in found if arrival.id > after][:limit]


class SkipsAPage(MemoryStore):
    """The page mark's successor is left out."""

    def arrivals(self, worker: int, *, after: int, limit: int) -> list[Arrival]:
        return super().arrivals(worker, after=after + bool(after), limit=limit)


class LoadsEverything(MemoryStore):
    """The base is ignored."""

    def load(self, nos: Sequence[int]) -> list[Loaded]:
        return [structs.replace(run, entries=self.journal(run.row.no)) for run in super().load(nos)]


class TrustsBytes(MemoryStore):
    """Checksums aren't looked at."""

    def _entry(self, no: int, seq: int) -> EntryRow:
        return self._entries[no][seq]


class GivesBackAgain(MemoryStore):
    """Whose code doesn't fit a run is given it all the same."""

    def claim(self, worker: int, **how: Any) -> list[RunRow]:
        return super().claim(worker, **how | {"code": how.get("code", 0) + 99})


class RunsWithoutALease(MemoryStore):
    """Whoever asks gets what is leased."""

    def claim(self, worker: int, **how: Any) -> list[RunRow]:
        return super().claim(worker, **how | {"leased": list(self._runs)})


class ClaimsFromAnyQueue(MemoryStore):
    """Whoever is bound to queues gets the runs of all."""

    def claim(self, worker: int, **how: Any) -> list[RunRow]:
        return super().claim(worker, **how | {"queues": None})


class LeavesReleased(MemoryStore):
    """What doesn't fit one worker is given to nobody."""

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        refused = super().append(batch, side_rows)
        for released in batch.released:
            if released.code is not None:
                self._unfit[released.no] = dict.fromkeys(self._workers, released.code)
        return refused


class PagesByNumber(MemoryStore):
    """The order is by number alone."""

    def runs(self, query: RunQuery) -> list[RunRow]:
        found = self._matching(query)
        found.sort(key=lambda run: run.no, reverse=query.newest_first)
        return [structs.replace(run) for run in found if run.no > query.after][: query.limit]


class SortsQuestions(MemoryStore):
    """Questions come by tag, not as they were opened."""

    def questions(self, query: QuestionQuery) -> list[QuestionRow]:
        return sorted(super().questions(query), key=lambda question: question.tag)


class ReplacesUnasked(MemoryStore):
    """Other history overwrites what is there."""

    def install(
        self,
        runs: Sequence[Imported],
        definitions: Sequence[tuple[str, str]],
        *,
        replace: bool = False,
    ) -> Fates:
        return super().install(runs, definitions, replace=True)


class PrunesTheBase(MemoryStore):
    """The mark isn't held back by the base."""

    def prune(self, no: int, *, before: int, keep: Sequence[int]) -> int:
        if no in self._runs:
            base, self._runs[no].base = self._runs[no].base, before
            pruned = super().prune(no, before=before, keep=keep)
            self._runs[no].base = base
            return pruned
        return 0


class CutsAtNul(MemoryStore):
    """Texts end at a NUL, as in C."""

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        entries = [(no, seq, body.split("\0")[0], sum_) for no, seq, body, sum_ in batch.entries]
        return super().append(structs.replace(batch, entries=entries), side_rows)


PLANTED = [
    bug
    for bug in list(globals().values())
    if isinstance(bug, type) and issubclass(bug, MemoryStore) and bug is not MemoryStore
]
