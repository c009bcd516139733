"""Forks: the beginning of a run as another one's (B069)."""

import pytest

from everflow.core.algebra import ask
from everflow.core.combine.sequence import sequence
from everflow.core.entries import Kind, body_of, decode_body
from everflow.core.forking import forked_entries
from everflow.core.journal import base_entry, fold
from everflow.errors import NoSuchPoint
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, second

FLOW = sequence(first, second, ask("ok", bool, notify=first))


def forked(driver: Driver, at: int, value: str | None = None) -> Driver:
    """A driver of the copy."""
    entries = forked_entries(
        driver.bodies[: at + 1], "copy", at=driver.now, origin="run", value=value
    )
    copy = Driver(FLOW, run="copy")
    copy.bodies = [body_of(entry) for entry in entries]
    return copy.restart()


def test_a_fork_goes_on_from_any_entry_as_a_run_of_its_own() -> None:
    """Its state is that of then, under its own id."""
    driver = Driver(FLOW).start(1).result("first", 2).result("second", 3)
    copy = forked(driver, 1)
    assert (copy.machine.run, copy.input("second")) == ("copy", 2)
    assert decode_body(copy.bodies[-1]).note == "run@1"
    assert decode_body(copy.bodies[-1]).kind == Kind.FORKED


@pytest.mark.parametrize(("at", "node"), [(0, "first"), (1, "second")])
def test_the_value_of_the_last_entry_may_be_another(at: int, node: str) -> None:
    """The input, or a result: what follows gets the other one."""
    driver = Driver(FLOW).start(1).result("first", 2)
    assert forked(driver, at, "77").input(node) == 77


def test_an_entry_without_a_value_has_none_to_replace() -> None:
    """An error is no value."""
    driver = Driver(FLOW).start(1).error("first")
    with pytest.raises(NoSuchPoint, match="entry 1 is of kind error"):
        forked(driver, 1, "77")


def test_questions_of_a_fork_have_tokens_of_their_own() -> None:
    """They bear its id, also where a snapshot came before."""
    driver = Driver(FLOW).start(1).result("first", 2)
    base = base_entry(driver.machine, driver.now)
    driver.tell(base.kind, payload=base.payload)
    copy = forked(driver, base.seq)
    whole, short = fold(copy.program, copy.bodies), fold(copy.program, copy.bodies[base.seq :])
    assert whole.state == short.state
    copy.result("second", 3)
    assert copy.input("./2/notify").token == "copy.ok.1"


def test_a_fork_may_be_of_an_ended_run() -> None:
    """Its outcome is the other's, until somebody forks earlier."""
    driver = Driver(FLOW).start(1).error("first")
    assert forked(driver, 1).failure() == driver.failure()
