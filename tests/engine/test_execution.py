"""Where nodes are executed: in place, on threads, on an event loop, in processes of their own."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from everflow import parallel
from everflow.errors import RunFailed, WrongArgument
from tests.engine.support import PATIENT, World, plus_one, step


def test_a_plain_node_runs_on_a_thread_of_the_pool(world: World) -> None:
    """Not on the caller's, and not on the scheduler's."""

    @step
    def where(x: int) -> str:
        return threading.current_thread().name

    flow = world.flow("f", where)
    with world.engine() as engine:
        assert str(engine.start(flow, 1).result(PATIENT)).startswith("everflow-node")


@pytest.mark.parametrize("how", ["inline", "pure"])
def test_inline_and_pure_nodes_run_on_the_schedulers_thread(world: World, how: str) -> None:
    """There and then, without a switch of threads."""

    def where(x: int) -> str:
        return threading.current_thread().name

    flow = world.flow("f", plus_one >> step(where, **{how: True}))
    with world.engine() as engine:
        assert engine.start(flow, 1).result(PATIENT) == "everflow-scheduler"


def test_async_nodes_run_on_the_engines_own_loop(world: World) -> None:
    """One loop for all of them, on a thread of its own."""

    @step
    async def where(x: int) -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    flow = world.flow("f", parallel(where, where))
    with world.engine() as engine:
        assert engine.start(flow, 1).result(PATIENT) == ("everflow-loop", "everflow-loop")


def test_async_nodes_run_on_the_loop_of_async_with(world: World) -> None:
    """The application's own loop, where its connections belong."""

    @step
    async def loop(x: int) -> int:
        await asyncio.sleep(0)
        return id(asyncio.get_running_loop())

    flow = world.flow("f", loop)

    async def main() -> tuple[int, Any]:
        async with world.engine() as engine:
            run = await engine.start(flow, 1)
            return id(asyncio.get_running_loop()), await run.result(PATIENT)

    mine, theirs = asyncio.run(main())
    assert mine == theirs


def test_children_run_concurrently(world: World) -> None:
    """Two nodes that wait for each other both get to their end (B005)."""
    barrier = threading.Barrier(2, timeout=PATIENT)

    @step
    def meet(x: int) -> int:
        barrier.wait()
        return x

    flow = world.flow("f", parallel(meet, meet))
    with world.engine() as engine:
        assert engine.start(flow, 1).result(PATIENT) == (1, 1)


def test_async_nodes_of_many_runs_share_the_loop(world: World) -> None:
    """Many wait at once on one thread."""
    arrived: list[int] = []
    full = asyncio.Event()

    @step
    async def meet(x: int) -> int:
        arrived.append(x)
        if len(arrived) == 20:
            full.set()
        await full.wait()
        return x

    flow = world.flow("f", meet)
    with world.engine() as engine:
        runs = engine.start_all(flow, list(range(20)))
        assert [run.result(PATIENT) for run in runs] == list(range(20))


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("place", ["inline", "thread", "async"])
def test_whatever_a_node_raises_is_its_runs(
    memory: World, place: str, error: type[BaseException]
) -> None:
    """Not even an exit of the program harms the engine or another run (B067)."""

    def leave(x: int) -> int:
        raise error(3)

    async def leave_async(x: int) -> int:
        raise error(3)

    bad = step(leave_async if place == "async" else leave, inline=place == "inline")
    flow, good = memory.flow("f", bad), memory.flow("g", plus_one)
    with memory.engine() as engine:
        with pytest.raises(RunFailed, match=error.__name__):
            engine.start(flow, 1).result(PATIENT)
        assert engine.start(good, 1).result(PATIENT) == 2


@pytest.mark.parametrize("place", ["inline", "thread", "async"])
def test_an_error_names_its_position_and_code_wherever_it_was_raised(
    memory: World, place: str
) -> None:
    """Errors of the engine's own kinds keep their code (B022, B033)."""
    from everflow.errors import FlowTimeout

    def late(x: int) -> int:
        raise FlowTimeout("too late for me")

    async def late_async(x: int) -> int:
        late(x)
        return x

    bad = step(late_async if place == "async" else late, inline=place == "inline")
    flow = memory.flow("f", plus_one >> bad.named("here"))
    with memory.engine() as engine, pytest.raises(RunFailed) as caught:
        engine.start(flow, 1).result(PATIENT)
    error: Any = caught.value.error
    assert (error.code, error.position, error.message) == (
        "flow_timeout",
        "./here",
        "too late for me",
    )
    assert "late" in error.trace


def test_a_node_that_cancels_itself_has_failed(memory: World) -> None:
    """A CancelledError of the node's own making is an error like any other."""

    @step
    async def gives_up(x: int) -> int:
        raise asyncio.CancelledError("enough")

    flow = memory.flow("f", gives_up)
    with memory.engine() as engine, pytest.raises(RunFailed, match="CancelledError: enough"):
        engine.start(flow, 1).result(PATIENT)


def test_a_node_cancelled_by_others_on_its_loop_is_run_again(memory: World) -> None:
    """It has no result, and the engine didn't stop it: so it is begun anew."""
    begun = asyncio.Event()
    attempts: list[Any] = []

    @step
    async def waits(x: int) -> int:
        attempts.append(asyncio.current_task())
        begun.set()
        if len(attempts) == 1:
            await asyncio.Event().wait()
        return x

    flow = memory.flow("f", waits)

    async def main() -> Any:
        async with memory.engine() as engine:
            run = await engine.start(flow, 7)
            await begun.wait()
            attempts[0].cancel()
            return await run.result(PATIENT)

    assert asyncio.run(main()) == 7
    assert len(attempts) == 2


def test_an_application_may_end_its_loop_before_the_engine(memory: World) -> None:
    """Async nodes go on, on a loop that the engine makes then."""

    @step
    async def name(x: int) -> str:
        return threading.current_thread().name

    flow = memory.flow("f", name)
    engine = memory.engine()

    async def main() -> str:
        await asyncio.to_thread(engine.open, asyncio.get_running_loop())
        run = await asyncio.to_thread(engine.start, flow, 1)
        return str(await asyncio.to_thread(run.result, PATIENT))

    first = asyncio.run(main())
    second = engine.start(flow, 1).result(PATIENT)
    engine.close()
    assert (first, second) == (threading.current_thread().name, "everflow-loop")


def test_what_a_consumer_gets_is_a_fresh_decode(memory: World) -> None:
    """Siblings share nothing, and nobody outside can change what was recorded (B066)."""

    @step
    def spoil(x: list[int]) -> list[int]:
        x.append(9)
        return x

    given = [1]
    flow = memory.flow("f", parallel(spoil, spoil, spoil))
    with memory.engine() as engine:
        run = engine.start(flow, given)
        given.append(5)
        assert run.result(PATIENT) == ([1, 9],) * 3


@pytest.mark.parametrize("where", ["pure", "inline", "process"])
def test_an_async_node_runs_on_a_loop_and_nowhere_else(where: str) -> None:
    """A setting that can't hold is refused when the node is made, not passed over."""

    async def fetch(x: int) -> int:
        return x

    with pytest.raises(WrongArgument, match="is async, so it runs on an event loop"):
        step(fetch, **{where: True})
