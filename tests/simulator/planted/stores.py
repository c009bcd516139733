"""Mistakes of a store: fence, acceptance, claims."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from everflow.core.status import ACTIVE
from everflow.store import (
    Answer,
    Batch,
    Cancel,
    Early,
    Message,
    NewRun,
    RunChange,
    RunRow,
    SideRow,
    Verdict,
)
from everflow.stores.memory import MemoryStore
from everflow.stores.memory.tables import copied
from tests.simulator.planted import bug

Append = Any


@bug()
def append_ignores_the_epoch(patch: pytest.MonkeyPatch) -> None:
    """A deposed worker's batches are written all the same."""
    real = MemoryStore.append

    def append(store: MemoryStore, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        worker = store._workers[batch.worker]
        known = worker.gone, worker.epoch
        worker.gone, worker.epoch = False, batch.epoch
        try:
            return real(store, batch, side_rows)
        finally:
            worker.gone, worker.epoch = known

    patch.setattr(MemoryStore, "append", append)


@bug()
def a_repeated_batch_is_applied_twice(patch: pytest.MonkeyPatch) -> None:
    """A batch that is sent again is written again."""
    real = MemoryStore.append

    def append(store: MemoryStore, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        worker = store._workers[batch.worker]
        if worker.number == batch.number:
            worker.number -= 1
        return real(store, batch, side_rows)

    patch.setattr(MemoryStore, "append", append)


@bug()
def a_claim_takes_from_the_living(patch: pytest.MonkeyPatch) -> None:
    """Whoever asks gets any run that goes on."""
    real = MemoryStore.claim

    def claim(store: MemoryStore, worker: int, **how: Any) -> list[RunRow]:
        rows = real(store, worker, **how)
        others = [r for r in store._runs.values() if r.owner != worker and r.status in ACTIVE]
        for run in others[:1]:
            rows.append(copied(run))
            run.owner = worker
        return rows

    patch.setattr(MemoryStore, "claim", claim)


@bug()
def answers_are_not_deduplicated(patch: pytest.MonkeyPatch) -> None:
    """A second answer to a question is accepted too."""
    real = MemoryStore._accept

    def accept(store: MemoryStore, message: Message) -> Verdict:
        verdict = real(store, message)
        if isinstance(message, Answer) and verdict is Verdict.ANSWERED:
            store._post(message)
            return Verdict.ACCEPTED
        return verdict

    patch.setattr(MemoryStore, "_accept", accept)


@bug(cancel=12)
def a_cancel_is_ignored_when_the_outcome_races(patch: pytest.MonkeyPatch) -> None:
    """An outcome is written although a cancel was accepted."""
    real = MemoryStore._change

    def change(store: MemoryStore, row: RunChange, at: int, seen: set[int]) -> bool:
        return real(store, row, at, seen | {row.no})

    patch.setattr(MemoryStore, "_change", change)


@bug()
def an_unclear_start_makes_a_second_run(patch: pytest.MonkeyPatch) -> None:
    """A start that is sent again isn't recognised."""

    def find(store: MemoryStore, new: NewRun) -> RunRow | None:
        new.no = 0
        no = None if new.key is None else store._keys.get((new.flow, new.key))
        return None if no is None else store._runs[no]

    patch.setattr(MemoryStore, "_find", find)


@bug()
def a_key_makes_a_second_run(patch: pytest.MonkeyPatch) -> None:
    """Starts with the same key give different runs."""

    def find(store: MemoryStore, new: NewRun) -> RunRow | None:
        no = store._ids.get(new.id)
        return None if no is None else store._runs[no]

    patch.setattr(MemoryStore, "_find", find)


@bug()
def an_inbox_is_emptied_by_any_batch(patch: pytest.MonkeyPatch) -> None:
    """A batch that writes of a run deletes all of the run's messages, journaled or not."""
    real = MemoryStore._write

    def write(store: MemoryStore, batch: Batch) -> list[int]:
        refused = real(store, batch)
        mine = {change.no for change in batch.changes}
        for id_, arrival in list(store._inbox.items()):
            if arrival.no in mine and not isinstance(arrival.message, Cancel):
                del store._inbox[id_]
        return refused

    patch.setattr(MemoryStore, "_write", write)


@bug()
def a_question_closes_over_its_answer(patch: pytest.MonkeyPatch) -> None:
    """A question that was answered can still expire, and tells so."""
    real = MemoryStore._write

    def write(store: MemoryStore, batch: Batch) -> list[int]:
        refused = real(store, batch)
        for closed in batch.closed:
            question = store._questions.get((closed.no, closed.tag, closed.occurrence))
            if question is not None:
                question.state = closed.state
                question.key = None
        return refused

    patch.setattr(MemoryStore, "_write", write)


@bug()
def a_retired_worker_keeps_its_runs(patch: pytest.MonkeyPatch) -> None:
    """Runs stay with a worker that says it lives for ever."""

    def retire(store: MemoryStore, worker: int) -> None:
        store._version += 1

    patch.setattr(MemoryStore, "retire", retire)
    patch.setattr(MemoryStore, "depose", lambda store, worker, epoch: False)


@bug()
def an_early_answer_s_key_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """An answer by tag that is sent again is another answer."""
    real = MemoryStore._accept_early

    def accept_early(store: MemoryStore, run: RunRow | None, early: Early) -> Verdict:
        return real(store, run, structs.replace(early, key=f"{early.key} {store._last_arrival}"))

    patch.setattr(MemoryStore, "_accept_early", accept_early)
