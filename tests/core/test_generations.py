"""Retry in place: what of a failed run is outstanding again in its next generation (B069)."""

from datetime import timedelta

import pytest

from everflow.core.algebra import ask, const, suspend
from everflow.core.combine.choice import choose, loop
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.parallel import parallel
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import sequence
from everflow.core.combine.waiting import sleep
from everflow.core.entries import Kind
from everflow.core.expressions import it
from everflow.core.generations import reopened_state
from everflow.core.journal import base_entry, fold, snapshot, state_text
from everflow.core.ops import TimerOp
from everflow.errors import JournalMismatch, NotRetryable
from everflow.testing.driver import Driver
from tests.core.sample_flows import broken, double, first, inc, rescue, second, third

HOUR = 3_600_000_000
MINUTE = timedelta(minutes=1)


def outstanding(driver: Driver) -> list[str]:
    """The ids of what is asked for."""
    return [op.id for op in driver.commands()]


def test_only_what_failed_runs_again() -> None:
    """What was recorded before isn't run again; the same op in the next generation."""
    driver = Driver(sequence(first, second, third)).start(1).result("first", 2).error("second")
    driver.retry()
    assert outstanding(driver) == ["./1"]
    assert driver.input("second") == 2
    assert driver.machine.state.generation == 1
    assert driver.result("second", 3).result("third", 4).value() == 4


def test_a_run_may_fail_and_be_retried_time_and_again() -> None:
    """Each retry opens a generation, and begins where the one before it failed."""
    driver = Driver(sequence(first, second)).start(1).result("first", 1)
    for generation in (1, 2, 3):
        driver.error("second").retry()
        assert driver.machine.state.generation == generation
        assert outstanding(driver) == ["./1"]
    assert driver.result("second", 9).value() == 9


def test_siblings_that_the_failure_cancelled_run_again() -> None:
    """Those that were stopped have no result; those with one keep it."""
    flow = parallel(first, second, third)
    driver = Driver(flow).start(1).result("third", 3).error("first").stopped("second")
    driver.retry()
    assert outstanding(driver) == ["./0", "./1"]
    driver.result("second", 2).result("first", 1)
    assert driver.value() == (1, 2, 3)


def test_a_sibling_that_failed_as_it_was_cancelled_runs_again() -> None:
    """Its error is one of the failure's, too."""
    driver = Driver(parallel(first, second)).start(1).error("second", "one").error("first", "two")
    assert driver.failure().message == "two"
    assert outstanding(driver.retry()) == ["./0", "./1"]


def test_a_sibling_that_ended_well_while_the_failure_was_on_its_way_counts() -> None:
    """Its result was recorded, so that it never runs again, and goes on from there."""
    flow = parallel(first, sequence(second, third))
    driver = Driver(flow).start(1).error("first").result("second", 5)
    assert outstanding(driver.retry()) == ["./0", "./1/1"]
    assert driver.input("third") == 5


def test_what_went_on_elsewhere_meanwhile_counts() -> None:
    """An inner join waits for its sibling; an outer one gets a result at that time."""
    flow = parallel(parallel(first, second), sequence(third, inc))
    driver = Driver(flow).start(1).error("first").result("third", 7).stopped("second")
    driver.stopped("inc")
    assert outstanding(driver.retry()) == ["./0/0", "./0/1", "./1/1"]
    assert driver.input("inc") == 7


def test_two_errors_on_their_way_at_once_are_both_left_out() -> None:
    """Else the retried run would fail by the older one without running anything."""
    flow = parallel(parallel(first, second), third)
    driver = Driver(flow).start(1).error("first").error("third").stopped("second")
    assert sorted(outstanding(driver.retry())) == ["./0/0", "./0/1", "./1"]
    assert not driver.stopping()


def test_an_error_that_was_caught_stays_caught() -> None:
    """What caught it is where the run failed."""
    driver = Driver(try_catch(first, second)).start(1).error("first").error("second").retry()
    assert outstanding(driver) == ["./catch"]


def test_attempts_that_were_used_up_stay_used() -> None:
    """The last attempt runs again: the operator's retry isn't counted by the flow's."""
    driver = Driver(retry(2, first)).start(1).error("first").error("first").retry()
    assert outstanding(driver) == [".!2/body"] or outstanding(driver) == ["./body!2"]
    driver.error("first")
    assert driver.failure().message == "it broke"


def test_a_timeout_gets_its_whole_length_again() -> None:
    """What was cut off runs again, and has as long as it had (a limit that passed, renewed)."""
    flow = timeout(MINUTE, first)
    driver = Driver(flow).start(1).fire().stopped("first")
    driver.retry(after=HOUR)
    (timer,) = (op for op in driver.commands() if isinstance(op, TimerOp))
    assert timer.due == driver.now + 60_000_000
    assert driver.result("first", 2).value() == 2


def test_a_limit_that_has_time_left_keeps_it() -> None:
    """Only those that are over begin anew."""
    driver = Driver(timeout(MINUTE, first)).start(1)
    begun = driver.now
    driver.error("first").retry(after=1_000_000)
    (timer,) = (op for op in driver.commands() if isinstance(op, TimerOp))
    assert timer.due == begun + 60_000_000


def test_a_result_that_came_after_its_timeout_ends_the_run_well() -> None:
    """It was recorded while its op was being stopped; with the timeout left out it counts."""
    driver = Driver(timeout(MINUTE, first)).start(1).fire().result("first", 2).retry()
    assert driver.value() == 2


def test_a_sleep_that_is_over_by_then_ends_at_once() -> None:
    """A pause isn't a limit: nobody wants it twice."""
    driver = Driver(parallel(sleep(MINUTE), first)).start(1)
    begun = driver.now
    driver.error("first").retry(after=HOUR)
    (timer,) = (op for op in driver.commands() if isinstance(op, TimerOp))
    assert timer.due == begun + 60_000_000


def test_a_question_that_expired_is_open_again_for_as_long_as_at_first() -> None:
    """The same question by the same token: nobody has answered it."""
    driver = Driver(ask("ok", bool, within=MINUTE)).start(1).fire()
    driver.retry(after=HOUR)
    (question,) = driver.questions()
    assert (question.occurrence, question.at) == (1, driver.now)
    assert question.due == driver.now + 60_000_000
    assert driver.answer("ok", value=True).value() == (1, True)


def test_an_answer_that_failed_the_run_stays_and_the_question_is_asked_anew() -> None:
    """A suspension takes one answer: the next one is another occurrence (B050)."""
    driver = Driver(choose(suspend("how"), {"a": first})).start(1).answer("how", "b")
    driver.retry()
    (question,) = driver.questions()
    assert question.occurrence == 2
    assert driver.answer("how", "a").result("first", "A").value() == "A"


def test_a_result_that_failed_the_run_by_a_rule_of_the_flow_is_asked_for_again() -> None:
    """The node gave what no case takes: it runs again, as its code may have been mended."""
    driver = Driver(choose(first, {"a": second})).start(1).result("first", "b").retry()
    assert outstanding(driver) == ["./on"]
    assert driver.result("first", "a").result("second", 2).value() == 2


def test_a_round_that_failed_runs_again_as_the_same_round() -> None:
    """The rounds before it stay."""
    driver = Driver(loop(inc, until=it >= 3)).start(0)
    driver.run({"inc": lambda x: x + 1 if x < 1 else 1 / 0})
    assert outstanding(driver.retry()) == [".~2/body"] or outstanding(driver) == ["./body~2"]
    assert driver.run().value() == 3


def test_a_node_that_asks_asks_on() -> None:
    """Its question is open again, and it isn't run before that is answered."""
    driver = Driver(parallel(first, second)).start(1).wanted("first", "why").error("second")
    driver.retry()
    assert [question.tag for question in driver.questions()] == ["why"]
    assert [op.position for op in driver.nodes()] == ["./1"]


def test_what_was_being_stopped_for_another_reason_is_stopped_still() -> None:
    """A timeout that is caught waits for its node; the failure beside it is left out alone."""
    flow = parallel(try_catch(timeout(MINUTE, first), rescue), second)
    driver = Driver(flow).start(1).fire().error("second").stopped("first").retry()
    assert driver.stopping() == ["./0/body/body"]
    driver.stopped("first")
    assert "./0/catch" in outstanding(driver)


def test_a_fold_from_a_base_finds_the_same() -> None:
    """A base shortens the way back, and where it is too late an older one is taken (B052)."""
    flow = sequence(first, parallel(second, third))
    driver = Driver(flow).start(1).result("first", 1)
    early = base_entry(driver.machine, driver.now, "today")
    driver.tell(early.kind, payload=early.payload, note=early.note)
    driver.error("second")
    late = base_entry(driver.machine, driver.now)
    driver.tell(late.kind, payload=late.payload).stopped("third")
    whole = reopened_state(driver.program, driver.bodies, now=driver.now)
    short = reopened_state(
        driver.program, driver.bodies[early.seq :], lambda _: driver.program, now=driver.now
    )
    assert state_text(whole) == state_text(short)
    with pytest.raises(NotRetryable, match="pruned"):
        reopened_state(driver.program, driver.bodies[late.seq :], now=driver.now)


def test_settings_that_moved_meanwhile_are_kept() -> None:
    """The fold goes through them as the run did."""
    driver = Driver(sequence(first, retry(2, second))).start(1)
    driver.move(sequence(first, retry(3, second))).result("first", 1)
    driver.error("second").error("second").error("second").retry()
    assert driver.machine.state.generation == 1
    assert driver.result("second", 2).value() == 2


def test_what_failed_at_its_very_start_can_not_be_retried() -> None:
    """No op of it ever ended: the same would follow at once."""
    driver = Driver(choose(const("b"), {"a": first})).start(1)
    with pytest.raises(NotRetryable, match="the flow's own rule"):
        driver.retry()


def test_the_next_generation_folds_from_its_entry_alone() -> None:
    """It is a base: nothing before it is read (B052)."""
    driver = Driver(sequence(first, second, third)).start(1).result("first", 1).error("second")
    driver.retry()
    seq = driver.machine.seq
    driver.result("second", 2)
    assert snapshot(fold(driver.program, driver.bodies[seq:])) == snapshot(driver.machine)


@pytest.mark.parametrize("change", ["run", "seq", "generation"])
def test_a_retry_of_anything_else_is_refused(change: str) -> None:
    """The state must be this run's, of now, and of the next generation."""
    driver = Driver(sequence(first, double)).start(1).error("first")
    state = reopened_state(driver.program, driver.bodies, now=driver.now)
    setattr(state, change, "other" if change == "run" else 7)
    with pytest.raises(JournalMismatch):
        driver.tell(Kind.RETRIED, payload=state_text(state))


def test_a_run_that_has_not_failed_is_not_retried() -> None:
    """A generation follows a failure alone."""
    driver = Driver(sequence(broken, first)).start(1)
    payload = snapshot(driver.machine)
    with pytest.raises(JournalMismatch, match="hasn't failed"):
        driver.tell(Kind.RETRIED, payload=payload)


def test_a_run_whose_steps_were_undone_is_not_retried_in_place() -> None:
    """What came before the failure isn't so any more: a fork begins before it."""
    driver = Driver(saga((first, third), second)).start(1).result("first", 1).error("second")
    driver.result("third")
    with pytest.raises(NotRetryable, match="steps undone"):
        driver.retry()


def test_steps_that_a_siblings_failure_had_undone_are_not_retried_either() -> None:
    """The undo was recorded while another sibling was still being stopped."""
    flow = parallel(first, saga((second, third), inc), double)
    driver = Driver(flow).start(1).result("second", 1).error("first").stopped("inc")
    driver.result("third").stopped("double")
    with pytest.raises(NotRetryable, match="steps undone"):
        driver.retry()


def test_a_saga_that_had_nothing_to_undo_is_retried() -> None:
    """Its first step failed: nothing came before."""
    driver = Driver(saga((first, third), second)).start(1).error("first").retry()
    assert outstanding(driver) == ["./0"]
    assert driver.result("first", 1).result("second", 2).value() == 2
