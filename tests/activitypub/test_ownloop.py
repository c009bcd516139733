"""A loop of one's own: used from anywhere, and gone when it is closed."""

from __future__ import annotations

import asyncio
import threading

import pytest

from everflow.activitypub.ownloop import OwnLoop
from everflow.errors import EngineClosed
from tests.engine.support import PATIENT

NAME = "everflow-loop-of-a-test"


async def nothing() -> None:
    """What is done last."""


async def where() -> str:
    return threading.current_thread().name


def test_work_is_done_on_its_thread() -> None:
    """For a caller that waits, and for one on another loop."""
    own = OwnLoop(NAME)
    own.open()
    try:
        assert own.wait(where()) == NAME
        assert asyncio.run(own.ask(where())) == NAME
    finally:
        own.close(nothing)


def test_what_is_begun_ends_with_it() -> None:
    """Work that goes on is cancelled, then the last is done, and no thread is left."""
    own, begun, order = OwnLoop(NAME), threading.Event(), list[str]()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            order.append("cancelled")

    async def last() -> None:
        order.append("last")

    async def asked() -> None:
        with pytest.raises(asyncio.CancelledError):
            await own.ask(work())

    async def both() -> None:
        asking = asyncio.create_task(asked())
        assert await asyncio.to_thread(begun.wait, PATIENT)
        await asyncio.to_thread(own.close, last)
        await asking

    own.open()
    asyncio.run(both())
    assert order == ["cancelled", "last"]
    assert NAME not in [thread.name for thread in threading.enumerate()]


def test_it_is_refused_what_it_cannot_do() -> None:
    """Before it is open and after it was closed; closing it twice is no error."""
    own = OwnLoop(NAME)
    own.close(nothing)
    with pytest.raises(EngineClosed):
        own.wait(where())
    own.open()
    own.close(nothing)
    own.close(nothing)
    with pytest.raises(EngineClosed):
        asyncio.run(own.ask(where()))
