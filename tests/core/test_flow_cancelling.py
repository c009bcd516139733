"""Cancelling a run, whatever it stands in: behaviour B064, and one outcome for each run."""

from datetime import timedelta
from typing import Any

import pytest

from everflow.core.algebra import ask, suspend
from everflow.core.combine.choice import branch, choose, loop, unless_failed
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.parallel import gather, parallel
from everflow.core.combine.sequence import identity, keep, sequence
from everflow.core.combine.waiting import sleep
from everflow.core.flow import Flow
from everflow.core.node import node
from everflow.core.state import Cancelled
from everflow.errors import JournalMismatch
from everflow.testing.driver import Driver
from tests.core.sample_flows import broken, first, rescue, second
from tests.core.test_flow_parallel import Report

DAY = timedelta(days=1)
EVERYWHERE: dict[str, Flow[Any, Any]] = {
    "node": node(first),
    "sequence": sequence(first, second),
    "parallel": parallel(first, suspend("x"), sleep(5)),
    "settled": parallel(first, second, join="settled"),
    "split": timeout(9, parallel(first, second, ticks="split")),
    "gather": gather(Report, review=first, spelling=second),
    "branch": branch(identity, first, second),
    "predicate": branch(first, first, second),
    "choose": choose(first, {1: second}),
    "loop": loop(first, until=second),
    "unless_failed": unless_failed(first),
    "keep": keep(first),
    "try_catch": try_catch(first, rescue),
    "handler": try_catch(broken, first),
    "retry": retry(3, first, backoff=5),
    "ticks": timeout(3, first),
    "timeout": timeout(DAY, first),
    "suspend": suspend("x"),
    "ask": ask("x", bool, show=first),
    "notify": ask("x", bool, notify=first, within=DAY, default=True),
    "sleep": sleep(5),
}


@pytest.mark.parametrize("flow", EVERYWHERE.values(), ids=EVERYWHERE)
def test_a_cancel_ends_the_run_wherever_it_stands(flow: Flow[Any, Any]) -> None:
    """Nodes are stopped and waited for; questions and timers close at once (B064)."""
    driver = Driver(flow).start(1)
    if "broken" in {op.node.rpartition(":")[2] for op in driver.nodes()}:
        driver.perform("broken")
    running = [op.id for op in driver.nodes()]
    driver.restart().cancel()
    assert driver.stopping() == running
    assert [op.id for op in driver.commands()] == running
    for op in running:
        assert driver.outcome is None
        driver.restart().stopped(op)
    assert driver.outcome == Cancelled()


@pytest.mark.parametrize("flow", EVERYWHERE.values(), ids=EVERYWHERE)
def test_neither_results_nor_errors_undo_a_cancel(flow: Flow[Any, Any]) -> None:
    """What ops end with after it is void (B064)."""
    driver = Driver(flow).start(1).cancel()
    for number, op in enumerate(driver.stopping()):
        if number % 2:
            driver.result(op, "late", ticks=99)
        else:
            driver.error(op, "late", ticks=99)
    assert driver.outcome == Cancelled()


def test_a_backoff_is_dropped_by_a_cancel() -> None:
    """No further attempt is made (B064)."""
    driver = Driver(retry(3, first, backoff=5)).start(1).error("first").cancel()
    assert driver.outcome == Cancelled()


def test_a_cancel_again_changes_nothing() -> None:
    """Before the end and after it (B064)."""
    driver = Driver(node(first)).start(1).cancel().cancel()
    assert driver.machine.opened == []
    assert driver.stopped("first").cancel().outcome == Cancelled()


def test_an_accepted_cancel_voids_an_outcome_not_yet_told() -> None:
    """After an acknowledged cancel no other outcome is possible (B064)."""
    assert Driver(identity).start(1).cancel().outcome == Cancelled()


def test_a_node_that_asks_is_dropped_by_a_cancel() -> None:
    """Nothing runs, so that nothing is to be stopped (B064)."""
    assert Driver(node(first)).start(1).wanted("first", "x").cancel().outcome == Cancelled()


def test_a_stop_that_nobody_asked_for_is_a_mismatch() -> None:
    """The entry doesn't fit (B045)."""
    driver = Driver(node(first)).start(1)
    with pytest.raises(JournalMismatch, match="the op wasn't cancelled"):
        driver.stopped("first")


def test_cancelling_one_child_leaves_its_sibling_of_a_longer_name_alone() -> None:
    """`./1` isn't the beginning of `./10` (B006)."""
    children = [suspend(f"q{n}") for n in range(11)]
    children[1] = timeout(0, first)
    driver = Driver(parallel(*children, join="settled")).start(1).result("first", ticks=1)
    assert [q.tag for q in driver.questions()] == ["q0", *(f"q{n}" for n in range(2, 11))]
