"""What a body asks is answered by its own schema, though no definition holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from everflow import (
    Engine,
    Registry,
    Reply,
    ask,
    flow,
    parallel,
    perform,
    race,
    receive,
    sleep,
    step,
    suspend,
)
from everflow.errors import AnswerRefused, NotWaiting, RunBlocked, WrongArgument
from everflow.stores.memory import MemoryStore
from everflow.testing import harness

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


@dataclass
class Offer:
    """An answer with a type."""

    price: int


@dataclass
class Sentence:
    """Another one."""

    good: bool


def said(given: Any) -> str:
    """A step whose parameter says nothing of its type."""
    return type(given[-1] if isinstance(given, tuple) else given).__name__


@flow("direct both", registry=KIT)
async def both(_: int) -> list[str]:
    """Two questions at the same time."""
    offer, verdict = await parallel(ask("offer", Offer, value=1), ask("verdict", Sentence, value=2))
    return [type(offer).__name__, type(verdict).__name__]


@flow("direct plain both", registry=KIT)
def plain_both(_: int) -> list[str]:
    """The same in a plain def."""
    two = parallel(ask("offer", Offer, value=1), ask("verdict", Sentence, value=2))
    return [type(answer).__name__ for answer in perform(two)]


@flow("direct within", registry=KIT)
async def within(_: int) -> list[str]:
    """An answer that goes on in the same flow, beside one that may win."""
    inner = ask("offer", Offer) >> said
    found = await race(inner, receive("verdict", Sentence) >> said)
    return [found, type(await race(suspend("verdict", Sentence), sleep(900))).__name__]


@flow("direct teller", registry=KIT)
async def tells(given: tuple[int, Any]) -> str:
    """Say of which type the answer is."""
    return said(given)


beside = flow("direct beside", ask("offer", Offer) >> tells, registry=KIT)


def test_a_question_beside_a_body_is_asked_by_the_flow() -> None:
    """Its answer's type stands in the flow, and no body has to be begun for it."""
    with Engine(MemoryStore(), registry=KIT) as engine:
        run = engine.start(beside, 1)
        run.wait(PATIENT)
        engine.resume(run, {"price": 3})
        assert run.result(PATIENT) == "Offer"


@pytest.mark.parametrize("asks", [both, plain_both], ids=["async", "plain"])
@pytest.mark.parametrize("crashes", [False, True], ids=["held", "begun again"])
def test_answers_in_an_awaited_compound_have_their_types(asks: Any, crashes: bool) -> None:
    """Plain JSON becomes what was asked for, in memory or not; what doesn't fit is refused."""
    with harness(asks, registry=KIT) as h:
        run = h.start(1)
        with pytest.raises(AnswerRefused):
            h.answer(run, {"price": "much"}, tag="offer")
        if crashes:
            h.restart()
        h.answer(run, {"price": 3}, tag="offer")
        h.answer(run, {"good": True}, tag="verdict")
        assert run.result() == ["Offer", "Sentence"]


def test_what_comes_after_an_answer_in_an_awaited_flow_gets_its_type() -> None:
    """And so does whoever has no annotation, as where no body is (B053)."""
    with harness(within, registry=KIT) as h:
        run = h.start(1)
        h.restart()
        h.answer(run, {"price": 3}, tag="offer")
        h.restart()
        h.answer(run, {"good": True}, tag="verdict")
        assert run.result() == ["Offer", "Sentence"]


@flow("direct inner", registry=KIT)
async def inner(_: int) -> str:
    """A body in a body, which takes signals."""
    offer, verdict = await parallel(receive("offer", Offer), receive("verdict", Sentence))
    return f"{type(offer).__name__} {type(verdict).__name__}"


@flow("direct outer", registry=KIT)
async def outer(_: int) -> str:
    """Awaits it beside something else."""
    found, _asked = await parallel(step(inner, 1), suspend("other", Offer))
    return f"{found} {type(_asked).__name__}"


def test_signals_have_their_types_in_a_body_within_a_body() -> None:
    """Each is known by the body that is nearest to it."""
    with harness(outer, registry=KIT) as h:
        run = h.start(1)
        h.restart()
        h.signal(run, "verdict", {"good": True})
        h.signal(run, "offer", {"price": 1})
        h.answer(run, {"price": 2})
        assert run.result() == "Offer Sentence Offer"


def test_a_signal_that_does_not_fit_what_a_body_waits_for_is_refused() -> None:
    """Before it is accepted: nothing is parked by it. Another name is kept as it is."""
    with harness(early, registry=KIT) as h:
        run = h.start(1)
        h.answer(run, True)
        with pytest.raises(AnswerRefused, match="doesn't fit what the run receives"):
            h.signal(run, "offer", 7)
        h.signal(run, "of another name", 7)
        h.signal(run, "offer", {"price": 1})
        assert run.result() == "Offer"


def test_a_signal_that_came_before_its_body_asked_has_its_type_too() -> None:
    """It is read as what the body receives."""
    with harness(early, registry=KIT) as h:
        run = h.start(1)
        h.signal(run, "offer", {"price": 1})
        h.answer(run, True)
        assert run.result() == "Offer"


@flow("direct early", registry=KIT)
async def early(_: int) -> str:
    """Receives later."""
    await ask("sure", bool)
    return type(await receive("offer", Offer)).__name__


CHANGED: list[str] = []  # stands for a deploy


@flow("direct changed", registry=KIT)
async def changed(_: int) -> str:
    """Asks for something else once the code is another."""
    if "ends" in CHANGED:
        return "nothing"
    tag = "another" if CHANGED else "offer"
    (offer,) = await parallel(ask(tag, Offer, value=1))
    return type(offer).__name__


@flow("direct changed plain", registry=KIT)
def plainly_changed(_: int) -> str:
    """The same in a plain def."""
    if "ends" in CHANGED:
        return "nothing"
    tag = "another" if CHANGED else "offer"
    (offer,) = perform(parallel(ask(tag, Offer, value=1)))
    return type(offer).__name__


@pytest.mark.parametrize("body", [changed, plainly_changed], ids=["async", "plain"])
@pytest.mark.parametrize("how", ["asks", "ends"])
def test_an_answer_waits_for_code_that_fits(body: Any, how: str) -> None:
    """It was accepted, and the run goes on with it when its code is back (B044)."""
    with harness(body, registry=KIT) as h:
        run = h.start(1)
        CHANGED.append(how)
        h.restart()
        h.answer(run, {"price": 3})
        with pytest.raises(RunBlocked):
            run.result()
        CHANGED.clear()
        h.restart()
        assert run.result() == "Offer"


@flow("direct declared", registry=KIT, asks={"offer": Offer, "note": Any, "count": int})
async def declared(_: int) -> list[str]:
    """Says what it will ask, and asks it later, some of it at the same time."""
    await suspend("go")
    offer, note = await parallel(ask("offer", Offer, value=1), suspend("note"))
    return [type(offer).__name__, note]


def test_what_a_body_says_it_will_ask_is_answered_before_it_asks() -> None:
    """Checked as ever, kept over restarts, and of the type that was declared (B053)."""
    with harness(declared, registry=KIT) as h:
        run = h.start(1)
        with pytest.raises(AnswerRefused, match="price"):
            h.answer(run, {"price": "much"}, tag="offer")
        with pytest.raises(AnswerRefused):
            h.answer(run, "many", tag="count")
        assert h.answer(run, {"price": 3}, tag="offer") is Reply.ANSWERED
        assert h.answer(run, {"price": 4}, tag="offer") is Reply.ALREADY_ANSWERED
        assert h.answer(run, "kept", tag="note") is Reply.ANSWERED
        h.restart()
        h.answer(run, None, tag="go")
        assert run.result() == ["Offer", "kept"]


def test_a_tag_that_a_body_says_nothing_of_is_refused_with_the_way_out() -> None:
    """A tag that is mistyped would be kept for ever."""
    with harness(both, registry=KIT) as h:
        run = h.start(1)
        with pytest.raises(NotWaiting, match="@flow"):
            h.answer(run, 1, tag="later")


def test_a_kept_answer_of_a_body_has_its_checks_in_a_fork() -> None:
    """By the schema that was declared, and as the declared type."""
    with Engine(MemoryStore(), registry=KIT) as engine:
        run = engine.start(declared, 1)
        run.wait(PATIENT)
        engine.resume(run, {"price": 3}, tag="offer")
        run.wait(PATIENT)
        with pytest.raises(AnswerRefused, match="the question of entry 2"):
            engine.fork(run, 2, {"price": "much"})
        fork = engine.fork(run, 2, {"price": 5})
        engine.resume(fork, "n", tag="note")
        engine.resume(fork, None, tag="go")
        assert fork.result(PATIENT) == ["Offer", "n"]


def test_only_a_body_says_what_it_will_ask() -> None:
    """The tags of all other flows stand in their definitions."""
    with pytest.raises(WrongArgument, match="asks= is for bodies"):
        flow("x", sleep(1), asks={"a": int})  # type: ignore[call-overload]  # the mistake itself
