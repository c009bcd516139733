"""Direct style: bodies that await flows, by what their runs do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from everflow import (
    Caught,
    Flow,
    NodeRun,
    Registry,
    Status,
    StepFailed,
    ask,
    continue_with,
    flow,
    it,
    need,
    node,
    now,
    parallel,
    perform,
    random,
    retry,
    sequence,
    sleep,
    step,
    suspend,
    timeout,
    try_catch,
    uuid,
)
from everflow.errors import (
    RunFailed,
)
from everflow.testing import harness

KIT = Registry()


@dataclass
class DirectBrief:
    topic: str


@dataclass
class DirectVerdict:
    ok: bool
    note: str = ""


class DirectPress:
    """Counts what it is given to print."""

    def __init__(self) -> None:
        self.printed: list[str] = []


def write(brief: DirectBrief) -> str:
    return f"on {brief.topic}"


def revise(draft: str, note: str, *, mark: str = "+") -> str:
    return f"{draft}{mark}{note}"


def preview(draft: str) -> str:
    return f"see {draft}"


@node
def print_out(text: str, run: NodeRun, *, press: DirectPress = need(DirectPress)) -> str:
    press.printed.append(text)
    return f"{text} in print, {run.attempt}"


def refuse(value: Any) -> Any:
    raise ValueError(f"no {value}")


def tell_type(caught: Caught[str]) -> str:
    return str(caught.error.type)


def nothing() -> str:
    return "made of nothing"


def double(number: int) -> int:
    return number * 2


async def fetched(number: int) -> int:
    await asyncio.sleep(0)
    return number + 1


@flow("direct publish", registry=KIT)
async def publish(brief: DirectBrief) -> str:
    """What the design shows."""
    draft = await step(write, brief)
    asked = ask("approval", DirectVerdict, show=preview, value=draft)
    while not (verdict := await asked).ok:
        draft = await step(revise, draft, verdict.note)
        asked = ask("approval", DirectVerdict, show=preview, value=draft)
    return await step(print_out, draft)


@flow("direct plain", registry=KIT)
def plainly(brief: DirectBrief) -> str:
    """The same in a plain def."""
    draft = perform(step(write, brief))
    asked = ask("approval", DirectVerdict, show=preview, value=draft)
    while not (verdict := perform(asked)).ok:
        draft = perform(step(revise, draft, verdict.note, mark="+"))
        asked = ask("approval", DirectVerdict, show=preview, value=draft)
    return perform(step(print_out, draft))


def world(body: Flow[Any, Any], **more: Any) -> Any:
    return harness(body, registry=KIT, **more)


@pytest.mark.parametrize("style", [publish, plainly], ids=["async", "plain"])
@pytest.mark.parametrize("crashing", [False, True], ids=["warm", "cold"])
def test_a_body_goes_from_await_to_await(style: Flow[Any, Any], crashing: bool) -> None:
    """Its flows run once each, over crashes too; only its own code is replayed (B043, B044)."""
    press = DirectPress()
    with world(style, provide={DirectPress: press}) as h:
        run = h.start(DirectBrief("bees"))
        for answer in (DirectVerdict(ok=False, note="more"), {"ok": False, "note": "less"}):
            assert run.status is Status.SUSPENDED
            if crashing:
                h.crash()
            h.answer(run, answer)
        [question] = h.questions(run)
        assert h.prompt(question) == "see on bees+more+less"
        h.answer(run, {"ok": True})
        assert run.result() == "on bees+more+less in print, 1"
        assert press.printed == ["on bees+more+less"]
        nodes = [s.node.rpartition(":")[2] for s in h.journal(run) if s.kind == "result"]
    assert nodes[:-1] == ["write", "preview", "revise", "preview", "revise", "preview", "print_out"]


@flow("direct calls", registry=KIT)
async def calls(value: int) -> list[Any]:
    return [
        await step(double, value),
        await step(nothing),
        await step(fetched, number=value),
        await step(revise, "a", note="b", mark="-"),
        await step(sequence(double, double), value),
        await sequence(step(double, 5)),
        await step(it["a"], {"a": 7}),
        await parallel(step(double, 1), step(nothing), step(revise, "c", "d")),
    ]


def test_anything_can_be_awaited_with_its_value() -> None:
    """Nodes with any arguments, whole flows, steps inside of flows."""
    with world(calls) as h:
        assert h.start(3).result() == [
            6, "made of nothing", 4, "a-b", 12, 10, 7, (2, "made of nothing", "c+d"),
        ]  # fmt: skip


@flow("direct errors", registry=KIT)
async def errors(value: str) -> str:
    try:
        await step(refuse, value)
    except StepFailed as failed:
        if failed.error.is_a(ValueError) and not failed.error.is_a(KeyError) and value == "quietly":
            return str(failed.error.message)
        raise
    return "never"


def test_an_error_of_a_step_is_raised_where_it_is_awaited() -> None:
    """It can be caught, and goes outward as what it was (B022)."""
    with world(errors) as h:
        assert h.start("quietly").result() == "no quietly"
        with pytest.raises(RunFailed) as failure:
            h.start("loudly").result()
        assert "ValueError: no loudly" in str(failure.value)
    cautious = flow("direct errors outside", try_catch(errors, tell_type), registry=KIT)
    with world(cautious) as h:
        assert h.start("loudly").result() == "ValueError"


@flow("direct twins", registry=KIT)
async def twins() -> tuple[datetime, float, UUID, datetime]:
    first, drawn, name = await now(), await random(), await uuid()
    await suspend("go")
    return first, drawn, name, await now()


def test_time_chance_and_ids_are_told_by_the_run() -> None:
    """The same after a replay; time goes on between awaits."""
    with world(twins) as h:
        run, other = h.start(), h.start()
        h.jump(hours=1)
        h.crash()
        h.answer(run, None)
        h.answer(other, None)
        first, drawn, name, later = run.result()
    assert first.tzinfo is UTC
    assert later - first == timedelta(hours=1)
    assert 0 <= drawn < 1
    assert name.version == 4
    assert other.result()[1:3] != (drawn, name)


@flow("direct rounds", registry=KIT)
async def rounds(state: dict[str, int]) -> int:
    for _ in range(3):
        state["sum"] = await step(double, state["sum"])
    if state["round"] < 3:
        continue_with({"round": state["round"] + 1, "sum": state["sum"]})
    return state["sum"]


@flow("direct plain rounds", registry=KIT)
def plain_rounds(state: int) -> int:
    state = perform(step(double, state))
    if state < 100:
        continue_with(state)
    return state


def test_continue_with_begins_anew_with_a_state() -> None:
    """The log is empty then, and op ids go on (B052)."""
    with world(rounds) as h:
        run = h.start({"round": 1, "sum": 1})
        assert run.result() == 512
        assert sum(s.kind == "continued" for s in h.journal(run)) == 2
    with world(plain_rounds) as h:
        assert h.start(1).result() == 128


@flow("direct inner", registry=KIT)
async def inner(value: int) -> int:
    return (await step(double, value)) + (await ask("extra", int, value=value))


@flow("direct outer", registry=KIT)
async def outer(value: int) -> Any:
    pair = await parallel(step(inner, value), step(inner, value + 1))
    return await step(retry(2, inner), sum(pair))


def test_bodies_stand_in_flows_and_flows_in_bodies() -> None:
    """A body in a body, in parallel and in a retry; questions of all are open at once (B007)."""
    with world(flow("direct around", outer >> double, registry=KIT)) as h:
        run = h.start(1)
        h.crash()
        for number, question in enumerate(h.questions(run)):
            h.answer(f"{run.id}.{question.tag}.{question.occurrence}", number)
        h.crash()
        h.answer(run, 0)
        assert run.result() == 28


@flow("direct slow", registry=KIT)
async def slow(value: int) -> int:
    seen.append("begun")
    try:
        await step(sleep(60), value)
    finally:
        seen.append("closed")
    return value


seen: list[str] = []


def test_a_timeout_and_a_cancel_close_the_body() -> None:
    """Its finally blocks are run, and the run is as it should be (B032, B064)."""
    seen.clear()
    with world(flow("direct hurried", timeout(timedelta(seconds=5), slow), registry=KIT)) as h:
        run = h.start(1)
        h.jump(seconds=6)
        with pytest.raises(RunFailed, match="it took longer"):
            run.result()
        assert seen.count("closed") == seen.count("begun") > 0
        other = h.start(1)
        h.cancel(other)
        assert other.status is Status.CANCELLED
        assert seen.count("closed") == seen.count("begun")
        assert h.start(2).status is Status.WAITING


@flow("direct clinging", registry=KIT)
async def clinging(value: int) -> int:
    try:
        await step(sleep(60), value)
    finally:
        await step(double, value)
    return value


def test_a_body_that_awaits_while_it_is_closed_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """It is cancelled all the same."""
    with world(clinging) as h:
        run = h.start(1)
        h.cancel(run)
        assert run.status is Status.CANCELLED
        h.jump(seconds=61)
        assert h.start(1).status is Status.WAITING
    assert "awaits in a `finally` or `except` while it is closed" in caplog.text


async def nap() -> None:
    await asyncio.sleep(0.5)


async def stand_in_line() -> None:
    await asyncio.Queue[int]().get()


LOOPING = {"nap": nap, "line": stand_in_line}


@flow("direct looping", registry=KIT)
async def looping(how: str) -> None:
    await LOOPING[how]()


@pytest.mark.parametrize("how", LOOPING)
def test_an_event_loop_is_out_of_reach(how: str) -> None:
    """A body runs on none, which the error says instead of asyncio."""
    with world(looping) as h, pytest.raises(RunFailed, match="and a body runs on none"):
        h.start(how).result()
