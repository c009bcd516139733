"""ask: the question, its prompt, its link, its deadline, its default, over days of real time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import pytest

from everflow import Question, Reply, Run, ask, loop, need, parallel, suspend, timeout, try_catch
from everflow.engine.asking.runs import prompt_of
from everflow.errors import AnswerRefused, RunFailed
from tests.engine.support import DAY, PATIENT, World, plus_one, settle, step, until

THREE_DAYS = timedelta(days=3)


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


@dataclass
class Ruling:
    ok: bool
    note: str = ""
    mood: Mood = Mood.GOOD


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[Question[Any]] = []
        self.came = threading.Event()


@step
def mail_link(question: Question[Any], *, box: Mailbox = need(Mailbox)) -> None:
    box.mails.append(question)
    box.came.set()


def test_the_value_and_the_answer_come_out(world: World) -> None:
    """What was asked about goes on beside what was said."""
    flow = world.flow("f", ask("ok", bool))
    with world.engine() as engine:
        run = engine.start(flow, {"post": 1})
        settle(run)
        engine.resume(run, True)
        assert run.result(PATIENT) == ({"post": 1}, True)


def test_show_makes_the_prompt(world: World) -> None:
    """The question shows what show made of the value; the value itself goes on (B053)."""
    preview = step(lambda x: f"about {x}", name="preview")
    flow = world.flow("f", plus_one >> ask("ok", bool, show=preview))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        (question,) = engine.questions(run)
        shown = prompt_of(engine.client.store, question, world.registry.types)
        assert shown == "about 2"
        engine.resume(run, True)
        assert run.result(PATIENT) == (2, True)


def test_notify_gets_a_link_once_the_question_is_open(world: World) -> None:
    """By the time that a mail goes out its token takes an answer."""
    box = Mailbox()
    flow = world.flow("f", ask("confirm", bool, notify=mail_link, within=THREE_DAYS))
    with world.engine(provide={Mailbox: box}) as engine:
        run = engine.start(flow, "ada")
        assert box.came.wait(PATIENT)
        (mail,) = box.mails
        assert (mail.value, mail.token) == ("ada", f"{run.id}.confirm.1")
        assert mail.deadline is not None
        left = mail.deadline - datetime.now(UTC)
        assert timedelta(days=2, hours=23) < left <= THREE_DAYS
        assert engine.answer(mail.token, True) is Reply.ANSWERED
        assert run.result(PATIENT) == ("ada", True)


def test_the_deadline_decides_by_its_default(world: World) -> None:
    """Nobody answers for three days; a late answer is told so (B053)."""
    flow = world.flow("f", ask("ok", bool, within=THREE_DAYS, default=False))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        world.clock.jump(2.9 * DAY)
        assert engine.join(PATIENT)
        assert run.status == "suspended"
        world.clock.jump(0.2 * DAY)
        assert run.result(PATIENT) == (1, False)
        assert engine.answer(f"{run.id}.ok.1", True) is Reply.EXPIRED


def test_a_deadline_without_a_default_is_an_error(world: World) -> None:
    """DeadlineExpired, which a try_catch around it sees (B023)."""
    code = step(lambda caught: caught.error.code, name="code", inline=True)
    plain = world.flow("f", ask("ok", bool, within=THREE_DAYS))
    caught = world.flow("g", try_catch(ask("ok", bool, within=THREE_DAYS), code))
    with world.engine() as engine:
        runs = [engine.start(plain, 1), engine.start(caught, 1)]
        for run in runs:
            settle(run)
        world.clock.jump(3.1 * DAY)
        with pytest.raises(RunFailed, match="DeadlineExpired: nobody answered 'ok' in time"):
            runs[0].result(PATIENT)
        assert runs[1].result(PATIENT) == "deadline_expired"


def test_an_answer_in_time_beats_the_deadline(world: World) -> None:
    """An accepted answer counts even if the deadline passes before it is applied."""
    flow = world.flow("f", ask("ok", bool, within=THREE_DAYS, default=False))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        with world.connect() as outside:
            # the other process's answer and the deadline arrive together
            assert outside.answer(f"{run.id}.ok.1", True) is Reply.ANSWERED
            world.clock.jump(4 * DAY)
        assert run.result(PATIENT) == (1, True)


def test_deadlines_outlive_their_engine(world: World) -> None:
    """A run that nobody owns is still woken on its day (B141)."""
    flow = world.flow("f", ask("ok", bool, within=THREE_DAYS, default=False))
    with world.engine() as engine:
        run = engine.start(flow, 1).id
        settle(engine.run(run))
    with world.engine() as engine:
        assert engine.join(PATIENT)
        assert engine.run(run).status == "suspended"
        world.clock.jump(3.1 * DAY)
        assert engine.run(run).result(PATIENT) == (1, False)


def test_deadlines_of_evicted_runs_fire_each_on_its_day(world: World) -> None:
    """With hardly any run in memory, none is forgotten and none fires twice."""
    node = step(lambda pair: world.seen.append(pair[0]), name="decided")
    flows = [
        world.flow(f"f{day}", ask("ok", bool, within=timedelta(days=day), default=False) >> node)
        for day in range(1, 9)
    ]
    with world.engine(warm_runs=1) as engine:
        runs = [engine.start(flow, day) for day, flow in enumerate(flows, 1)]
        for run in runs:
            settle(run)
        for day, run in enumerate(runs, 1):
            world.clock.jump(DAY)
            run.result(PATIENT)
            assert world.seen == list(range(1, day + 1))
        assert engine.join(PATIENT)
    assert world.seen == list(range(1, 9))


def test_a_question_asked_again_is_a_new_one(world: World) -> None:
    """A doubled click on the old link isn't taken for the next question (B026, B042, B048)."""
    done = step(lambda pair: pair[1], name="done", inline=True)
    again = step(lambda pair: pair[0], name="again", inline=True)
    flow = world.flow("f", loop(ask("ok", bool) >> keep_last(), until=done) >> again)
    with world.engine() as engine:
        run = engine.start(flow, 5)
        settle(run)
        assert engine.answer(f"{run.id}.ok.1", False) is Reply.ANSWERED
        until(lambda: [q.occurrence for q in engine.questions(run)] == [2])
        assert engine.answer(f"{run.id}.ok.1", True) is Reply.ALREADY_ANSWERED
        assert engine.answer(f"{run.id}.ok.2", True) is Reply.ANSWERED
        run.result(PATIENT)


def keep_last() -> Any:
    return step(lambda pair: pair, name="keep_last", inline=True)


def test_an_answer_that_does_not_fit_is_refused_and_the_question_stays(world: World) -> None:
    """By the question's schema, naming the place inside the answer (B053)."""
    flow = world.flow("f", ask("ok", Ruling))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        for wrong in ("yes", {"ok": "yes"}, {"note": "x"}, {"ok": True, "mood": "odd"}, None):
            with pytest.raises(AnswerRefused, match="must fit"):
                engine.resume(run, wrong)
        assert len(engine.questions(run)) == 1
        engine.resume(run, Ruling(ok=True, note="fine"))
        assert run.result(PATIENT) == (1, Ruling(ok=True, note="fine"))


@pytest.mark.parametrize("early", [False, True])
def test_plain_json_becomes_the_type_that_was_asked_for(world: World, early: bool) -> None:
    """A process without code answers by data; consumers get the dataclass."""
    gate = suspend("gate")
    flow = world.flow("f", gate >> ask("ok", Ruling) if early else ask("ok", Ruling))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        with world.connect() as outside:
            outside.resume(run.id, {"ok": True, "mood": "bad"}, tag="ok")
        if early:
            engine.resume(run, 1, tag="gate")
        assert run.result(PATIENT) == (1, Ruling(ok=True, mood=Mood.BAD))


def test_a_suspend_may_name_its_type_too(world: World) -> None:
    """The answer is the value out, checked and converted."""
    flow = world.flow("f", suspend("when", datetime))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        with pytest.raises(AnswerRefused):
            engine.resume(run, "soon")
        engine.resume(run, "2030-01-02T03:04:05Z")
        assert run.result(PATIENT) == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_two_questions_are_open_at_once(world: World) -> None:
    """They can be answered in any order (B007)."""
    flow = world.flow("f", parallel(ask("first", int), ask("second", int)))
    with world.engine() as engine:
        run = engine.start(flow, 0)
        settle(run)
        assert {q.tag for q in engine.questions(run)} == {"first", "second"}
        engine.resume(run, 2, tag="second")
        engine.resume(run, 1, tag="first")
        assert run.result(PATIENT) == ((0, 1), (0, 2))


def test_a_failing_notifier_fails_the_question(world: World) -> None:
    """Nobody can answer what was never sent: the error goes outward, the question is closed."""
    bad = step(lambda question: 1 / 0, name="bad")
    flow = world.flow("f", ask("ok", bool, notify=bad))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        with pytest.raises(RunFailed, match="ZeroDivisionError"):
            run.result(PATIENT)
        assert engine.questions() == []
        assert engine.answer(f"{run.id}.ok.1", True) is Reply.CANCELLED


def test_a_timeout_around_a_question_closes_it(world: World) -> None:
    """Its answer is refused from then on."""
    flow = world.flow("f", timeout(THREE_DAYS, ask("ok", bool)))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        world.clock.jump(4 * DAY)
        with pytest.raises(RunFailed, match="FlowTimeout"):
            run.result(PATIENT)
        assert engine.answer(f"{run.id}.ok.1", True) is Reply.EXPIRED


def test_wall_clock_jumps_neither_fire_nor_hold_up_a_deadline(world: World) -> None:
    """Only time that passed counts while a process lives (B141)."""
    flow = world.flow("f", ask("ok", bool, within=THREE_DAYS, default=False))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        for jump in (10 * DAY, -20 * DAY):
            world.clock.set_wall(jump)
            assert engine.join(PATIENT)
            assert run.status == "suspended"
        world.clock.jump(3.1 * DAY)
        assert run.result(PATIENT) == (1, False)


def test_answers_and_their_echo_are_plain_to_read(world: World) -> None:
    """Who answered stands in the journal."""
    flow = world.flow("f", ask("ok", bool))
    with world.engine() as engine:
        run: Run[Any] = engine.start(flow, 1)
        settle(run)
        engine.resume(run, True, by="ada")
        run.result(PATIENT)
        bodies = [body for _, _, body, _ in engine.client.store.journal(run.row().no)]
    assert any('"answer"' in body and '"ada"' in body for body in bodies)
