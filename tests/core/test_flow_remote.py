"""``remote_node``, ``fallback`` and ``remote_failover``: what the machine makes of them."""

from datetime import timedelta
from typing import Any

import pytest

from everflow.core.algebra import flow
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.fallback import fallback
from everflow.core.combine.remote import remote_failover, remote_node
from everflow.core.combine.sequence import sequence
from everflow.core.definition import Definition, from_data, to_data
from everflow.core.drawing.words import describe
from everflow.core.faults import Caught, make_error
from everflow.core.flow import Flow
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.errors import (
    FlowTimeout,
    RemoteFailed,
    RemoteNoFunction,
    RemoteUnreachable,
    WrongArgument,
)
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, rescue, second, third

UNREACHABLE = RemoteUnreachable("nobody there")


wrong_name: Any = first


def shape(flow: Flow[Any, Any]) -> str:
    """The hash of what pins a run."""
    return Definition(Program(flow)).shape_hash


def waiting(driver: Driver) -> list[str]:
    """The calls that are outstanding: whom they ask for what."""
    return [f"{op.id} {op.flow}@{op.peer}{' stopping' * op.stopping}" for op in driver.calls()]


def test_a_peers_result_is_the_value_out() -> None:
    """The op says who is asked, for what, and how long that may take (B100)."""
    call = remote_node("east", "spell", patience=5)
    driver = Driver(sequence(first, call, second)).start(1).result("first", 2)
    assert waiting(driver) == ["./1 spell@east"]
    assert [op.patience for op in driver.calls()] == [5_000_000]
    assert driver.restart().child("spell", 3).result("second", 4).value() == 4


@pytest.mark.parametrize("error", [UNREACHABLE, RemoteNoFunction("no"), RemoteFailed("no")])
def test_what_went_wrong_is_told_as_the_peers_side_says(error: Exception) -> None:
    """At the position of the call (B100)."""
    failure = Driver(remote_node("east", "f")).start(1).child_failed("f", error).failure()
    assert (failure.is_a(type(error)), failure.position) == (True, ".")


def test_a_run_that_was_cancelled_at_the_peer_is_an_error_here() -> None:
    """That names peer and run (B100)."""
    driver = Driver(remote_node("east", "f")).start(1).child_cancelled("f")
    assert driver.failure().is_a(RemoteFailed)
    assert driver.failure().message == "east cancelled its run of f"
    assert driver.failure().data["peer"] == "east"


def test_a_new_attempt_is_another_call() -> None:
    """And a call that is cancelled waits for its end (B102, B103)."""
    driver = Driver(timeout(timedelta(minutes=1), retry(2, remote_node("east", "f")))).start(1)
    one = driver.calls()[0].id
    driver.child_failed("f", UNREACHABLE)
    assert driver.calls()[0].id != one
    driver.fire()
    assert waiting(driver) == ["./body!2/body f@east stopping"]
    assert driver.child_cancelled("f").failure().is_a(FlowTimeout)


def test_peers_are_asked_in_their_order() -> None:
    """The next on transport trouble, then ``local``; each with the same value (B104)."""
    driver = Driver(remote_failover(["a", "b"], "f", first)).start(7)
    assert waiting(driver) == ["./0 f@a"]
    assert waiting(driver.child_failed("f", UNREACHABLE)) == ["./1 f@b"]
    assert driver.restart().child_failed("f", UNREACHABLE).input("first") == 7
    assert driver.result("first", 8).value() == 8


def test_the_first_result_ends_it_and_another_error_goes_on_outward() -> None:
    """A peer's own failure moves on only where that is asked for (B104)."""
    assert Driver(remote_failover(["a", "b"], "f")).start(1).child("f", 2).value() == 2
    failed = RemoteFailed("its own")
    here = Driver(remote_failover(["a"], "f", first)).start(1).child_failed("f", failed)
    assert here.failure().message == "its own"
    anyway = Driver(remote_failover(["a", "b"], "f", on=Exception)).start(1)
    assert waiting(anyway.child_failed("f", failed)) == ["./1 f@b"]


def test_the_last_error_brings_the_others_along() -> None:
    """So that one sees who was asked (B104)."""
    driver = Driver(fallback(first, second, third)).start(1).error("first").error("second")
    error = driver.error("third", "the last").failure()
    assert (error.message, len(error.others)) == ("the last", 2)
    caught = Driver(try_catch(fallback(first, second), rescue)).start(1)
    value = caught.error("first").error("second").input("rescue")
    assert isinstance(value, Caught)
    assert value.value == 1


def test_only_errors_that_are_named_move_it_on() -> None:
    """By class, code or name."""
    driver = Driver(fallback(first, second, on=("remote_unreachable", KeyError))).start(1)
    assert driver.error("first", KeyError("x")).result("second", 2).value() == 2
    other = Driver(fallback(first, second, on=KeyError)).start(1).error("first", "other")
    assert other.failure().message == "other"


def test_local_alone_is_no_failover_at_all() -> None:
    """Where no peer is listed (B104)."""
    assert Driver(remote_failover([], "f", first)).start(1).result("first", 2).value() == 2


def test_peer_and_patience_are_settings() -> None:
    """So that a running flow takes today's; what is called is its shape."""
    one, other = remote_node("a", "f"), remote_node("b", "f", patience=timedelta(hours=1))
    assert shape(one) == shape(other) != shape(remote_node("a", "g"))
    program = Program(fallback(one, other, on=KeyError))
    assert to_data(from_data(to_data(program), Registry())) == to_data(program)


def test_it_is_called_by_the_name_of_a_flow() -> None:
    """And described by both names."""
    named = flow("there", first, registry=Registry())
    assert describe(remote_node("east", named)).title == "'there' at 'east'"
    assert describe(fallback(first, on=KeyError)).details == ("on KeyError",)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: remote_node("east", wrong_name),
        lambda: remote_node("", "f"),
        lambda: remote_node("east", ""),
        lambda: remote_failover("east", "f"),
        lambda: remote_failover([], "f"),
        fallback,
    ],
    ids=["a function", "no peer", "no name", "a text of peers", "nobody", "no flow"],
)
def test_what_can_not_be_called_is_told_at_once(wrong: Any) -> None:
    """With what to write instead."""
    with pytest.raises(WrongArgument) as caught:
        wrong()
    assert caught.value.hint


def test_an_error_of_the_machine_is_named_by_its_code() -> None:
    """As ``on`` knows it."""
    driver = Driver(fallback(first, second, on="flow_timeout")).start(1)
    assert make_error(FlowTimeout, "late").code == "flow_timeout"
    assert driver.error("first", FlowTimeout("late")).result("second", 2).value() == 2
