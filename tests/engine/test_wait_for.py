"""wait_for: a plain sync node that suspends, and is run again from its start."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from everflow import Reply, tick, timeout, wait_for
from everflow.errors import NotWaiting, RunFailed, WaitForMisplaced
from tests.engine.support import PATIENT, World, plus_one, settle, step, until


def test_the_prompt_is_shown_and_the_answer_comes_back(world: World) -> None:
    """The question is listed like any other, and answered like one (B043)."""

    @step
    def asks(x: int) -> str:
        return f"{wait_for('colour', {'for': x})}!"

    flow = world.flow("f", plus_one >> asks)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        assert settle(run) == "suspended"
        (question,) = engine.questions(run)
        assert (question.tag, question.position) == ("colour", "./1")
        assert engine.answer(f"{run.id}.colour.1", "red") is Reply.ANSWERED
        assert run.result(PATIENT) == "red!"


def test_any_plain_value_is_an_answer(world: World) -> None:
    """None, False, 0, "" and [] included (B041)."""
    flow = world.flow("f", step(lambda x: [wait_for("a"), wait_for("b")], name="asks"))
    with world.engine() as engine:
        pairs: list[tuple[Any, Any]] = [(None, False), (0, ""), ([], {})]
        for answers in pairs:
            run = engine.start(flow, 1)
            for answer in answers:
                settle(run)
                engine.resume(run, answer)
            assert run.result(PATIENT) == list(answers)


def test_it_survives_a_restart_between_its_questions(world: World) -> None:
    """What was answered is kept; the node asks on from there (B044)."""
    flow = world.flow("f", step(lambda x: [wait_for("q"), wait_for("q")], name="asks"))
    with world.engine() as engine:
        run = engine.start(flow, 1).id
        settle(engine.run(run))
        engine.answer(f"{run}.q.1", 1)
        settle(engine.run(run))
    with world.engine() as engine:
        engine.answer(f"{run}.q.2", 2)
        assert engine.run(run).result(PATIENT) == [1, 2]


def test_the_number_of_questions_is_limited(world: World) -> None:
    """Beyond the stated number: a clear error (B052)."""

    def insists(x: int) -> int:
        while True:
            wait_for("again")

    flow = world.flow("f", step(insists, questions=2))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        for _ in range(2):
            settle(run)
            engine.resume(run, 1)
        with pytest.raises(RunFailed, match=r"TooManyQuestions.*asked 2 times"):
            run.result(PATIENT)


def test_going_on_after_a_suspension_is_an_error(world: World) -> None:
    """Even a bare except can't eat it: leaving normally is suspension_swallowed."""

    @step
    def swallows(x: int) -> int:
        try:
            wait_for("go")
        except BaseException:  # noqa: BLE001 - as a user's code may have it
            return 1
        return 2

    @step
    def raises_instead(x: int) -> int:
        try:
            wait_for("go")
        except BaseException:  # noqa: BLE001 - as a user's code may have it
            raise ValueError("hidden") from None
        return 2

    with world.engine() as engine:
        with pytest.raises(RunFailed, match="SuspensionSwallowed"):
            engine.start(world.flow("f", swallows), 1).result(PATIENT)
        with pytest.raises(RunFailed, match="ValueError: hidden"):
            engine.start(world.flow("g", raises_instead), 1).result(PATIENT)


def test_an_except_exception_lets_it_pass(world: World) -> None:
    """It isn't an Exception, so that usual code can't eat it."""

    @step
    def careful(x: int) -> Any:
        try:
            return wait_for("go")
        except Exception:  # noqa: BLE001 - as a user's code may have it
            return "eaten"

    flow = world.flow("f", careful)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        engine.resume(run, "answered")
        assert run.result(PATIENT) == "answered"


@pytest.mark.parametrize("where", ["inline", "view", "async"])
def test_it_is_misplaced_where_nothing_can_suspend(world: World, where: str) -> None:
    """In place and on a loop: a named error that says what to do (B046)."""

    async def on_loop(x: int) -> Any:
        await asyncio.sleep(0)
        return wait_for("go")

    def in_place(x: int) -> Any:
        return wait_for("go")

    def with_view(x: int, run: Any) -> Any:
        return wait_for("go")

    fn: Any = {"inline": in_place, "view": with_view, "async": on_loop}[where]
    flow = world.flow("f", step(fn, inline=where != "async"))
    with world.engine() as engine, pytest.raises(RunFailed, match="WaitForMisplaced"):
        engine.start(flow, 1).result(PATIENT)


def test_it_is_misplaced_outside_of_any_run() -> None:
    """In a plain call of the function, too (B046)."""
    with pytest.raises(WaitForMisplaced, match="outside a node"):
        wait_for("go")


def test_a_node_that_asks_other_things_than_before_is_told(world: World) -> None:
    """What it did before must be repeatable (B045)."""
    tags = iter(["first", "second"])
    flow = world.flow("f", step(lambda x: wait_for(next(tags)), name="fickle"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        engine.resume(run, 1)
        with pytest.raises(RunFailed, match="asked for 'first' before and for 'second' now"):
            run.result(PATIENT)


@pytest.mark.parametrize("tag", ["", "a/b", 'quo"te', 7])
def test_a_tag_that_cannot_be_addressed_is_refused(world: World, tag: Any) -> None:
    """Tags stand in tokens and paths."""
    flow = world.flow("f", step(lambda x: wait_for(tag), name="asks"))
    with world.engine() as engine, pytest.raises(RunFailed, match="WrongArgument"):
        engine.start(flow, 1).result(PATIENT)


def test_a_prompt_that_is_not_plain_data_is_refused(world: World) -> None:
    """At the node that made it."""
    flow = world.flow("f", step(lambda x: wait_for("go", object()), name="asks"))
    with world.engine() as engine, pytest.raises(RunFailed, match="ValueRefused"):
        engine.start(flow, 1).result(PATIENT)


def test_replayed_ticks_are_free(world: World) -> None:
    """Running again from the start spends nothing that was spent before (B029)."""

    @step
    def asks(x: int) -> int:
        tick()
        return int(wait_for("go")) + tick()

    with world.engine() as engine:
        run = engine.start(world.flow("f", timeout(2, asks)), 1)
        settle(run)
        engine.resume(run, 10)
        assert run.result(PATIENT) == 10
        short = engine.start(world.flow("g", timeout(1, asks)), 1)
        settle(short)
        engine.resume(short, 10)
        with pytest.raises(RunFailed, match="FlowTimeout"):
            short.result(PATIENT)


def test_answers_are_fresh_each_time(world: World) -> None:
    """Changing one doesn't change what the next round gets (B066)."""

    @step
    def spoils(x: int) -> list[int]:
        first: list[int] = wait_for("a")
        first.append(9)
        return [*first, *wait_for("b")]

    flow = world.flow("f", spoils)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        for answer in ([1], [2]):
            settle(run)
            engine.resume(run, answer)
        assert run.result(PATIENT) == [1, 9, 2]


@dataclass
class Colour:
    name: str


def test_a_cancel_while_it_waits_closes_the_question(world: World) -> None:
    """A node that waits isn't on a thread: there is nothing to abandon."""
    flow = world.flow("f", step(lambda x: wait_for("go"), name="asks"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        engine.cancel(run)
        assert settle(run) == "cancelled"
        assert engine.answer(f"{run.id}.go.1", 1) is Reply.CANCELLED
        assert engine.abandoned == []


def test_an_answer_by_a_tag_that_only_a_node_knows(world: World) -> None:
    """Before it is asked there is no such tag in the definition: refused (B047a)."""
    flow = world.flow("f", step(lambda x: wait_for("hidden"), name="asks"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        engine.resume(run, 5, tag="hidden")
        until(lambda: run.status == "done")
        assert run.result() == 5
        other = world.flow("g", plus_one >> step(lambda x: wait_for("x1"), name="other"))
        second = engine.start(other, 1)
        settle(second)
        with pytest.raises(NotWaiting):
            engine.resume(second, 5, tag="x2")
