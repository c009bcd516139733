"""Retry in place: a failed run goes on from where it failed (B069)."""

from datetime import timedelta
from typing import Any

import pytest

from everflow import NodeRun, ask, parallel
from everflow.errors import NotRetryable, RunFailed
from everflow.store import NewRun, RunQuery, Status
from tests.engine.support import DAY, PATIENT, World, plus_one, seen_by, settle, step, until


def mended_later(world: World) -> Any:
    """A node that fails until the world has seen it fail once."""

    def fickle(x: int, run: NodeRun) -> int:
        world.seen.append(run.idempotency_key)
        if len(world.seen) == 1:
            raise ValueError("not yet")
        return x * 10

    return step(fickle)


def test_a_failed_run_goes_on_from_where_it_failed(world: World) -> None:
    """What was recorded isn't run again; the key of what runs again is the same (B069)."""
    counted = step(seen_by(World(world.where)), name="counted")
    flow = world.flow("retried", plus_one >> counted >> mended_later(world))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        with pytest.raises(RunFailed):
            run.result(PATIENT)
        assert engine.retry(run, by="ann").result(PATIENT) == 20
        row = run.row()
        assert (row.generation, row.status) == (1, Status.DONE)
        assert len(set(world.seen)) == 1
        assert len(world.seen) == 2
        (line,) = engine.audit()
        assert (line.action, line.by, line.run) == ("retry", "ann", run.id)
        assert line.detail == {"generation": 1}


def test_a_retry_is_a_new_entry_and_undoes_none(memory: World) -> None:
    """The journal has the error, then the retry, then the result; a restart folds from there."""
    flow = memory.flow("told", mended_later(memory) >> ask("ok", bool))
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        assert settle(run) == "failed"
        assert settle(engine.retry(run)) == "suspended"
        journal = engine.client.store.journal(run.row().no)
        kinds = [body.split(",")[2].strip('"') for _, _, body, _ in journal]
    with memory.engine() as engine:
        assert engine.run(run.id).row().base == 2
        engine.resume(run.id, value=True)
        assert engine.run(run.id).result(PATIENT) == (10, True)
    assert kinds[:4] == ["start", "error", "retried", "result"]


def test_siblings_that_the_failure_cancelled_run_again(memory: World) -> None:
    """A question that was closed is open again, by the same token."""
    flow = memory.flow("wide", parallel(mended_later(memory), ask("ok", bool)))
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        assert settle(run) == "failed"
        assert engine.questions(run) == []
        assert settle(engine.retry(run)) == "suspended"
        (question,) = engine.questions(run)
        assert question.occurrence == 1
        engine.answer(f"{run.id}.ok.1", value=True)
        assert run.result(PATIENT) == (10, (1, True))


def test_a_question_that_expired_is_asked_again(memory: World) -> None:
    """With as long as it had at first."""
    flow = memory.flow("late", ask("ok", bool, within=timedelta(days=1)))
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        assert settle(run) == "suspended"
        memory.clock.jump(2 * DAY)
        until(lambda: run.status is Status.FAILED)
        memory.clock.jump(2 * DAY)
        assert settle(engine.retry(run)) == "suspended"
        engine.resume(run, value=True)
        assert run.result(PATIENT) == (1, True)


@pytest.mark.parametrize("status", [Status.DONE, Status.CANCELLED, Status.SUSPENDED])
def test_only_a_failed_run_is_retried(memory: World, status: Status) -> None:
    """Every other is told how it stands, and what to do instead."""
    flow = memory.flow("other", plus_one if status is Status.DONE else ask("ok", bool))
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        if status is Status.CANCELLED:
            engine.cancel(run)
            run.wait(PATIENT)
        with pytest.raises(NotRetryable, match=f"this one is {status}"):
            engine.retry(run)
        assert engine.audit() == []


def test_a_consumed_outcome_is_not_taken_back(memory: World) -> None:
    """Once somebody acknowledged it: then a fork is the way, and the sentence says so."""
    flow = memory.flow("consumed", mended_later(memory))
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        assert settle(run) == "failed"
        engine.acknowledge(run, by="bob")
        with pytest.raises(NotRetryable, match="bob acknowledged it") as caught:
            engine.retry(run)
        assert "fork" in caught.value.hint
        assert engine.fork(run, 0).result(PATIENT) == 10
        assert run.status is Status.FAILED


def test_an_outcome_that_a_parent_was_told_is_not_taken_back(memory: World) -> None:
    """The parent went on with it."""
    flow = memory.flow("child", mended_later(memory))
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        assert settle(run) == "failed"
        row = run.row()
        store = engine.client.store
        entry = store.journal(row.no)[0]
        new = NewRun(
            id="0child",
            flow=row.flow,
            definition=row.definition,
            body=entry[2],
            sum=entry[3],
            at=row.created,
            parent="0parent",
        )
        store.start([new])
        engine.client.nudge()
        memory.seen.clear()
        assert settle(engine.run("0child")) == "failed"
        with pytest.raises(NotRetryable, match="its parent 0parent was told"):
            engine.retry("0child")


def test_failed_runs_of_a_selection_are_retried(memory: World) -> None:
    """Each is told of; one that can't be retried keeps no other; a dry run does nothing."""

    def fails(x: int) -> int:
        if memory.seen:
            return x
        raise ValueError(x)

    flow = memory.flow("many", step(fails))
    with memory.engine() as engine:
        runs = engine.start_all(flow, [1, 2, 3])
        assert [settle(run) for run in runs] == ["failed"] * 3
        engine.acknowledge(runs[1])
        memory.seen.append("mended")
        dry = engine.retry_all(RunQuery(flow="many"), dry=True)
        assert [outcome.done for outcome in dry] == [False] * 3
        assert {run.status for run in runs} == {Status.FAILED}
        done = engine.retry_all(RunQuery(flow="many"), by="ann")
        assert [outcome.done for outcome in done] == [True, False, True]
        assert isinstance(done[1].error, NotRetryable)
        assert [settle(run) for run in runs] == ["done", "failed", "done"]
