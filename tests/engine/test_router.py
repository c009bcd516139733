"""Several stores as one, for clients."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from everflow import Engine, Registry, RunQuery, Status, ask, connect, flow
from everflow.engine.faces.router import AsyncRouter, Router
from everflow.engine.given.ids import home_of
from everflow.errors import ConfigurationError, NoSuchRun, RunCancelled
from everflow.store import Store
from everflow.stores.memory import MemoryStore

HOMES = 3
OWN = Registry()
ASKING = flow("router.asking", ask("ok", bool), registry=OWN)


@pytest.fixture
def stores() -> list[MemoryStore]:
    return [MemoryStore() for _ in range(HOMES)]


@pytest.fixture
def router(stores: list[Store]) -> Iterator[Router]:
    with Router(stores, registry=OWN) as found:
        yield found


def test_a_run_is_found_by_its_id_alone(router: Router, stores: list[MemoryStore]) -> None:
    """It tells its store, which has it and no other does."""
    for _ in range(12):
        run = router.start(ASKING)
        assert stores[home_of(run.id)].find(run.id) == run.row() == router.run(run.id).row()
        assert router.home(run.id) is router.homes[home_of(run.id)]
    assert router.count() == {Status.QUEUED: 12}


def test_a_key_is_one_run(router: Router, stores: list[MemoryStore]) -> None:
    """Wherever it is, and keys are spread; one more store takes some and moves no other."""
    runs = [router.start(ASKING, key=str(nth)).id for nth in range(30)]
    assert [router.start("router.asking", key=str(nth)).id for nth in range(30)] == runs
    assert {home_of(run) for run in runs} == set(range(HOMES))
    with Router([*stores, MemoryStore()], registry=OWN, keyed=HOMES) as grown:
        assert [grown.start(ASKING, key=str(nth)).id for nth in range(30)] == runs
    with Router([*stores, MemoryStore()], registry=OWN) as moved:
        homes = [home_of(moved.start(ASKING, key=str(nth)).id) for nth in range(30)]
    assert {new for new, run in zip(homes, runs, strict=True) if new != home_of(run)} == {HOMES}


def test_runs_are_driven_where_they_are(router: Router, stores: list[MemoryStore]) -> None:
    """Answered, resumed, signalled and cancelled; a worker for each store."""
    runs = [router.start(ASKING, key=str(nth)) for nth in range(4)]
    engines = [
        Engine(store, registry=OWN, random=Router.minting(nth)) for nth, store in enumerate(stores)
    ]
    for engine in engines:
        engine.__enter__()
    for run in runs:
        run.wait(20)
    assert len(router.questions()) == len(runs)
    router.answer(f"{runs[0].id}.ok.1", True)
    router.resume(runs[1].id, False)
    router.cancel(runs[2].id)
    router.signal(runs[3].id, "news")
    assert runs[0].result(20) == (None, True)
    assert runs[1].result(20) == (None, False)
    while runs[2].status != "cancelled":
        runs[2].wait(1)
    own = engines[1].start(ASKING)
    assert home_of(own.id) == 1
    for engine in engines:
        engine.__exit__(None, None, None)


def test_the_same_is_awaited(stores: list[MemoryStore]) -> None:
    """By `async with`; a list is read a page at a time."""

    async def drive(router: AsyncRouter) -> None:
        runs = [await router.start(ASKING, key=str(nth)) for nth in range(4)]
        assert (await router.start(ASKING, key="0")).id == runs[0].id
        with pytest.raises(NoSuchRun):
            await router.run("no such")
        for run in runs:
            await run.wait(20)
        assert len(await router.questions()) == len(runs)
        await router.answer(f"{runs[0].id}.ok.1", True)
        await router.resume(runs[1].id, False)
        await router.cancel(runs[2].id)
        await router.signal(runs[3].id, "news")
        assert await runs[0].result(20) == (None, True)
        assert await (await router.run(runs[1].id)).result(20) == (None, False)
        with pytest.raises(RunCancelled):
            await runs[2].result(20)
        assert (await router.count())[Status.DONE] == 2
        found = [row.id async for row in router.runs(RunQuery(limit=2))]
        assert sorted(found) == sorted(run.id for run in runs)

    async def opened() -> None:
        async with AsyncExitStack() as stack:
            for store in stores:
                await stack.enter_async_context(Engine(store, registry=OWN))
            await drive(await stack.enter_async_context(Router(stores, registry=OWN)))

    asyncio.run(opened())


def test_a_connection_is_awaited_too(stores: list[MemoryStore]) -> None:
    """It executes nothing: it starts, answers and waits."""

    async def drive() -> None:
        async with Engine(stores[0], registry=OWN), connect(stores[0], registry=OWN) as flows:
            run = await flows.start(ASKING, "x")
            await run.wait(20)
            await flows.resume(run, True)
            assert await run.result(20) == ("x", True)

    asyncio.run(drive())


def test_a_run_that_tells_no_home_is_looked_for(router: Router, stores: list[MemoryStore]) -> None:
    """Its id was minted by somebody who knew of no router, or has no such form."""
    with Engine(stores[2], registry=OWN) as engine:
        run = engine.start(ASKING)
        assert router.run(run.id).id == run.id
    for unknown in ("0" * 26, "no such"):
        with pytest.raises(NoSuchRun):
            router.run(unknown)


def test_lists_are_merged(router: Router) -> None:
    """In the order of their creation over all stores, however small a page is."""
    started = [router.start(ASKING, labels={"n": str(nth)}).id for nth in range(9)]
    rows = list(router.runs(RunQuery(limit=2)))
    assert [row.created for row in rows] == sorted(row.created for row in rows)
    assert {row.id for row in rows} == set(started)
    newest = router.runs(RunQuery(limit=2, newest_first=True))
    assert list(islice(newest, 3)) == rows[:-4:-1]
    (one,) = router.runs(RunQuery(labels=(("n", "4"),)))
    assert one.id == started[4]
    with pytest.raises(ConfigurationError):
        router.runs(RunQuery(after=1))


@pytest.mark.parametrize("given", [{"stores": []}, {"stores": [MemoryStore()], "keyed": 2}])
def test_a_router_has_stores(given: dict[str, Any]) -> None:
    """And keys no more homes than there are."""
    with pytest.raises(ConfigurationError):
        Router(**given)


def test_a_store_that_cant_be_opened_is_told(tmp_path: Path) -> None:
    """The others are let go of."""
    with pytest.raises(ConfigurationError):
        Router([MemoryStore(), tmp_path / "none.db"])
