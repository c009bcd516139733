"""Dependencies: asked for by keyword, provided by the application, replaced by tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from everflow import need, node, suspend
from everflow.errors import ConfigurationError, MissingDependency
from tests.engine.support import PATIENT, World, plus_one, settle, step


class Mailer:
    def __init__(self) -> None:
        self.sent: list[Any] = []


@node(name="send")
def send(x: int, *, mailer: Mailer = need(Mailer)) -> int:
    mailer.sent.append(x)
    return len(mailer.sent)


@node(name="send_here", inline=True)
def send_here(x: int, *, mailer: Mailer = need(Mailer)) -> int:
    mailer.sent.append(x)
    return len(mailer.sent)


def test_what_is_missing_is_told_when_the_engine_starts(world: World) -> None:
    """Before anything is run, naming the node, the type and the way out."""
    world.flow("f", plus_one >> send)
    with pytest.raises(MissingDependency, match=r"(?s)send needs mailer: Mailer.*provide="):
        world.engine().open()


def test_a_flow_that_came_later_is_checked_at_its_start(world: World) -> None:
    """Nothing is stored of a run that couldn't go on."""
    with world.engine() as engine:
        late = world.flow("late", send)
        with pytest.raises(MissingDependency):
            engine.start(late, 1)
        assert engine.runs() == []


@pytest.mark.parametrize("node", [send, send_here])
def test_it_is_made_once_for_all_nodes(world: World, node: Any) -> None:
    """Opened with the engine, shared by its nodes on every thread."""
    made: list[Mailer] = []

    def make() -> Mailer:
        made.append(Mailer())
        return made[-1]

    flow = world.flow("f", node >> node)
    with world.engine(provide={Mailer: make}) as engine:
        assert engine.start(flow, 7).result(PATIENT) == 2
        assert engine.start(flow, 7).result(PATIENT) == 4
    assert len(made) == 1


def test_a_context_manager_is_entered_and_left(world: World) -> None:
    """Left after the nodes have ended, in the order opposite to the opening."""
    story: list[str] = []

    class Second:
        pass

    @contextmanager
    def opened(name: str, kind: type[Any]) -> Iterator[Any]:
        story.append(f"open {name}")
        yield kind()
        story.append(f"close {name}")

    provide = {Mailer: lambda: opened("mailer", Mailer), Second: lambda: opened("second", Second)}
    flow = world.flow("f", send)
    with world.engine(provide=provide) as engine:
        engine.start(flow, 1).result(PATIENT)
        story.append("worked")
    assert story == ["open mailer", "open second", "worked", "close second", "close mailer"]


def test_tests_replace_it_by_an_object(world: World) -> None:
    """An instance stands for itself."""
    fake = Mailer()
    flow = world.flow("f", send)
    with world.engine(provide={Mailer: fake}) as engine:
        engine.start(flow, 3).result(PATIENT)
    assert fake.sent == [3]


def test_it_is_never_recorded(world: World) -> None:
    """After a restart the node gets today's."""
    first, second = Mailer(), Mailer()
    flow = world.flow("f", send >> suspend("go") >> send)
    with world.engine(provide={Mailer: first}) as engine:
        run = engine.start(flow, 1).id
        settle(engine.run(run))
    with world.engine(provide={Mailer: second}) as engine:
        engine.resume(run, 5)
        engine.run(run).result(PATIENT)
    assert (first.sent, second.sent) == ([1], [5])


def test_a_maker_that_fails_keeps_the_engine_from_starting(world: World) -> None:
    """What was opened before it is closed again, and the engine may be opened later."""
    story: list[str] = []

    class Second:
        pass

    @contextmanager
    def opened() -> Iterator[Mailer]:
        story.append("open")
        try:
            yield Mailer()
        finally:
            story.append("close")

    def fails() -> Second:
        raise OSError("not today")

    with pytest.raises(ConfigurationError, match="the maker of Second failed: OSError: not today"):
        world.engine(provide={Mailer: opened, Second: fails}).open()
    assert story == ["open", "close"]


def test_async_nodes_get_theirs_too(world: World) -> None:
    """The same object, on the loop."""

    @step
    async def asend(x: int, *, mailer: Mailer = need(Mailer)) -> int:
        await asyncio.sleep(0)
        mailer.sent.append(x)
        return x

    fake = Mailer()
    flow = world.flow("f", asend)
    with world.engine(provide={Mailer: fake}) as engine:
        engine.start(flow, 3).result(PATIENT)
    assert fake.sent == [3]
