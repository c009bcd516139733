"""Changed code under runs in direct style: what the check says by replaying them (B043, B045)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from everflow import Flow, Run, flow, perform, step, suspend
from everflow.core.matching import Fit
from everflow.engine.operating.checking import Checked
from tests.engine.support import PATIENT, World, plus_one, settle


def up(x: int) -> int:
    return x + 1


def down(x: int) -> int:
    return x - 1


def named(body: Any) -> Any:
    """A body as it stands in a module of today's code, under the name that it has ever had."""
    body.__qualname__ = "talk"
    return body


def asynchronous(first: Callable[[int], int], tag: str, wrong: str = "") -> Any:
    """A body that awaits a step and a question."""

    async def talk(x: int) -> int:
        if wrong:
            raise ValueError(wrong)
        x = await step(first, x)
        await suspend(tag)
        return x

    return named(talk)


def plain(first: Callable[[int], int], tag: str, wrong: str = "") -> Any:
    """The same in a plain def."""

    def talk(x: int) -> int:
        if wrong:
            raise ValueError(wrong)
        x = perform(step(first, x))
        perform(suspend(tag))
        return x

    return named(talk)


STYLES = pytest.mark.parametrize("style", [asynchronous, plain], ids=["async", "plain"])


def talking(world: World, body: Any, *after: Flow[Any, Any]) -> None:
    """From now on the flow is that body, and what comes after it."""
    found: Any = flow("talk", registry=world.registry)(body)
    for further in after:
        found = found >> further
    world.flow("f", found)


def asked(world: World) -> str:
    """A run whose body waits for its question."""
    with world.engine() as engine:
        run: Run[Any] = engine.start("f", 1)
        settle(run)
        return run.id


def only(world: World) -> Checked:
    """The verdict on the only run."""
    with world.connect() as flows:
        (found,) = flows.check()
        return found


@STYLES
def test_a_run_inside_a_body_goes_along_with_the_flow_around_it(memory: World, style: Any) -> None:
    """What the body awaits stays as it is, under its own op ids and links."""
    talking(memory, style(up, "go"), plus_one)
    run = asked(memory)
    memory.deploy()
    talking(memory, style(up, "go"), plus_one, plus_one)
    assert only(memory).fit is Fit.MOVES
    with memory.connect() as flows:
        flows.upgrade(by="ann")
    with memory.engine() as engine:
        engine.answer(f"{run}.go.1", 1)
        assert engine.run(run).result(PATIENT) == 4


@STYLES
def test_a_body_that_awaits_something_else_is_told_at_that_await(memory: World, style: Any) -> None:
    """One that it has passed, or the one that it stands in; nothing is executed or written."""
    talking(memory, style(up, "go"))
    asked(memory)
    assert only(memory).fit is Fit.SAME
    memory.deploy()
    talking(memory, style(down, "go"))
    passed = only(memory)
    assert (passed.fit, passed.position, passed.parked) == (Fit.MISSING, ".", True)
    assert "at its await 1" in passed.reason
    assert "- =tests.engine.test_changing_bodies:down" in passed.reason
    assert "begin a changed one under another name" in passed.hint
    memory.deploy()
    talking(memory, style(up, "went"))
    assert "doesn't fit its log at its await 2" in only(memory).reason
    memory.deploy()
    talking(memory, style(up, "go", "broken"))
    assert "it ended (error)" in only(memory).reason


@STYLES
def test_an_input_that_the_body_does_not_take_is_told(memory: World, style: Any) -> None:
    """As by a node: it would be parked."""
    talking(memory, style(up, "go"))
    asked(memory)
    memory.deploy()
    body = style(up, "go")
    body.__annotations__["x"] = "list[int]"
    talking(memory, body)
    assert (only(memory).fit, only(memory).parked) == (Fit.MISSING, True)


def nested(inner: Any) -> Any:
    """A body that awaits another one."""

    async def outer(x: int) -> int:
        found: int = await step(inner, x)
        return found

    outer.__qualname__ = "outer"
    return outer


def test_a_body_inside_of_a_body_is_replayed_too(memory: World) -> None:
    """And what it awaits and is gone is told where the run stands."""

    def deployed(first: Callable[[int], int], name: str = "talk") -> None:
        memory.deploy()
        body = asynchronous(first, "go")
        body.__qualname__ = name
        inner: Any = flow("inner", registry=memory.registry)(body)
        if name == "talk":
            memory.registry.add_parts(inner)
        memory.flow("f", flow("outer", registry=memory.registry)(nested(inner)))

    deployed(up)
    asked(memory)
    deployed(up)
    assert only(memory).fit is Fit.SAME
    deployed(down)
    found = only(memory)
    assert (found.fit, found.position != ".") == (Fit.MISSING, True)
    assert "at its await 1" in found.reason
    deployed(up, "gone")
    assert "has tests.engine.test_changing_bodies:talk, which is awaited" in only(memory).reason
