"""Errors and failures: behaviours B020 to B026 and B033."""

from datetime import timedelta

import pytest

from everflow.core.algebra import const, fail, suspend
from everflow.core.combine.choice import unless_failed
from everflow.core.combine.control import exponential, fixed, retry, timeout, try_catch
from everflow.core.combine.failure import failed, reason_of
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import identity, sequence
from everflow.core.definition import from_data, to_data
from everflow.core.faults import (
    Caught,
    ErrorData,
    Failure,
    decode_error,
    encode_error,
    error_kinds,
    error_name,
)
from everflow.core.node import node
from everflow.core.ops import TimerOp, attempt_of, stable_key
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.errors import FlowTimeout, NoRetry, RetryAfter, ValueMismatch, WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import broken, first, inc, rescue, second, tolerant


class Oops(LookupError):
    """An error of our own."""


def test_a_failure_is_a_value_of_its_own_type() -> None:
    """`fail` gives it, `failed` tests it, `reason_of` reads it and nothing else (B020)."""
    value = Driver(fail({"why": 1})).start(1).value()
    assert value == Failure({"why": 1})
    assert reason_of(value) == {"why": 1}
    with pytest.raises(ValueMismatch, match="not list"):
        reason_of(["why"])
    assert Driver(fail("no") >> failed).start(1).value() is True
    for other in (None, ["Failure"], {"reason": 1}, "no" * 99):
        assert Driver(failed).start(other).value() is False
    assert Driver(failed).start(Failure("x" * 99)).value() is True


def test_failures_are_neither_caught_nor_retried() -> None:
    """They go downstream, and a sequence doesn't stop at them (B021)."""
    assert Driver(try_catch(fail("no"), const("caught"))).start(1).value() == Failure("no")
    assert Driver(retry(3, fail("no"))).start(1).value() == Failure("no")
    assert Driver(sequence(fail("no"), const("after"))).start(1).value() == "after"
    assert Driver(parallel(fail("no"), identity)).start(1).value() == (Failure("no"), 1)


def test_a_leaf_that_takes_no_failures_raises() -> None:
    """The error names the node; one annotated for failures gets it; `unless_failed` passes by."""
    error = Driver(sequence(fail("no"), first)).start(1).failure()
    assert (error.code, error.position) == ("unhandled_failure", "./1")
    assert "sample_flows:first" in error.message
    assert Driver(sequence(fail("no"), tolerant)).start(1).run().value() == "Failure"
    assert Driver(sequence(fail("no"), unless_failed(inc))).start(1).value() == Failure("no")
    assert Driver(unless_failed(inc)).start(1).run().value() == 2


def test_a_handler_gets_the_error_and_the_input() -> None:
    """`Caught(error, value)`: the value is what had gone into the body (B022)."""
    driver = Driver(try_catch(sequence(inc, broken), rescue)).start(1).run()
    assert driver.value() == ["ValueError", 1]
    seen = Driver(try_catch(broken, identity)).start(1).run().value()
    assert isinstance(seen, Caught)
    assert seen.error.message == "no 1"


def test_what_a_handler_raises_goes_outward() -> None:
    """It isn't caught by its own try_catch (B022)."""
    driver = Driver(try_catch(broken, broken)).start(1).run()
    assert driver.failure().message.startswith("no Caught(")


def test_engine_made_errors_of_the_extent_are_caught() -> None:
    """An inner timeout is (B023)."""
    driver = Driver(try_catch(timeout(timedelta(seconds=1), suspend("x")), rescue)).start(1)
    assert driver.fire().run().value() == ["FlowTimeout", 1]


def test_a_suspension_is_not_caught() -> None:
    """It waits inside try_catch and retry, and its answer is the value (B023, B043)."""
    driver = Driver(try_catch(retry(2, suspend("x")), rescue)).start(1)
    assert driver.answer("x", None).value() is None


def test_retry_makes_n_attempts_on_the_original_input() -> None:
    """The last error propagates unchanged (B024)."""
    driver = Driver(retry(3, sequence(inc, broken))).start(1)
    ids = []
    while driver.nodes():
        ids.append(driver.nodes()[0].id)
        driver.perform(ids[-1])
    assert ids == [f".!{n}/body/{i}" for n in (1, 2, 3) for i in (0, 1)]
    assert driver.failure().message == "no 2"
    assert {stable_key(op) for op in ids} == {"./body/0", "./body/1"}
    assert [attempt_of(op) for op in ids] == [1, 1, 2, 2, 3, 3]
    assert attempt_of("./0") == 1


@pytest.mark.parametrize("attempts", [1, 0, -5])
def test_one_attempt_is_the_least(attempts: int) -> None:
    """Less counts as one (B024)."""
    driver = Driver(retry(attempts, first)).start(1).error("first")
    assert driver.failure().message == "it broke"


def test_a_retry_that_succeeds_gives_the_value() -> None:
    """After two errors the third attempt's result counts (B024)."""
    driver = Driver(retry(3, first)).start(1).error("first").error("first").result("first", 5)
    assert driver.value() == 5


def test_backoff_is_a_durable_timer() -> None:
    """It has a due time in the state, which a restart doesn't touch (B025)."""
    driver = Driver(retry(2, first, backoff=timedelta(seconds=30))).start(1).error("first")
    begun = driver.now
    (timer,) = driver.commands()
    assert isinstance(timer, TimerOp)
    assert timer.due == begun + 30_000_000
    driver.now += 20_000_000
    (again,) = driver.restart().commands()
    assert again == timer
    assert driver.fire().result("first", 2).value() == 2


def test_backoff_grows_to_its_ceiling_less_some_jitter() -> None:
    """The jitter follows from the run and the op, so that every replay has the same (B025)."""
    grows = exponential(1, factor=2, ceiling=10, jitter=0)
    assert [grows.delay(n, "x") for n in (1, 2, 3, 4, 5, 5000)] == [
        s * 1_000_000 for s in (1, 2, 4, 8, 10, 10)
    ]
    shaken = exponential(1, jitter=0.5)
    assert shaken.delay(1, "x") == shaken.delay(1, "x")
    assert all(500_000 <= shaken.delay(1, f"run{n}") <= 1_000_000 for n in range(50))
    assert len({shaken.delay(1, f"run{n}") for n in range(50)}) > 40
    assert fixed(2).delay(7, "x") == 2_000_000
    dues = set()
    for run in ("one", "other"):
        driver = Driver(retry(2, first, backoff=shaken), run=run).start(1).error("first")
        dues |= {op.due for op in driver.commands() if isinstance(op, TimerOp)}
    assert len(dues) == 2


def test_a_node_says_when_to_try_again_or_not_at_all() -> None:
    """`RetryAfter` sets the delay, `NoRetry` ends the attempts (B025)."""
    driver = Driver(retry(3, first)).start(1).error("first", RetryAfter(5, "busy"))
    begun = driver.now
    assert driver.fire().now == begun + 5_000_000
    assert driver.error("first", NoRetry(Oops("gone"))).failure().type == "Oops"


@pytest.mark.parametrize(
    ("on", "tried"),
    [
        (LookupError, True),
        (Oops, True),
        ((KeyError, Oops), True),
        (Exception, True),
        ("Oops", True),
        (KeyError, False),
        ("some_code", False),
    ],
)
def test_retry_on_some_errors_only(
    on: type[BaseException] | str | tuple[type[BaseException], ...], tried: bool
) -> None:
    """By class, base class, name or code (B025)."""
    limited = retry(2, first, on=on)
    driver = Driver(limited).start(1).error("first", Oops("x"))
    assert bool(driver.nodes()) is tried
    again = from_data(to_data(Program(limited)), Registry())
    assert bool(Driver(again.flow).start(1).error("first", Oops("x")).nodes()) is tried


def test_retry_on_a_timeout_of_the_engine() -> None:
    """Errors that the machine makes have the names of their classes (B025)."""
    body = timeout(timedelta(seconds=1), suspend("x"))
    for on, tried in ((FlowTimeout, True), (Exception, True), (ValueError, False)):
        driver = Driver(retry(2, body, on=on)).start(1).fire()
        assert bool(driver.questions()) is tried
    assert error_name(ValueError) == "ValueError"
    assert error_kinds(FlowTimeout)[0] == "everflow.errors:FlowTimeout"


def test_a_retried_body_asks_again() -> None:
    """The next attempt's question is a new occurrence (B026)."""
    driver = Driver(retry(2, sequence(suspend("ok"), broken))).start(1)
    driver.answer("ok", "no").run()
    (question,) = driver.questions()
    assert (question.occurrence, question.id) == (2, ".!2/body/0")


def test_an_error_is_data() -> None:
    """It survives as type, message, code and kinds (B033)."""
    error = ErrorData(type="Oops", message='with "quotes" and ümläute', code="x", data=[1])
    assert decode_error(encode_error(error)) == error
    with pytest.raises(ValueError, match="not an error's payload"):
        decode_error('{"$":"Other","v":{}}')


@pytest.mark.parametrize("wrong", ["3", 2.0, None, True])
def test_attempts_are_a_whole_number(wrong: object) -> None:
    """Anything else is refused at once."""
    with pytest.raises(WrongArgument):
        retry(wrong, first)  # type: ignore[arg-type]  # that is what is tested


def test_durations_that_cannot_be_are_refused() -> None:
    """Negative, endless, and what isn't a duration."""
    for wrong in (-1, float("nan"), float("inf"), timedelta(days=365 * 101), "1"):
        with pytest.raises(WrongArgument):
            fixed(wrong)  # type: ignore[arg-type]  # one of them isn't a number
    with pytest.raises(WrongArgument, match="factor"):
        exponential(1, factor=0.5)
    with pytest.raises(WrongArgument, match="jitter"):
        exponential(1, jitter=2)


def test_a_node_with_defaults_stands_as_combinators() -> None:
    """`@node(retry=2, timeout=...)` is retry around timeout around the node."""
    careful = node(second, name="careful", retry=2, timeout=timedelta(seconds=1), backoff=fixed(1))
    driver = Driver(careful).start(1)
    assert [op.id for op in driver.commands()] == [".!1/body/@within", ".!1/body/body"]
    driver.error("careful").fire().result("careful", 3)
    assert driver.value() == 3
