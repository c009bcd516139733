"""Child runs on an engine: nothing lost, doubled or stuck between a caller and what it calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from everflow import (
    ErrorData,
    RunQuery,
    Status,
    ask,
    branch,
    call,
    each,
    flow,
    it,
    race,
    saga,
    sleep,
    step,
    suspend,
    timeout,
    try_catch,
)
from everflow.errors import RunCancelled, RunFailed
from tests.engine.support import PATIENT, World, kinds, plus_one, settle, until
from tests.engine.support import step as local

LONG = "a text that is longer than what a reference carries along " * 20


async def twice(x: int) -> int:
    """Calls the same flow two times."""
    first: int = await step(call("child"), x)
    second: int = await step(call("child"), first)
    return first + second


def children(engine: Any, run: Any) -> list[tuple[str, str]]:
    """What a run called, with where it stands."""
    return [(row.flow, str(row.status)) for row in engine.runs(RunQuery(parent=run.id))]


def test_a_caller_waits_and_gets_the_value(world: World) -> None:
    """Its row says so; the child's names its parent (B051)."""
    child = world.flow("child", ask("ok", str) >> it[1])
    with world.engine() as engine:
        run = engine.start(world.flow("f", plus_one >> call(child)), 1)
        until(lambda: children(engine, run) == [("child", "suspended")])
        assert run.wait(0) == "waiting"
        (question,) = engine.questions()
        engine.answer(f"{question.run}.ok.1", LONG)
        assert run.result(PATIENT) == LONG
        assert engine.run(question.run).row().parent == run.id
        assert kinds(engine, run.id) == ["start", "result", "child"]


def test_a_failure_goes_up_with_its_origin(world: World) -> None:
    """Through a run between; it can be caught there, too."""

    def breaks(_: Any) -> None:
        raise ValueError("no way")

    world.flow("low", local(breaks))
    world.flow("middle", plus_one >> call("low"))
    top = world.flow("top", call("middle"))
    catching = world.flow("catching", try_catch(call("low"), it["error"]["others"][0]["type"]))
    with world.engine() as engine:
        run = engine.start(top, 1)
        with pytest.raises(RunFailed, match="no way") as failed:
            run.result(PATIENT)
        (middle,) = engine.runs(RunQuery(parent=run.id))
        (low,) = engine.runs(RunQuery(parent=middle.id))
        error = failed.value.error
        assert isinstance(error, ErrorData)
        assert error.code == "child_failed"
        assert error.data == {"run": middle.id, "flow": "middle", "origin": low.id}
        assert engine.start(catching, 1).result(PATIENT) == "ValueError"


def test_a_cancel_goes_down_and_is_waited_for(world: World) -> None:
    """B064: to the awaited ones below, each before what called it; not to detached ones."""
    low = world.flow("low", suspend("x"))
    world.flow("middle", call(low))
    world.flow("apart", suspend("y"))
    top = world.flow("top", call("apart", detached=True) >> call("middle"))
    with world.engine() as engine:
        run = engine.start(top, 1)
        until(lambda: len(engine.questions()) == 2)
        engine.cancel(run)
        with pytest.raises(RunCancelled):
            run.result(PATIENT)
        assert children(engine, run) == [("apart", "suspended"), ("middle", "cancelled")]
        (middle,) = engine.runs(RunQuery(parent=run.id, flow="middle"))
        (below,) = engine.runs(RunQuery(parent=middle.id))
        assert below.ended is not None
        assert middle.ended is not None
        assert below.ended <= middle.ended <= (run.row().ended or 0)


def test_a_child_that_somebody_cancels_is_an_error(world: World) -> None:
    """Of its own name, so that a handler can tell."""
    child = world.flow("child", suspend("x"))
    top = world.flow("top", try_catch(call(child), it["error"]["code"]))
    with world.engine() as engine:
        run = engine.start(top, 1)
        until(lambda: bool(engine.questions()))
        engine.cancel(engine.questions()[0].run)
        assert run.result(PATIENT) == "child_cancelled"


def test_an_extent_waits_for_its_children(world: World) -> None:
    """A timeout and a race are over once what they called has ended."""
    slow = world.flow("slow", sleep(3600))
    late = world.flow("late", try_catch(timeout(timedelta(seconds=5), call(slow)), it["value"]))
    first = world.flow("first", race(call(slow), call(world.flow("quick", plus_one))))
    with world.engine() as engine:
        run = engine.start(late, 1)
        until(lambda: children(engine, run) == [("slow", "waiting")])
        world.clock.jump(6)
        assert run.result(PATIENT) == 1
        assert children(engine, run) == [("slow", "cancelled")]
        run = engine.start(first, 1)
        assert run.result(PATIENT) == 2
        assert sorted(children(engine, run)) == [("quick", "done"), ("slow", "cancelled")]


def test_a_flow_calls_itself_by_name(world: World) -> None:
    """As deep as it is told to; lists of calls, and undos by calls, are flows like others."""
    again = world.flow("again", branch(it < 5, plus_one >> call("again"), it))
    undo = world.flow("undo", it[1])
    undone = world.flow("undone", saga((call(again), call(undo)), call("again") >> it["no"]))
    with world.engine() as engine:
        assert engine.start(again, 0).result(PATIENT) == 5
        assert engine.start(world.flow("all", each(call(again))), [1, 7]).result(PATIENT) == [5, 7]
        run = engine.start(undone, 4)
        with pytest.raises(RunFailed):
            run.result(PATIENT)
        assert children(engine, run) == [("again", "done"), ("again", "done"), ("undo", "done")]


def test_an_unknown_flow_is_waited_for(world: World) -> None:
    """The caller is blocked with the reason, and goes on by itself; a cancel ends it."""
    top = world.flow("top", plus_one >> call("later"))
    with world.engine() as engine:
        runs = [engine.start(top, number) for number in (1, 2)]
        assert {settle(run) for run in runs} == {"blocked"}
        assert "'later'" in runs[0].row().reason
        engine.cancel(runs[0])
        with pytest.raises(RunCancelled):
            runs[0].result(PATIENT)
        world.flow("later", plus_one)
        until(lambda: runs[1].status is Status.DONE)
        assert runs[1].result(PATIENT) == 4


def test_a_child_goes_on_without_its_flow(world: World) -> None:
    """What was started is pinned: the caller waits for it, and can still cancel it."""
    child = world.flow("child", suspend("x"))
    top = world.flow("top", call(child))
    with world.engine() as engine:
        runs = [engine.start(top, number).id for number in (1, 2)]
        until(lambda: len(engine.questions()) == 2)
    world.deploy()
    world.registry.flows["top"] = top
    with world.engine() as engine:
        engine.cancel(runs[0])
        with pytest.raises(RunCancelled):
            engine.run(runs[0]).result(PATIENT)
        (question,) = engine.questions()
        engine.resume(question.run, 7)
        assert engine.run(runs[1]).result(PATIENT) == 7


def test_a_detached_run_is_on_its_own(world: World) -> None:
    """Its id is the value; it may start its successor for ever."""
    chain = world.flow("chain", branch(it > 1, (it - 1) >> call("chain", detached=True), it))
    with world.engine() as engine:
        run = engine.run(engine.start(chain, 105).result(PATIENT))
        for _ in range(103):
            run = engine.run(run.result(PATIENT))
        assert run.result(PATIENT) == 1


def test_a_retry_of_the_caller_calls_anew(world: World) -> None:
    """The failed child stays what it was; the next generation has a child of its own (B069)."""
    seen: list[int] = []

    def breaks(x: int) -> int:
        seen.append(x)
        if len(seen) == 1:
            raise ValueError("not yet")
        return x

    child = world.flow("child", local(breaks))
    with world.engine() as engine:
        run = engine.start(world.flow("top", call(child) >> plus_one), 1)
        with pytest.raises(RunFailed):
            run.result(PATIENT)
        engine.retry(run)
        until(lambda: run.status is Status.DONE)
        assert run.result(PATIENT) == 2
        assert children(engine, run) == [("child", "failed"), ("child", "done")]


def test_a_body_calls_runs(world: World) -> None:
    """In direct style a call is awaited like any flow."""
    world.flow("child", plus_one)
    body = flow("twice", registry=world.registry)(twice)
    with world.engine() as engine:
        run = engine.start(body, 1)
        assert run.result(PATIENT) == 5
        assert children(engine, run) == [("child", "done"), ("child", "done")]


def test_calls_survive_a_restart(durable: World) -> None:
    """Started without a worker, gone on with by another, ended by a third."""
    child = durable.flow("child", suspend("x"))
    top = durable.flow("top", call(child))
    with durable.engine():
        pass
    with durable.connect() as away:
        run = away.start(top, 1).id
    with durable.engine() as engine:
        until(lambda: bool(engine.questions()))
    with durable.connect() as away:
        (question,) = away.questions()
        away.resume(question.run, 5)
    with durable.engine() as engine:
        assert engine.run(run).result(PATIENT) == 5
