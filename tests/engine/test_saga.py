"""``saga`` in an engine: undone on failure and cancel, after restarts, asked when an undo fails."""

from __future__ import annotations

from typing import Any

import pytest

from everflow import Engine, Reply, Run, parallel, retry, saga, suspend
from everflow.core.flow import Flow
from everflow.core.values import Types
from everflow.engine.asking.runs import prompt_of
from everflow.errors import RunBlocked, RunCancelled, RunFailed
from tests.engine.support import DAY, PATIENT, World, plus_one, settle, step, until


def undoing(world: World, name: str, *, fails: int = 0) -> Any:
    """A node that notes what it undoes, and raises so many times before it does."""
    left = [fails]

    def undo(pair: tuple[int, int]) -> None:
        if left[0]:
            left[0] -= 1
            raise ConnectionError("nobody answers")
        world.seen.append((name, *pair))

    return step(undo, name=f"undo_{name}")


def leave_memory(world: World, engine: Engine, run: Run[Any]) -> None:
    """Have another run rest, so that of this one only rows are left."""
    settle(engine.start(world.flow("other", suspend("anything")), 1))
    cells = engine._scheduler.cells  # type: ignore[union-attr]  # noqa: SLF001 - nothing outside shows it
    until(lambda: cells.get(run.row().no) is None)


def broken(x: int) -> int:
    raise ValueError(f"no {x}")


def test_a_failure_undoes_and_then_fails_the_run(world: World) -> None:
    """The latest first, each with (input, output); the first error is the run's."""
    steps = (plus_one, undoing(world, "a")), (plus_one, undoing(world, "b"))
    flow = world.flow("f", saga(*steps, step(broken)))
    with world.engine() as engine, pytest.raises(RunFailed, match="no 3"):
        engine.start(flow, 1).result(PATIENT)
    assert world.seen == [("b", 2, 3), ("a", 1, 2)]


def test_a_cancelled_run_is_undone_after_a_restart_too(world: World) -> None:
    """It is `cancelling` until everything is undone, whoever does it (B064, B080)."""
    flow = world.flow("f", saga((plus_one, undoing(world, "a")), suspend("go")))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        assert settle(run) == "suspended"
    with world.connect() as away:
        away.cancel(run.id)
        away.cancel(run.id)
        with pytest.raises(RunCancelled):
            away.resume(run.id, 1)
    with world.engine() as engine:
        assert settle(engine.run(run.id)) == "cancelled"
    assert world.seen == [("a", 1, 2)]


def test_an_undo_waits_with_a_timer_of_its_own(world: World) -> None:
    """Its retry's backoff holds in a cancelled run, in memory and out of it (B025)."""
    undo: Flow[Any, Any] = retry(2, undoing(world, "a", fails=1), backoff=DAY)
    flow = world.flow("f", saga((plus_one, undo), suspend("go")))
    with world.engine(warm_runs=1) as engine:
        run = engine.start(flow, 1)
        settle(run)
        engine.cancel(run.id)
        until(lambda: run.row().due is not None)
        leave_memory(world, engine, run)
        assert run.status == "cancelling"
        world.clock.jump(DAY + 1)
        assert run.wait(PATIENT) == "cancelled"
    assert world.seen == [("a", 1, 2)]


def test_an_undo_that_fails_is_asked_about(world: World) -> None:
    """The run of a cancelled saga waits for retry or skip, and takes that answer alone."""
    steps = (plus_one, undoing(world, "a", fails=2)), (plus_one, undoing(world, "b", fails=1))
    flow = world.flow("f", parallel(saga(*steps, suspend("go")), suspend("other")))
    with world.engine(warm_runs=1) as engine:
        run = engine.start(flow, 1)
        settle(run)
        other = next(q for q in engine.questions(run) if q.tag == "other")
        engine.cancel(run.id)
        assert settle(run) == "cancelling"
        leave_memory(world, engine, run)
        [question] = engine.questions(run)
        prompt = prompt_of(engine.client.store, question, Types())
        assert "undo of '1' failed: ConnectionError: nobody answers" in prompt
        assert engine.answer(f"{run.id}.other.{other.occurrence}", 1) is Reply.CANCELLED
    with world.engine() as engine:
        run = engine.run(run.id)
        assert engine.resume(run.id, "retry") is Reply.ANSWERED
        assert settle(run) == "cancelling"
        assert engine.answer(f"{run.id}.@undo.2", "skip") is Reply.ANSWERED
        assert settle(run) == "cancelled"
    assert world.seen == [("b", 2, 3)]


def test_a_cancel_waits_for_the_code_of_an_undo(world: World) -> None:
    """Without it the run is blocked until code, and is undone when that is back (B065)."""

    def shape() -> Flow[Any, Any]:
        return saga((plus_one, undoing(world, "a")), suspend("go"))

    with world.engine() as engine:
        run = engine.start(world.flow("f", shape()), 1)
        settle(run)
    world.deploy()
    with world.engine() as engine:
        engine.cancel(run.id)
        assert settle(engine.run(run.id)) == "blocked"
        with pytest.raises(RunBlocked):
            engine.run(run.id).result(PATIENT)
        world.flow("f", shape())
        until(lambda: engine.run(run.id).status == "cancelled")
    assert world.seen == [("a", 1, 2)]
