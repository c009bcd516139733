"""Ended runs are let go of by calls, in either face."""

import asyncio
from datetime import timedelta

import pytest

from everflow import Engine, Registry, flow, identity
from everflow.engine.operating.retaining import Retained, retain
from everflow.errors import NoSuchRun
from everflow.stores.memory import MemoryStore

OWN = Registry()
PLAIN = flow("retaining.plain", identity, registry=OWN)


def test_a_run_that_went_is_told_so() -> None:
    """With the day up to which runs were let go of; what is younger stays."""
    with Engine(MemoryStore(), registry=OWN) as engine:
        run = engine.start(PLAIN, 1, key="k")
        run.result(20)
        assert engine.retain(timedelta(days=1)).gone == 0
        assert engine.retain(timedelta(0), by="ann").gone == 1
        with pytest.raises(NoSuchRun, match="let go of"):
            run.row()
        with pytest.raises(NoSuchRun, match="let go of"):
            engine.run(run.id)
        again = engine.start(PLAIN, 2, key="k")
        assert again.id != run.id
        assert again.result(20) == 2
        (line,) = engine.audit()
        assert (line.action, line.by, line.detail["gone"]) == ("retain", "ann", 1)


def test_the_async_face_retains_as_well() -> None:
    """The same call, awaited."""

    async def kept() -> Retained:
        async with Engine(MemoryStore(), registry=OWN) as engine:
            run = await engine.start(PLAIN, 1, labels={"audit": "yes"})
            await run.result(20)
            return await engine.retain(timedelta(0), keep={"audit": None})

    assert asyncio.run(kept()) == Retained(kept=1)


def test_progress_is_told_step_by_step() -> None:
    """What was done so far."""
    store, seen = MemoryStore(), list[int]()
    with Engine(store, registry=OWN) as engine:
        for run in [engine.start(PLAIN, nth) for nth in range(3)]:
            run.result(20)
    later = store.info().highest + 10**9
    retain(store, before=later, at=later, progress=lambda done: seen.append(done.gone))
    assert seen == [3]
