"""What a run can't take parks it: nothing of it is lost, and it goes on with code that can."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everflow import (
    Run,
    ask,
    branch,
    const,
    it,
    loop,
    parallel,
    sleep,
    sleep_until,
    suspend,
    timeout,
)
from everflow.core.entries import Entry, Kind
from everflow.core.machine import Machine
from everflow.errors import JournalMismatch, RunFailed
from tests.engine.support import DAY, PATIENT, World, plus_one, see_all, settle, step, until

A_DAY = timedelta(days=1)


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[[], None]]:
    """Have machines refuse entries of a kind, as those of other code would; gives the way back."""
    real = Machine.tell

    def refusing(kind: str) -> Callable[[], None]:
        def tell(self: Machine, entry: Entry) -> None:
            if entry.kind == kind:
                raise JournalMismatch(f"planted: no {kind} here")
            real(self, entry)

        monkeypatch.setattr(Machine, "tell", tell)
        return lambda: monkeypatch.setattr(Machine, "tell", real)

    return refusing


@pytest.mark.parametrize("kind", [Kind.RESULT, Kind.ANSWER, Kind.FIRED])
def test_an_entry_that_does_not_fit_parks_the_run(
    memory: World, refuse: Callable[[str], Callable[[], None]], kind: str
) -> None:
    """A result, an answer, a timer: each is there again for code that takes it (B045)."""
    body: Any = {
        Kind.RESULT: suspend("go") >> plus_one,
        Kind.ANSWER: suspend("go"),
        Kind.FIRED: suspend("go") >> sleep(A_DAY),
    }[Kind(kind)]
    memory.flow("f", body)
    with memory.engine() as engine:
        run = engine.start("f", 1).id
        settle(engine.run(run))
        restore = refuse(kind)
        engine.resume(run, 41)
        if kind == Kind.FIRED:
            until(lambda: engine.run(run).status == "waiting")
            memory.clock.jump(2 * DAY)
        until(lambda: engine.run(run).status == "blocked")
        assert "planted" in engine.run(run).row().reason
    restore()
    with memory.engine() as engine:
        until(lambda: engine.run(run).status == "done")
        assert engine.run(run).result() == (42 if kind == Kind.RESULT else 41)


def test_results_of_a_run_that_was_parked_meanwhile_are_late(memory: World) -> None:
    """They belong to attempts that will be made again; the others are abandoned."""
    begun, go = threading.Event(), threading.Event()

    @step
    def held(x: Any) -> int:
        begun.set()
        go.wait(PATIENT)
        return 1

    @step
    async def awaited(x: Any) -> int:
        await asyncio.to_thread(go.wait, PATIENT)
        return 2

    def typed(x: int) -> int:
        return x

    gate = step(lambda x: begun.wait(PATIENT) and x, name="gate")
    memory.flow("f", see_all >> parallel(held, awaited, gate >> step(typed)))
    with memory.engine() as engine:
        run: Run[Any] = engine.start("f", "no number")
        until(lambda: run.status == "blocked")
        go.set()
        until(lambda: engine.late == 2)
        assert run.status == "blocked"


def test_an_async_node_that_goes_on_after_its_cancel_is_given_up(memory: World) -> None:
    """When the grace is over; what it gives later is dropped (B064)."""
    begun, go = threading.Event(), threading.Event()

    @step
    async def stubborn(x: int) -> int:
        begun.set()
        while not go.is_set():
            try:
                await asyncio.to_thread(go.wait, PATIENT)
            except asyncio.CancelledError:
                continue
        return x

    flow = memory.flow("f", stubborn)
    with memory.engine(grace_s=30.0) as engine:
        run = engine.start(flow, 1)
        begun.wait(PATIENT)
        engine.cancel(run)
        until(lambda: run.status == "cancelling")
        memory.clock.jump(31)
        assert settle(run) == "cancelled"
        go.set()
        until(lambda: engine.late == 1)


def test_expressions_and_constants_are_nodes_like_others(world: World) -> None:
    """Evaluated in place, as data (B011)."""
    flow = world.flow("f", branch((it["ok"] == True), const("yes"), it["why"]) >> see_all)  # noqa: E712 - an expression as data
    with world.engine() as engine:
        assert engine.start(flow, {"ok": True}).result(PATIENT) == "yes"
        assert engine.start(flow, {"ok": False, "why": "late"}).result(PATIENT) == "late"
        with pytest.raises(RunFailed) as caught:
            engine.start(flow, {"ok": False}).result(PATIENT)
    error: Any = caught.value.error
    assert error.position.startswith("./0/")


def test_of_two_timers_that_are_due_at_once_the_first_decides(world: World) -> None:
    """The one that it closed is passed over."""
    flow = world.flow("f", timeout(A_DAY, sleep(2 * A_DAY)))
    asked = ask("ok", bool, within=2 * A_DAY, default=False)
    other = world.flow("g", timeout(A_DAY, asked))
    with world.engine() as engine:
        runs = [engine.start(flow, 1), engine.start(other, 1)]
        until(lambda: {run.status for run in runs} == {"waiting", "suspended"})
        world.clock.jump(3 * DAY)
        for run in runs:
            with pytest.raises(RunFailed, match="FlowTimeout"):
                run.result(PATIENT)


def test_a_point_in_time_follows_the_wall_clock(world: World) -> None:
    """Durations don't, while a process lives (B141)."""
    until_then = datetime.fromtimestamp(world.clock.wall() / 1e6 + 10 * DAY, UTC)
    point = world.flow("point", sleep_until(until_then) >> plus_one)
    span = world.flow("span", sleep(10 * A_DAY) >> plus_one)
    with world.engine() as engine:
        at_point, after_span = engine.start(point, 1), engine.start(span, 1)
        until(lambda: at_point.status == after_span.status == "waiting")
        world.clock.set_wall(11 * DAY)
        assert at_point.result(PATIENT) == 2
        assert after_span.status == "waiting"
        world.clock.jump(10.1 * DAY)
        assert after_span.result(PATIENT) == 2


def test_a_point_in_time_that_moved_away_is_waited_for(memory: World) -> None:
    """The wall clock was set back: it is looked at again later."""
    until_then = datetime.fromtimestamp(memory.clock.wall() / 1e6 + DAY, UTC)
    flow = memory.flow("f", sleep_until(until_then) >> plus_one)
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        until(lambda: run.status == "waiting")
        memory.clock.set_wall(-2 * DAY)
        memory.clock.jump(1.5 * DAY)
        assert engine.join(PATIENT)
        assert run.status == "waiting"
        memory.clock.jump(1.6 * DAY)
        assert run.result(PATIENT) == 2


def test_a_long_loop_over_large_values_keeps_few_of_them(memory: World) -> None:
    """What the state no longer refers to is let go."""
    grow = step(lambda x: [x[0] + 1, "x" * 3_000], name="grow", inline=True)
    flow = memory.flow("f", loop(grow, until=it[0] >= 200) >> suspend("ok"))
    with memory.engine() as engine:
        run = engine.start(flow, [0, ""])
        assert settle(run) == "suspended"
        cell = engine._scheduler.cells.get(run.row().no)  # type: ignore[union-attr]  # noqa: SLF001 - nothing outside shows it
        assert cell is not None
        assert len(cell.payloads) < 110
        engine.resume(run, 1)
        assert run.result(PATIENT) == 1
