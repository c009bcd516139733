"""A run whose code or dependencies are gone: it parks, can be cancelled, and goes on by itself."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from everflow import Status, const, need, node, suspend, timeout, try_catch
from everflow.errors import EngineClosed, RunBlocked, RunCancelled
from tests.engine.support import PATIENT, World, seen_by, settle, step, until


class Mailer:
    """Something that an application provides."""


def test_a_cancel_needs_no_code(world: World) -> None:
    """B064: nobody can run it, and still it can be ended."""
    with world.engine() as engine:
        run = engine.start(
            world.flow("f", suspend("go") >> step(seen_by(world), name="gone")), 1
        ).id
        settle(engine.run(run))
    world.deploy()
    with world.engine() as engine:
        engine.resume(run, 2)
        with pytest.raises(RunBlocked, match="gone"):
            engine.run(run).result(PATIENT)
        engine.cancel(run)
        with pytest.raises(RunCancelled):
            engine.run(run).result(PATIENT)


def test_what_nobody_provides_parks_a_run(world: World) -> None:
    """Contract 8: the node isn't called with something missing."""

    def send(_: Any, *, mailer: Mailer = need(Mailer)) -> str:
        return type(mailer).__name__

    sending = node(send, name="send")
    with world.engine(provide={Mailer: Mailer}) as engine:
        run = engine.start(world.flow("f", suspend("go") >> sending), 1).id
        settle(engine.run(run))
    world.deploy()
    world.registry.add_node(sending)
    with world.engine() as engine:
        engine.resume(run, 2)
        with pytest.raises(RunBlocked, match="nobody provides it"):
            engine.run(run).result(PATIENT)
    with world.engine(provide={Mailer: Mailer}) as engine:
        until(lambda: engine.run(run).status is Status.DONE)
        assert engine.run(run).result(PATIENT) == "Mailer"


def test_an_async_node_that_ignores_its_cancel_is_given_up(memory: World) -> None:
    """B032: the timeout decides; what the node makes of it comes late."""
    release = Event()

    async def stubborn(_: Any) -> str:
        while not release.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
        return "late"

    body = try_catch(
        timeout(timedelta(milliseconds=20), node(stubborn, name="stubborn")), const("in time")
    )
    with memory.engine(grace_s=0.05, drain_s=0.05) as engine:
        assert engine.start(memory.flow("f", body), 1).result(PATIENT) == "in time"
        release.set()


def test_a_scheduler_that_stopped_is_told_to_all_who_wait(memory: World) -> None:
    """Nobody waits for ever, nothing is acknowledged, and the heart stops."""
    with memory.engine() as engine:
        run = engine.start(memory.flow("f", suspend("go")), 1)
        assert run.wait(PATIENT) is Status.SUSPENDED

        def breaks() -> None:
            raise RuntimeError("a fault of the engine's own")

        engine._worker.post(breaks)  # type: ignore[union-attr]  # noqa: SLF001 - no other way to have a fault
        with pytest.raises(EngineClosed, match="fault"):
            run.result(PATIENT)
        with pytest.raises(EngineClosed, match="fault"):
            engine.start(memory.flow("g", suspend("go")), 1)
