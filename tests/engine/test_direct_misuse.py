"""Direct style where it can't work: each mistake is named, and no run is lost by it."""

from __future__ import annotations

import asyncio
import random as chances
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any

import pytest

from everflow import (
    Registry,
    Status,
    continue_with,
    flow,
    identity,
    need,
    node,
    perform,
    sequence,
    step,
    suspend,
)
from everflow.errors import (
    BodyMisuse,
    NotAFlow,
    RunBlocked,
    RunFailed,
    UnnamedLeaf,
    WrongArgument,
)
from everflow.testing import harness

KIT = Registry()


class DirectTool:
    """Something that nobody provides."""


@node
def plain_node(value: int) -> int:
    return value + 1


@node
def needing(value: int, *, tool: DirectTool = need(DirectTool)) -> int:
    return value


def helper(value: int, more: int = 0) -> int:
    return value + more


def other(value: int) -> int:
    return value


def world(body: Any) -> Any:
    return harness(body, registry=KIT)


def outcome(body: Callable[..., Any], value: Any = 1) -> str:
    """Why a run of the body has failed."""
    made = flow(f"direct misuse {body.__name__}", registry=KIT)(body)
    with world(made) as h, pytest.raises(RunFailed) as failure:
        h.start(value).result()
    return str(failure.value)


async def calls_a_node(value: int) -> int:
    return plain_node(value)


async def awaits_nothing_known(_value: int) -> Any:
    class Odd:
        def __await__(self) -> Generator[Any, Any, Any]:
            yield "something of a loop"

    return await Odd()


async def performs(value: int) -> int:
    return perform(step(helper, value))


async def takes_a_lambda(value: int) -> Any:
    return await step(lambda: value)


async def takes_a_closure(value: int) -> Any:
    def inside() -> int:
        return value

    return await step(inside)


async def gives_run(value: int) -> Any:
    return await step(helper, value, nonsense=3)  # type: ignore[call-arg,arg-type]  # that is the mistake


async def gives_two_to_a_flow(value: int) -> Any:
    return await step(sequence(helper, other), value, value)  # type: ignore[call-overload]  # that is the mistake


async def gives_no_data(_value: int) -> Any:
    return await step(helper, object())  # type: ignore[call-overload]  # that is the mistake


async def returns_no_data(_value: int) -> Any:
    return object()


async def continues_with_no_data(_value: int) -> Any:
    continue_with(object())


def swallows(value: int) -> int:
    try:
        return perform(step(helper, value))
    except BaseException:  # noqa: BLE001 - that is the mistake
        return 0


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (calls_a_node, "called tests.engine.test_direct_misuse:plain_node itself"),
        (awaits_nothing_known, "awaited 'something of a loop', which isn't a flow"),
        (performs, "perform is for plain def bodies"),
        (takes_a_lambda, "step can't take"),
        (takes_a_closure, "is local to another function"),
        (gives_run, "got an unexpected keyword argument 'nonsense'"),
        (gives_two_to_a_flow, "a flow gets one value"),
        (gives_no_data, "object"),
        (returns_no_data, "object"),
        (continues_with_no_data, "object"),
        (swallows, "went on after perform"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_mistake_in_a_body_fails_the_run_with_a_sentence(
    body: Callable[..., Any], sentence: str
) -> None:
    """The error says what is wrong, where it was done."""
    assert sentence in outcome(body)


def test_outside_of_a_body_its_words_are_named() -> None:
    """perform, continue_with and await stand in bodies only; step in nothing else (B046)."""
    with pytest.raises(BodyMisuse, match="outside the body"):
        perform(identity)
    with pytest.raises(BodyMisuse, match="outside a body"):
        continue_with(1)
    with pytest.raises(NotAFlow, match="can't be awaited here"):
        asyncio.run(awaiting())
    with pytest.raises(WrongArgument, match="this flow is no body"):
        flow("direct stray step", sequence(step(helper, 1)), registry=KIT)


async def awaiting() -> Any:
    return await step(helper, 1)


def test_what_can_be_no_body_is_refused_when_it_is_made() -> None:
    """A flow, a generator, a function of two values or with dependencies."""

    def yields(_: int) -> Generator[int, None, None]:
        yield 1

    def of_two(_a: int, _b: int) -> int:
        return 1

    def needs(_: int, *, tool: DirectTool = need(DirectTool)) -> int:
        del tool
        return 1

    with pytest.raises(NotAFlow, match="yields"):
        flow(yields)
    with pytest.raises(WrongArgument, match="asks for '_b'"):
        flow(name="direct of two")(of_two)  # type: ignore[arg-type]  # that is the mistake
    with pytest.raises(WrongArgument, match="asks for 'tool'"):
        flow(needs)
    with pytest.raises(NotAFlow, match="stands over a function"):
        flow(name="direct of a flow")(identity)  # type: ignore[call-overload]  # that is the mistake


def reads_the_clock(_: int) -> float:
    return time.time()


def reads_the_date(_: int) -> list[datetime]:
    return [datetime.now(UTC) for _ in range(2)]


def throws_dice(_: int) -> float:
    return chances.random()


def opens(_: int) -> str:
    with open("x", encoding="utf-8") as file:  # noqa: PTH123 - that is the mistake
        return file.read()


def walks_a_set(_: int) -> str:
    for name in {"a", "b"}:  # noqa: PLC0208 - that is the mistake
        return name
    return ""


def walks_a_new_set(x: int) -> str:
    return "".join(str(number) for number in {x, 2 * x})


def is_known(x: str) -> bool:
    return x in {"a", "b"} and x in sorted({x, "c"})


def behaves(_: int) -> Any:
    return chances.Random(3).random(), datetime(2020, 1, 1, tzinfo=UTC), time.strftime


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (reads_the_clock, ["time.time", "await now"]),
        (reads_the_date, ["datetime.now", "await now"]),
        (throws_dice, ["chances.random", "await random"]),
        (opens, ["open", "a node"]),
        (walks_a_set, ["order of a set", "sorted"]),
        (walks_a_new_set, ["order of a set", "sorted"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_body_that_reads_the_world_is_refused_when_it_is_made(
    body: Callable[[int], Any], words: list[str]
) -> None:
    """With the line and the twin that is recorded."""
    with pytest.raises(BodyMisuse) as refusal:
        flow(body)
    assert all(word in str(refusal.value) for word in words)
    assert f"line {body.__code__.co_firstlineno + 1}" in str(refusal.value)


def test_what_is_the_same_each_time_is_let_pass() -> None:
    """A seeded generator, a date that was written down, a function that only formats, a set."""
    flow(name="direct well-behaved", registry=KIT)(behaves)
    flow(name="direct member", registry=KIT)(is_known)


COUNTER = {"n": 0}


def counted() -> int:
    COUNTER["n"] += 1
    return COUNTER["n"]


@pytest.mark.parametrize("style", ["async", "plain"])
def test_a_test_finds_a_body_that_is_not_deterministic(style: str) -> None:
    """Each body is run twice with the same log; what differs is named by its await."""

    async def restless(_: int) -> int:
        return await step(helper, counted())

    def restless_too(_: int) -> int:
        return perform(step(helper, counted()))

    body: Any = restless if style == "async" else restless_too
    made = flow(f"direct restless {style}", registry=KIT)(body)
    sentence = r"isn't deterministic: .* await 1\n"
    with world(made) as h, pytest.raises(RunBlocked, match=sentence):
        h.start(1).result()


WAYS: dict[str, Any] = {}


async def changing(value: int) -> Any:
    return await WAYS["now"](value)


def changing_plain(value: int) -> Any:
    return WAYS["plain"](value)


async def first(value: int) -> int:
    value = await step(helper, value)
    await suspend("go")
    return await step(other, value)


async def another_step(value: int) -> int:
    value = await step(other, value)
    await suspend("go")
    return value


async def no_more(value: int) -> int:
    return await step(helper, value)


async def other_values(value: int) -> int:
    value = await step(helper, value, 1)
    await suspend("go")
    return value


async def raises(value: int) -> int:
    await step(helper, value)
    raise RuntimeError("not yet")


def in_plain(body: Callable[[int], Any]) -> Callable[[int], Any]:
    """The same in plain style: each await is performed."""

    def plain(value: int) -> Any:
        coroutine = body(value)
        given: Any = None
        try:
            asked = coroutine.send(None)
            while True:
                given = perform(asked)
                asked = coroutine.send(given)
        except StopIteration as stop:
            return stop.value
        finally:
            coroutine.close()

    return plain


@pytest.mark.parametrize("style", ["async", "plain"])
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (another_step, [":other", ":helper", "await 1"]),
        (other_values, ["!value,more", "await 1"]),
        (no_more, ["it ended (result)", "await 2"]),
        (raises, ["it ended (error)", "await 2"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_body_that_awaits_other_things_parks_its_run(
    changed: Callable[[int], Any], words: list[str], style: str
) -> None:
    """With both sides and the await; it goes on by itself once matching code is there (B045)."""
    body = flow(f"direct {style} changed", registry=KIT)(
        changing if style == "async" else changing_plain
    )
    WAYS.update(now=first, plain=in_plain(first))
    with world(body) as h:
        run = h.start(1)
        assert run.status is Status.SUSPENDED
        WAYS.update(now=changed, plain=in_plain(changed))
        h.restart()
        h.answer(run, None)
        with pytest.raises(RunBlocked) as blocked:
            run.result()
        assert all(word in str(blocked.value) for word in [*words, "doesn't fit its log"])
        WAYS.update(now=first, plain=in_plain(first))
        h.restart()
        assert run.result() == 1


async def asks_a_node(value: int) -> int:
    await suspend("go")
    return await step(needing, value)


def test_a_node_whose_needs_nobody_provides_parks_the_run() -> None:
    """It is found out when the body awaits it; the run goes on where it is provided (B065)."""
    body = flow("direct needing", registry=KIT)(asks_a_node)
    with world(body) as h:
        run = h.start(1)
        h.answer(run, None)
        with pytest.raises(RunBlocked, match="nobody provides it"):
            run.result()
        h.restart()
        with pytest.raises(RunBlocked, match="nobody provides it"):
            run.result()
        h._given[DirectTool] = DirectTool()  # noqa: SLF001 - what another deploy would provide
        h.restart()
        assert run.result() == 1


def test_a_name_is_needed_to_be_awaited() -> None:
    """A node of a local function can't be found by a later process."""

    @node
    def unnamed(value: int) -> int:
        return value

    async def awaits_it(value: int) -> int:
        return await step(unnamed, value)

    assert UnnamedLeaf.__name__ in outcome(awaits_it)
