"""What a body asks is answered by its own schema, though no definition holds it."""

from __future__ import annotations

import pytest

from everflow import Engine, Registry, ask, flow
from everflow.errors import AnswerRefused
from everflow.stores.memory import MemoryStore

KIT = Registry()
PATIENT = 20


@flow("direct answers", registry=KIT)
async def asking(amount: int) -> bool:
    """Ask once."""
    return await ask("sure", bool, value=amount)


def test_an_answer_that_does_not_fit_a_bodys_question_is_refused() -> None:
    """By token and by tag, before it is accepted (B053); one that fits goes through."""
    with Engine(MemoryStore(), registry=KIT) as engine:
        run = engine.start(asking, 1)
        run.wait(PATIENT)
        (question,) = engine.questions(run)
        assert question.schema == '{"type":"boolean"}'
        with pytest.raises(AnswerRefused, match="expected bool"):
            engine.resume(run, 5)
        with pytest.raises(AnswerRefused):
            engine.answer(f"{run.id}.sure.1", "no")
        engine.resume(run, False)
        assert run.result(PATIENT) is False


def test_a_forks_question_of_a_body_has_its_schema() -> None:
    """It is the fork's own question, and as strict."""
    with Engine(MemoryStore(), registry=KIT) as engine:
        run = engine.start(asking, 1)
        run.wait(PATIENT)
        fork = engine.fork(run, 1)
        fork.wait(PATIENT)
        with pytest.raises(AnswerRefused):
            engine.resume(fork, 5)
        engine.resume(fork, True)
        assert fork.result(PATIENT) is True
        with pytest.raises(AnswerRefused, match="the question of entry 3"):
            engine.fork(fork, 3, 5)
