"""The queue that a flow has of its own: whoever starts it, and whom its runs call."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from everflow import Registry, Run, RunQuery, Status, call, const, flow, step, suspend
from everflow.engine.faces.connect import Connection
from everflow.errors import NoSuchQueue, WrongArgument
from everflow.store import RunRow
from everflow.testing.harness import harness
from tests.engine.support import PATIENT, World, plus_one, until


async def told_back(x: int) -> int:
    """The body of a flow."""
    return x


def placed(run: Run[Any]) -> tuple[str, str, int]:
    """Where a run waits or waited."""
    row = run.row()
    return row.queue, row.lane, row.priority


def children(engine: Any, run: Run[Any]) -> list[RunRow]:
    rows: list[RunRow] = engine.runs(RunQuery(parent=run.id))
    return rows


def test_a_start_waits_in_the_queue_of_its_flow(world: World) -> None:
    """It may say another, or none; lane and priority are for the flow's own, too."""
    asks = flow("f", suspend("ok"), queue="own", registry=world.registry)
    with world.engine() as engine:
        for name in ("own", "other"):
            engine.queues.declare(name, limit=9)
        assert placed(engine.start(asks, 1)) == ("own", "", 0)
        assert placed(engine.start("f", 1, lane="ann", priority=2)) == ("own", "ann", 2)
        assert placed(engine.start(asks, 1, queue="other")) == ("other", "", 0)
        assert placed(engine.start(asks, 1, queue=None)) == ("", "", 0)
        assert [placed(run) for run in engine.start_all(asks, [1, 2])] == [("own", "", 0)] * 2
        with pytest.raises(WrongArgument, match="runs of a queue"):
            engine.start(asks, 1, queue=None, lane="ann")


def test_a_body_has_a_queue_as_any_flow(world: World) -> None:
    """By the decorator, under its own name or another; inlined in another flow it has none."""
    tells = flow(queue="own", registry=world.registry)(told_back)
    around = flow("around", tells, registry=world.registry)
    with world.engine() as engine:
        engine.queues.declare("own")
        run = engine.start(tells, 1)
        assert (run.result(PATIENT), placed(run)) == (1, ("own", "", 0))
        assert placed(engine.start(around, 1)) == ("", "", 0)


@pytest.mark.parametrize("name", [" " * 201, None, 5], ids=["long", "none", "number"])
def test_what_is_no_name_of_a_queue_is_refused(name: Any) -> None:
    """Where the flow is defined."""
    with pytest.raises(WrongArgument, match="queue's name"):
        flow("f", const(1), queue=name, registry=Registry())


def test_a_start_without_the_code_knows_the_queue(world: World) -> None:
    """A changed one counts from the deploy on, and strands nobody: the definition is the same."""
    flow("f", suspend("ok"), queue="one", registry=world.registry)
    with world.engine() as engine:
        engine.queues.declare("one", limit=1)
        engine.queues.declare("two")
    with Connection(world.where, registry=Registry(), clock=world.clock) as flows:
        first: Run[Any] = flows.start("f", 1)
        waiting: Run[Any] = flows.start("f", 1)
        assert placed(first) == ("one", "", 0)
    world.deploy()
    flow("f", suspend("ok"), queue="two", registry=world.registry)
    with (
        world.engine() as engine,
        Connection(world.where, registry=Registry(), clock=world.clock) as flows,
    ):
        assert placed(flows.start("f", 1)) == ("two", "", 0)
        for id_ in (first.id, waiting.id):
            run = engine.run(id_)
            assert run.wait(PATIENT) is Status.SUSPENDED
            assert placed(run) == ("one", "", 0)
            engine.resume(run, "yes")
            assert run.result(PATIENT) == "yes"


def test_a_queue_that_nobody_declared_is_told_with_the_flow(world: World) -> None:
    """And how to start without it."""
    plain = flow("f", const(1), queue="mials", registry=world.registry)
    with world.engine() as engine:
        with pytest.raises(NoSuchQueue, match="runs of f wait") as refused:
            engine.start(plain, 1)
        assert "queue=None" in str(refused.value)
        assert engine.start(plain, 1, queue=None).result(PATIENT) == 1


# calls


def test_a_child_waits_in_its_own_flow_s_queue_and_inherits_nothing(world: World) -> None:
    """Neither the caller's queue, nor its labels."""
    flow("own", suspend("ok"), queue="mails", registry=world.registry)
    world.flow("none", plus_one)
    calls = world.flow("calls", call("none") >> call("own"))
    with world.engine() as engine:
        for name in ("mails", "callers"):
            engine.queues.declare(name, limit=1)
        runs = [
            engine.start(calls, n, queue="callers", labels={"by": "ann"}, lane="x") for n in (1, 2)
        ]
        until(lambda: len(children(engine, runs[0])) == 2)
        rows = children(engine, runs[0])
        assert [(row.flow, row.queue, row.lane, row.labels) for row in rows] == [
            ("none", "", "", {}),
            ("own", "mails", "", {}),
        ]
        for run in runs:
            until(partial(open_child, engine, run))
            engine.resume(open_child(engine, run), "yes")
            assert run.result(PATIENT) == "yes"


def open_child(engine: Any, run: Run[Any]) -> Any:
    return next((r.id for r in children(engine, run) if r.status is Status.SUSPENDED), None)


@pytest.mark.parametrize("between", [False, True], ids=["caller", "caller of caller"])
def test_a_child_in_the_queue_of_who_waits_for_it_goes_on_in_that_place(
    world: World, between: bool
) -> None:
    """Else it would wait for ever for the end of its own caller."""
    flow("low", plus_one, queue="one", registry=world.registry)
    world.flow("middle", call("low"))
    name = "middle" if between else "low"
    top = flow("top", call(name), queue="one", registry=world.registry)
    with world.engine() as engine:
        engine.queues.declare("one", limit=1)
        runs = [engine.start(top, n) for n in range(3)]
        assert [run.result(PATIENT) for run in runs] == [1, 2, 3]
        low = [row for row in engine.runs(RunQuery()) if row.flow == "low"]
        assert {(row.queue, row.admitted) for row in low} == {("", None)}


def test_a_child_that_nobody_waits_for_has_a_place_of_its_own(world: World) -> None:
    """Detached, or of a caller in no queue."""
    flow("low", suspend("ok"), queue="one", registry=world.registry)
    top = flow(
        "top", call("low", detached=True) >> suspend("up"), queue="one", registry=world.registry
    )
    plain = world.flow("plain", call("low", detached=True))
    with world.engine() as engine:
        engine.queues.declare("one", limit=1)
        run = engine.start(top, 1)
        assert run.wait(PATIENT) is Status.SUSPENDED
        (low,) = children(engine, run)
        assert (low.queue, low.admitted) == ("one", None)
        engine.resume(run, "yes")
        assert engine.run(low.id).wait(PATIENT) is Status.SUSPENDED
        last = engine.run(engine.start(plain, 1).result(PATIENT))
        assert (last.row().queue, last.row().admitted) == ("one", None)
        engine.resume(low.id, "yes")
        assert last.wait(PATIENT) is Status.SUSPENDED


def test_a_cancel_of_a_caller_reaches_the_child_that_waits(world: World) -> None:
    """It needs no place for that."""
    flow("low", suspend("ok"), queue="one", registry=world.registry)
    top = world.flow("top", call("low"))
    with world.engine() as engine:
        engine.queues.declare("one", limit=1)
        first, second = (engine.start(top, n) for n in (1, 2))
        until(lambda: bool(children(engine, first) and children(engine, second)))
        engine.cancel(second)
        assert second.wait(PATIENT) is Status.CANCELLED
        assert [row.status for row in children(engine, second)] == [Status.CANCELLED]


def test_a_harness_runs_flows_whatever_their_queues() -> None:
    """A test declares none: its run waits for nothing, nor does a child."""
    own = Registry()
    flow("low", plus_one, queue="one", registry=own)

    @flow("top", queue="two", registry=own)
    async def top(x: int) -> int:
        found: int = await step(call("low"), x)
        return found

    with harness(top, registry=own) as h:
        assert h.start(1).result() == 2
