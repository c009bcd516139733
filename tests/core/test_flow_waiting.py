"""Questions, answers, timers: behaviours B040 to B053 as far as the core alone holds them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everflow.core.algebra import ask, suspend
from everflow.core.combine.choice import branch, choose, loop
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import identity, sequence
from everflow.core.combine.waiting import sleep, sleep_until, token_of
from everflow.core.expressions import it
from everflow.core.faults import Question
from everflow.core.node import node
from everflow.core.ops import TimerOp
from everflow.core.state import live_seqs
from everflow.errors import JournalMismatch, WrongArgument
from everflow.testing.driver import BEGIN, Driver
from tests.core.sample_flows import broken, double, first, inc, positive, rescue, second

DAY = timedelta(days=1)


@pytest.mark.parametrize("value", [None, False, 0, "", [], {"a": (1, 2)}, "x" * 99])
def test_any_plain_value_is_an_answer(value: object) -> None:
    """The value in is the prompt, the answer the value out (B040, B041)."""
    driver = Driver(suspend("ok")).start("the prompt")
    assert driver.input(".") == "the prompt"
    assert driver.restart().answer("ok", value).value() == value


def test_the_same_tag_asked_again_is_a_new_question() -> None:
    """Occurrences are counted over the run (B042, B048)."""
    driver = Driver(sequence(suspend("a"), suspend("b"), suspend("a"))).start(1)
    asked = []
    while driver.questions():
        asked.append((driver.questions()[0].tag, driver.questions()[0].occurrence))
        driver.restart().answer(asked[-1][0], 1)
    assert asked == [("a", 1), ("b", 1), ("a", 2)]
    assert token_of("run", "a", 2) == "run.a.2"


def test_an_answer_to_a_closed_question_is_refused() -> None:
    """A doubled click after a loop asks again isn't taken for the next question (B048)."""
    driver = Driver(loop(suspend("ok"), until=identity)).start(1)
    answered = driver.questions()[0].id
    driver.answer("ok", value=False)
    assert not driver.machine.expects(answered)
    with pytest.raises(JournalMismatch, match="a question that is open"):
        driver.tell("answer", answered, "true")
    assert driver.answer("ok", value=True).value() is True


def test_suspension_works_anywhere() -> None:
    """Nested, in the taken branch alone, in loops, through try_catch and retry (B043)."""
    deep = try_catch(
        retry(3, branch(positive, loop(parallel(suspend("x"), inc), until=it[0]), suspend("y"))),
        rescue,
    )
    driver = Driver(deep).start(5).run()
    assert [q.id for q in driver.questions()] == ["./body!1/body/then~1/body/0"]
    driver.answer("x", value=True).run()
    assert driver.value() == (True, 6)


def test_completed_nodes_do_not_run_again() -> None:
    """After a restart only what is outstanding is asked for (B044)."""
    driver = Driver(sequence(first, suspend("x"), second)).start(1).run()
    assert driver.restart().nodes() == []
    driver.answer("x", 2)
    assert [op.node.rpartition(":")[2] for op in driver.restart().nodes()] == ["second"]


def test_an_early_answer_is_kept_for_its_question() -> None:
    """In the order in which they came (B047a)."""
    driver = Driver(sequence(first, suspend("x"), second, suspend("x"))).start(1)
    driver.early("x", "one").early("x", "two")
    assert driver.restart().run().value() == "two"
    asked = Driver(sequence(first, ask("x", str))).start(1).early("x", "one")
    assert asked.run().value() == (1, "one")


def test_an_early_answer_to_a_finished_run_is_refused() -> None:
    """There is nothing that could ask (B047a)."""
    driver = Driver(identity).start(1)
    with pytest.raises(JournalMismatch):
        driver.early("x", 1)


def test_ask_gives_value_and_answer() -> None:
    """The prompt is the value, or what `show` makes of it (B053)."""
    assert Driver(ask("ok", bool)).start(5).answer("ok", value=True).value() == (5, True)
    driver = Driver(ask("ok", bool, show=double)).start(5)
    assert driver.questions() == []
    driver.run()
    assert driver.input("./@question") == 10
    assert driver.answer("ok", value=False).value() == (5, False)


def test_notify_gets_the_question_once_it_is_open() -> None:
    """With the value, the token and the deadline; its end isn't waited for (B053)."""
    driver = Driver(ask("ok", bool, notify=first, within=DAY), run="run").start(5)
    (question,) = driver.questions()
    due = datetime.fromtimestamp(driver.now / 1_000_000, UTC) + DAY
    assert driver.input("first") == Question(5, "run.ok.1", due)
    assert question.due == driver.now + 86_400_000_000
    driver.result("first", "mailed")
    assert driver.questions() == [question]
    undated = Driver(ask("ok", bool, notify=first)).start(5)
    assert undated.input("first") == Question(5, "run.ok.1", None)


def test_an_answer_stops_the_notifier() -> None:
    """The flow goes on once that is closed (B053)."""
    driver = Driver(ask("ok", bool, notify=first)).start(5).answer("ok", value=True)
    assert driver.stopping() == ["./notify"]
    assert driver.error("first").value() == (5, True)


def test_what_the_notifier_or_show_raises_goes_outward() -> None:
    """The question is closed then (B053)."""
    driver = Driver(ask("ok", bool, notify=broken, within=DAY)).start(5).run()
    assert driver.failure().type == "ValueError"
    assert Driver(ask("ok", bool, show=broken)).start(5).run().failure().type == "ValueError"


def test_a_deadline_with_a_default_answers_itself() -> None:
    """None is a default as good as any (B053)."""
    for default in (False, None, "x" * 99):
        driver = Driver(ask("ok", bool, within=DAY, default=default)).start(5)
        driver.restart().fire()
        assert driver.value() == (5, default)


def test_a_deadline_without_a_default_raises() -> None:
    """The error can be caught, for an escalation (B053)."""
    driver = Driver(ask("ok", bool, within=DAY)).start(5).fire()
    assert (driver.failure().code, driver.failure().type) == ("deadline_expired", "DeadlineExpired")
    assert driver.questions() == []
    escalated = Driver(try_catch(ask("ok", bool, within=DAY), suspend("boss"))).start(5).fire()
    assert escalated.questions()[0].tag == "boss"


def test_an_answer_drops_the_deadline() -> None:
    """What comes first decides (B053)."""
    driver = Driver(sequence(ask("ok", bool, within=DAY), first)).start(5).answer("ok", value=True)
    assert driver.machine.next_due() is None
    assert driver.run().value() == (5, True)


def test_a_default_needs_a_deadline() -> None:
    """It would never be used (B053)."""
    with pytest.raises(WrongArgument, match="within"):
        ask("ok", bool, default=True)


def test_a_node_waits_and_is_run_again() -> None:
    """`wait_for` leaves the node, and its answers are given to it one after the other (B044)."""
    driver = Driver(node(first)).start(1).wanted("first", "colour", "which?")
    assert driver.nodes() == []
    assert driver.input(".@1") == "which?"
    driver.restart().answer("colour", "red")
    (op,) = driver.nodes()
    assert [(tag, driver.decode(ref)) for tag, ref in op.answers] == [("colour", "red")]
    assert op.since == driver.machine.seq
    driver.wanted("first", "size").answer("size", 5)
    assert [tag for tag, _ in driver.restart().nodes()[0].answers] == ["colour", "size"]
    assert driver.result("first", "done").value() == "done"


def test_a_waiting_node_takes_early_answers_and_shares_occurrences() -> None:
    """It goes on at once (B047a, B042)."""
    driver = Driver(parallel(first, suspend("x"))).start(1).early("x", "early")
    driver.wanted("first", "x")
    assert driver.nodes()[0].answers
    driver.wanted("first", "x")
    assert [(q.occurrence, bool(q.asker)) for q in driver.questions()] == [(1, False), (3, True)]


def test_a_node_that_asks_takes_no_result() -> None:
    """Nor a second question (B045)."""
    driver = Driver(node(first)).start(1).wanted("first", "x")
    for kind in ("result", "wanted", "stopped"):
        with pytest.raises(JournalMismatch):
            driver.tell(kind, ".", node="tests.core.sample_flows:first", input=0, note="x")


def test_asking_while_being_stopped_closes_the_node() -> None:
    """It left its thread, which is all that was wanted of it (B064)."""
    driver = Driver(timeout(DAY, first)).start(1).fire().wanted("first", "x")
    assert driver.failure().code == "flow_timeout"
    assert driver.questions() == []


def test_a_waiting_node_is_dropped_by_a_cancel_around_it() -> None:
    """With its question (B064)."""
    driver = Driver(timeout(DAY, parallel(first, second))).start(1).wanted("first", "x").fire()
    assert driver.questions() == []
    assert driver.stopping() == ["./body/1"]


def test_sleep_passes_the_value_on() -> None:
    """For a duration, or until a moment on the wall clock (B141)."""
    driver = Driver(sleep(60)).start({"a": 1})
    (timer,) = driver.commands()
    assert isinstance(timer, TimerOp)
    assert (timer.due, timer.wall) == (BEGIN + 60_000_000, False)
    assert driver.fire().value() == {"a": 1}
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    driver = Driver(sleep_until(moment)).start(1)
    (timer,) = driver.commands()
    assert isinstance(timer, TimerOp)
    assert (timer.due, timer.wall) == (round(moment.timestamp() * 1_000_000), True)
    assert driver.fire(timer.id).value() == 1
    assert driver.now == timer.due


@pytest.mark.parametrize("wrong", [datetime(2030, 1, 1), 5, None])  # noqa: DTZ001 - refused for just that
def test_a_moment_needs_a_time_zone(wrong: Any) -> None:
    """Anything else is refused with a hint (B141)."""
    with pytest.raises(WrongArgument, match="time zone"):
        sleep_until(wrong)


def test_time_never_runs_backwards_in_a_run() -> None:
    """A clock set back neither shortens a wait nor reorders anything (B141)."""
    driver = Driver(sequence(first, sleep(60))).start(1)
    driver.now -= 3_600_000_000
    driver.result("first", 1)
    assert driver.machine.next_due() == BEGIN + 60_000_000


def test_the_cost_of_a_resume_does_not_grow() -> None:
    """The 2,000th suspension leaves a state as small as the first (B052)."""
    driver = Driver(loop(sequence(suspend("x"), first), until=positive), shadow=False).start(1)
    sizes = []
    for _ in range(2_000):
        driver.answer("x", 1).result("first", "x" * 99).result("positive", value=False)
        sizes.append((len(driver.machine.state.frames), len(driver.commands())))
    assert set(sizes) == {(2, 1)}
    assert len(live_seqs(driver.machine.state)) <= 2
    assert live_seqs(driver.machine.state, logs=False) == live_seqs(driver.machine.state)


@pytest.mark.parametrize("tag", ["", "a/b", "a.b", "a@b", "7", 'a"b', "a\nb", "x" * 201, None, 5])
def test_tags_that_cannot_stand_in_a_path_are_refused(tag: Any) -> None:
    """An address stays one (B048)."""
    with pytest.raises(WrongArgument):
        suspend(tag)


def test_an_escalation_leaves_the_question_open() -> None:
    """When the time is up somebody else is told, and the first answer to come counts (B053)."""
    flow = ask("ok", bool, escalate=second, within=timedelta(days=1))
    driver = Driver(flow).start("draft").fire()
    told = driver.input("second")
    assert (told.value, told.token, told.deadline) == ("draft", "run.ok.1", None)
    driver.restart().answer("ok", value=True).stopped("second")
    assert driver.value() == ("draft", True)
    driver = Driver(flow).start("draft").fire().result("second", None).answer("ok", value=False)
    assert driver.value() == ("draft", False)
    assert Driver(flow).start("draft").answer("ok", value=True).value() == ("draft", True)
    with pytest.raises(WrongArgument, match="escalation"):
        ask("ok", bool, escalate=second)


def test_a_flow_may_say_that_an_answer_that_failed_is_asked_for_anew() -> None:
    """By retry around both: the next occurrence, and what was before isn't run again (B050)."""
    driver = Driver(sequence(first, retry(5, sequence(suspend("how"), second)))).start(1)
    driver.result("first", "A").answer("how", "bad").error("second")
    (question,) = driver.restart().questions()
    assert (question.tag, question.occurrence) == ("how", 2)
    assert driver.input(question.id) == "A"
    driver.answer("how", "good")
    assert [op.id for op in driver.nodes()] == ["./1!2/body/1"]
    assert driver.result("second", "B").value() == "B"
    unmatched = Driver(retry(2, choose(suspend("how"), {"a": first}))).start(1).answer("how", "b")
    assert [op.occurrence for op in unmatched.questions()] == [2]
