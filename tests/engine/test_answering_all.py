"""Many questions answered with one call, on both stores and through every face."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from everflow import Reply, Run, sequence, suspend
from everflow.engine.faces.engine import Engine
from everflow.errors import AnswerRefused, NoSuchRun, NotWaiting, StoreUnavailable
from everflow.store import Message, Verdict
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, JumpClock, World, plus_one, settle


def asking(world: World, engine: Engine, many: int) -> list[Run[Any]]:
    """Runs that each wait for an int, which they give with one added."""
    flow = world.flow("asks", suspend("go", int) >> plus_one)
    runs = engine.start_all(flow, [0] * many)
    for run in runs:
        assert settle(run) == "suspended"
    return runs


def token(run: Run[Any]) -> str:
    return f"{run.id}.go.1"


def test_each_question_gets_its_own_answer(world: World) -> None:
    """However many transactions they take, each run goes on with its own value."""
    with world.engine(batch=3) as engine:
        runs = asking(world, engine, 8)
        pairs = [(token(run), number) for number, run in enumerate(runs)]
        assert engine.answer_all(pairs) == [Reply.ANSWERED] * 8
        assert [run.result(PATIENT) for run in runs] == list(range(1, 9))
        assert engine.answer_all([]) == []


def test_each_is_told_what_became_of_it(world: World) -> None:
    """The second answer to a question is told so, beside others and within one call."""
    with world.engine() as engine:
        first, second = asking(world, engine, 2)
        engine.answer(token(first), 1)
        told = engine.answer_all([(token(first), 5), (token(second), 2), (token(second), 3)])
        assert told == [Reply.ALREADY_ANSWERED, Reply.ANSWERED, Reply.ALREADY_ANSWERED]
        assert [first.result(PATIENT), second.result(PATIENT)] == [2, 3]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (("a" * 26 + ".go.1", 1), NoSuchRun),
        (("nonsense", 1), NotWaiting),
        ((None, "no int"), AnswerRefused),
    ],
)
def test_one_that_cannot_be_answered_stops_all(
    world: World, bad: tuple[str | None, Any], error: type[Exception]
) -> None:
    """Nothing is accepted when the call raises: the caller mends one pair and calls again."""
    with world.engine() as engine:
        one, two = asking(world, engine, 2)
        wrong = (bad[0] or token(two), bad[1])
        with pytest.raises(error):
            engine.answer_all([(token(one), 1), wrong])
        assert [question.state for question in engine.questions()] == ["open", "open"]


def test_a_question_that_is_not_asked_yet_is_not_waiting(world: World) -> None:
    """A token of a later occurrence, or of another tag, names nothing."""
    flow = world.flow("twice", sequence(suspend("go", int), suspend("go", int)))
    with world.engine() as engine:
        run = engine.start(flow, 0)
        settle(run)
        for wrong in (f"{run.id}.go.2", f"{run.id}.stop.1"):
            with pytest.raises(NotWaiting):
                engine.answer_all([(wrong, 1)])


def test_a_client_and_an_event_loop_answer_too(durable: World) -> None:
    """What a connection answers is done by whichever engine comes; the async face awaits it."""
    with durable.engine() as engine:
        runs = [token(run) for run in asking(durable, engine, 4)]
    with durable.connect() as flows:
        assert flows.answer_all([(runs[0], 1), (runs[1], 2)]) == [Reply.ANSWERED] * 2

    async def rest() -> list[Any]:
        async with durable.engine() as engine:
            assert await engine.answer_all([(runs[2], 3), (runs[3], 4)]) == [Reply.ANSWERED] * 2
            return [await (await engine.run(run[:26])).result(PATIENT) for run in runs]

    assert asyncio.run(rest()) == [2, 3, 4, 5]


class AmbiguousStore(MemoryStore):
    """Accepts, and then says that it may not have."""

    ambiguous = True

    def accept(self, messages: Sequence[Message]) -> list[Verdict]:
        verdicts = super().accept(messages)
        if self.ambiguous:
            self.ambiguous = False
            raise StoreUnavailable("the line broke")
        return verdicts


def test_answers_whose_commit_is_ambiguous_are_sent_again() -> None:
    """The second try finds them accepted by their keys, so the reply stays true."""
    world = World(AmbiguousStore())
    with world.engine() as engine:
        (run,) = asking(world, engine, 1)
        assert engine.answer_all([(token(run), 1)]) == [Reply.ANSWERED]
        assert run.result(PATIENT) == 2


def test_those_who_wait_are_told_of_an_answer_that_leaves_the_run_waiting(world: World) -> None:
    """Its row says suspended before and after; only that the answer is applied is new."""
    flow = world.flow("three", sequence(*[suspend("go")] * 3))
    with world.engine() as engine:
        run = engine.start(flow, 0)
        settle(run)
        assert engine.join()
        told = engine.changes.count
        engine.resume(run, 1)
        settle(run)
        assert engine.join()
        assert engine.changes.count > told


class StandingClock(JumpClock):
    """The machine's time doesn't go on, so nothing is done that waits for it."""

    def boot(self) -> int:
        return 0


def test_an_answer_to_a_run_that_nobody_owns_is_applied_at_once(durable: World) -> None:
    """The engine that accepted it claims the run then, and not at its next look around."""
    with durable.engine() as engine:
        (run,) = asking(durable, engine, 1)
    durable.clock = StandingClock()
    with durable.engine() as engine:
        assert engine.join()
        engine.answer(token(run), 1)
        assert engine.run(run.id).result() == 2
