"""The faces: the sync and the async one, connect, join, and closing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from everflow import AsyncEngine, Reply, RunQuery, ask, connect, suspend
from everflow.errors import (
    ConfigurationError,
    EngineClosed,
    NoSuchRun,
    RunCancelled,
    RunFailed,
    StillRunning,
    StoreUnavailable,
)
from everflow.store import Batch, SideRow
from everflow.stores.memory import MemoryStore
from tests.engine.support import DAY, PATIENT, World, plus_one, seen_by, settle, step, until


def test_the_async_face_does_all_that_the_sync_one_does(world: World) -> None:
    """Start, wait, answer, cancel, list: awaited."""
    flow = world.flow("f", plus_one >> suspend("go"))

    async def main() -> None:
        async with world.engine() as engine:
            assert isinstance(engine, AsyncEngine)
            run = await engine.start(flow, 1, key="k", labels={"a": "b"})
            assert await run.wait(PATIENT) == "suspended"
            assert (await engine.start(flow, 5, key="k")).id == run.id
            with pytest.raises(StillRunning):
                await run.result(0.01)
            assert [q.tag for q in await engine.questions(run)] == ["go"]
            assert [q.tag for q in await engine.questions(run.id)] == ["go"]
            assert len(await engine.questions()) == 1
            assert await engine.answer(f"{run.id}.go.1", 7) is Reply.ANSWERED
            assert await run.result(PATIENT) == 7
            assert await run.status() == "done"
            more = await engine.start_all(flow, [1, 2, 3], labels={"c": "d"})
            assert len(await engine.runs(RunQuery(labels=(("c", "d"),)))) == 3
            for one in more:
                await one.wait(PATIENT)
            assert await engine.resume(more[0], 8) is Reply.ANSWERED
            assert await engine.resume(more[1].id, 9) is Reply.ANSWERED
            await engine.cancel(more[2])
            await engine.cancel(more[2].id)
            assert [await one.wait(PATIENT) for one in more] == ["done", "done", "cancelled"]
            with pytest.raises(RunCancelled):
                await (await engine.run(more[2].id)).result(PATIENT)
            with pytest.raises(NoSuchRun):
                await engine.run("nobody")
            assert len(await engine.runs(RunQuery(limit=2))) == 2
            assert len(await engine.runs()) == 4

    asyncio.run(main())


@pytest.mark.usefixtures("unmeasured")
def test_waiting_costs_no_thread(memory: World) -> None:
    """Hundreds wait on one loop, and all are told."""
    flow = memory.flow("f", suspend("go"))

    async def main() -> list[Any]:
        async with memory.engine() as engine:
            runs = await engine.start_all(flow, list(range(200)))
            waiting = [asyncio.ensure_future(run.result(PATIENT)) for run in runs]
            for n, run in enumerate(runs):
                await run.wait(PATIENT)
                await engine.resume(run, n)
            return await asyncio.gather(*waiting)

    assert asyncio.run(main()) == list(range(200))


def test_leaving_async_with_ends_its_nodes(memory: World) -> None:
    """What still runs is cancelled and awaited; the next engine runs it again."""
    begun = asyncio.Event()
    story: list[str] = []

    @step
    async def waits(x: int) -> int:
        story.append("begun")
        begun.set()
        try:
            if len(story) == 1:
                await asyncio.Event().wait()
        finally:
            story.append("ended")
        return x

    flow = memory.flow("f", waits)

    async def main() -> str:
        async with memory.engine(grace_s=0.02, drain_s=0.02) as engine:
            run = await engine.start(flow, 3)
            await begun.wait()
        assert story == ["begun", "ended"]
        return run.id

    run = asyncio.run(main())
    with memory.engine() as engine:
        assert engine.run(run).result(PATIENT) == 3


def test_an_engine_may_be_closed_on_its_own_loop(memory: World) -> None:
    """Nothing waits for itself: what was cancelled ends after the call."""
    ended = asyncio.Event()
    begun = asyncio.Event()

    @step
    async def waits(x: int) -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return x

    flow = memory.flow("f", waits)
    engine = memory.engine(grace_s=0.02, drain_s=0.02)

    async def main() -> None:
        await asyncio.to_thread(engine.open, asyncio.get_running_loop())
        await asyncio.to_thread(engine.start, flow, 1)
        await begun.wait()
        engine.close()
        await asyncio.wait_for(ended.wait(), PATIENT)

    asyncio.run(main())


def test_closing_waits_for_what_is_begun(world: World) -> None:
    """For the grace; what ends in it is recorded, and nothing new is begun."""
    begun, go = threading.Event(), threading.Event()
    second = step(seen_by(world), name="second")

    @step
    def held(x: int) -> int:
        begun.set()
        go.wait(PATIENT)
        world.seen.append("held")
        return x

    flow = world.flow("f", held >> second)
    engine = world.engine()
    with engine:
        run = engine.start(flow, 1).id
        begun.wait(PATIENT)
        closing = threading.Thread(target=engine.close)
        closing.start()
        until(lambda: engine._scheduler is not None and engine._scheduler.draining.active)  # noqa: SLF001 - nothing outside shows it
        go.set()
        closing.join(PATIENT)
    assert world.seen == ["held"]
    with world.engine() as again:
        assert again.run(run).result(PATIENT) == 1
    assert world.seen == ["held", 1]


def test_join_waits_until_nothing_goes_on(world: World) -> None:
    """Runs are finished or wait; what was just answered has gone on as far as it goes."""
    flow = world.flow("f", plus_one >> suspend("go") >> step(lambda x: x, name="n") >> suspend("b"))
    with world.engine() as engine:
        runs = [engine.start(flow, n) for n in range(10)]
        assert engine.join(PATIENT)
        assert {run.status for run in runs} == {"suspended"}
        for run in runs:
            engine.resume(run, 1, tag="go")
        assert engine.join(PATIENT)
        assert {q.tag for q in engine.questions()} == {"b"}


def test_join_gives_up_after_its_time(world: World) -> None:
    """While a node runs there is something going on."""
    go = threading.Event()
    flow = world.flow("f", step(lambda x: go.wait(PATIENT), name="held"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        assert not engine.join(0.05)
        go.set()
        assert engine.join(PATIENT)
        assert run.result() is True


def test_a_connection_starts_answers_and_looks_without_executing(world: World) -> None:
    """What it starts waits for a worker."""
    flow = world.flow("f", plus_one >> suspend("go"))
    with world.engine():
        pass  # so that there is a store
    with world.connect() as flows:
        run = flows.start(flow, 1, key="k", labels={"a": "b"})
        assert run.status == "queued"
        assert run.wait(0.01) == "queued"
        assert flows.run(run.id).id == run.id
        with world.engine():
            assert run.wait(PATIENT) == "suspended"
            assert [q.tag for q in flows.questions(run.id)] == ["go"]
            assert flows.answer(f"{run.id}.go.1", 5) is Reply.ANSWERED
            assert run.result(PATIENT) == 5
        assert [row.id for row in flows.runs()] == [run.id]
        other = flows.start(flow, 1)
        flows.cancel(other.id)
        with world.engine():
            assert other.wait(PATIENT) == "cancelled"


def test_connect_opens_and_closes_a_store(durable: World) -> None:
    """A path that isn't there is no store, unless it is to be made."""
    flow = durable.flow("f", suspend("go"))
    with pytest.raises(ConfigurationError, match="there is no store"):
        connect(str(durable.where))
    with connect(str(durable.where), registry=durable.registry, create=True) as flows:
        run = flows.start(flow, 1)
        with pytest.raises(StillRunning):
            run.result(0.01)
    with durable.engine() as engine:
        assert settle(engine.run(run.id)) == "suspended"


def test_a_call_after_the_end_is_refused(world: World) -> None:
    """While another thread still holds the engine."""
    flow = world.flow("f", suspend("go"))
    engine = world.engine()
    with engine:
        engine.start(flow, 1)
    for call in (
        lambda: engine.start(flow, 1),
        engine.runs,
        lambda: engine.join(1),
        lambda: engine.abandoned,
    ):
        with pytest.raises(EngineClosed):
            call()


class Slow(MemoryStore):
    """A store whose next commit of an outcome waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.at_outcome = threading.Event()
        self.go = threading.Event()
        self.armed = False

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        if self.armed and any(change.outcome for change in batch.changes):
            self.at_outcome.set()
            self.go.wait(PATIENT)
        return super().append(batch, side_rows)


@pytest.mark.parametrize("fails", [False, True])
def test_a_cancel_that_arrives_with_the_outcome_wins(fails: bool) -> None:
    """It was acknowledged before the outcome was on disk: the run is cancelled."""
    store = Slow()
    world = World(store)
    last = step(lambda x: 1 // x, name="last", inline=True)
    flow = world.flow("f", suspend("go") >> last)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        store.armed = True
        engine.resume(run, 0 if fails else 1)
        assert store.at_outcome.wait(PATIENT)
        engine.cancel(run)
        store.go.set()
        assert settle(run) == "cancelled"
        with pytest.raises(RunCancelled):
            run.result(PATIENT)
        assert store.count(RunQuery()) == {"cancelled": 1}


class Expiring(MemoryStore):
    """A store in which somebody answers just before an expiry is written."""

    def __init__(self) -> None:
        super().__init__()
        self.before_expiry: Any = None

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        if self.before_expiry is not None and any(c.state == "expired" for c in batch.closed):
            before, self.before_expiry = self.before_expiry, None
            before()
        return super().append(batch, side_rows)


def test_an_answer_between_the_deadline_and_its_record_counts() -> None:
    """It was acknowledged, so the expiry isn't journaled."""
    store = Expiring()
    world = World(store)
    flow = world.flow("f", ask("ok", bool, within=timedelta(days=3), default=False))
    replies: list[Reply] = []
    with world.engine() as engine, world.connect() as outside:
        run = engine.start(flow, 1)
        settle(run)
        store.before_expiry = lambda: replies.append(outside.answer(f"{run.id}.ok.1", True))
        world.clock.jump(4 * DAY)
        assert run.result(PATIENT) == (1, True)
    assert replies == [Reply.ANSWERED]


def test_trouble_between_the_two_steps_of_an_expiry_is_healed() -> None:
    """The question is closed, the store goes away, and the default is still the answer."""
    store = Expiring()
    world = World(store)
    flow = world.flow("f", ask("ok", bool, within=timedelta(days=3), default=False))
    arrivals = store.arrivals
    tries: list[int] = []

    def away(*args: Any, **kwargs: Any) -> Any:
        tries.append(1)
        if len(tries) < 4:
            raise StoreUnavailable("not now")
        return arrivals(*args, **kwargs)

    def break_down() -> None:
        store.arrivals = away  # type: ignore[method-assign]  # the seam of this test

    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        store.before_expiry = break_down
        world.clock.jump(4 * DAY)
        assert run.result(PATIENT) == (1, False)
        assert engine.answer(f"{run.id}.ok.1", True) is Reply.EXPIRED
    assert len(tries) >= 4


def test_a_failed_run_says_so_to_everybody(world: World) -> None:
    """To each who waits, again and again."""
    flow = world.flow("f", step(lambda x: 1 // 0, name="breaks", inline=True))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        for _ in range(2):
            with pytest.raises(RunFailed, match="ZeroDivisionError"):
                run.result(PATIENT)
        assert run.wait(PATIENT) == "failed"
