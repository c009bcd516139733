"""The driver that tests use, and the shadow: each claim is made where it can be broken."""

from collections.abc import Callable
from typing import Any

import pytest

from everflow.core.algebra import suspend
from everflow.core.combine.control import timeout
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import sequence
from everflow.core.combine.waiting import sleep
from everflow.core.definition import from_data, to_data
from everflow.core.machine import Machine
from everflow.core.node import bind, node
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.core.state import Cancelled
from everflow.testing.driver import Driver
from everflow.testing.shadow import check, check_fold
from tests.core.sample_flows import broken, double, first, inc, now, second


def add(x: int, amount: int = 0) -> int:
    """A node with a parameter to bind."""
    return x + amount


def test_functions_stand_in_by_name() -> None:
    """By the last part of a node's name, its whole name, its position or its op's id."""
    flow = sequence(inc, double)
    for name in ("inc", "tests.core.sample_flows:inc", "./0"):
        driver = Driver(flow).start(1).run({name: lambda x: x + 10})
        assert driver.value() == 22


def test_nodes_run_their_own_functions() -> None:
    """With what is bound to them; what they raise is told."""
    assert Driver(bind(node(add), amount=5)).start(1).run().value() == 6
    assert Driver(node(now)).start(1).run().value() == 42
    assert Driver(node(broken)).start(1).run().failure().message == "no 1"


def test_a_node_without_a_function_needs_a_stand_in() -> None:
    """The error says so."""
    program = from_data(to_data(Program(sequence(inc, double))), Registry())
    driver = Driver(program.flow).start(1).run()
    assert "give run() one" in driver.failure().message
    assert Driver(program.flow).start(1).run({"inc": inc, "double": double}).value() == 4


def test_what_is_not_there_is_named_with_what_is() -> None:
    """An op, a question, a timer, an end."""
    driver = Driver(parallel(suspend("x"), sleep(5), sleep(5))).start(1)
    with pytest.raises(LookupError, match=r"0 outstanding ops match 'y':\n  QuestionOp ./0"):
        driver.answer("y", 1)
    with pytest.raises(LookupError, match="is no node"):
        driver.result("./0", 1)
    with pytest.raises(LookupError, match="the run has no value"):
        driver.value()
    with pytest.raises(LookupError, match="the run hasn't failed"):
        driver.failure()
    with pytest.raises(LookupError, match="0 outstanding ops match 'timer'"):
        Driver(node(first)).start(1).fire()
    assert driver.input("./0") == 1
    assert driver.fire().fire().commands() == driver.questions()


def test_stopping_nodes_are_closed_by_run() -> None:
    """So that a run comes to its rest."""
    assert Driver(parallel(broken, first)).start(1).run().failure().type == "ValueError"
    assert Driver(node(first)).start(1).cancel().run().outcome == Cancelled()


def test_the_shadow_can_be_left_out() -> None:
    """And long journals aren't folded again at each entry."""
    flow = sequence(*[first] * 210)
    assert Driver(flow, shadow=False).start(1).run().value() == 1
    assert Driver(flow).start(1).run().value() == 1


def _broken_outcome(machine: Machine) -> None:
    machine.state.outcome = Cancelled()


def _lost_parent(machine: Machine) -> None:
    del machine.state.frames["./body"]


def _renamed_op(machine: Machine) -> None:
    next(iter(machine.state.ops.values())).id = "elsewhere"


def _strange_op(machine: Machine) -> None:
    op = machine.state.ops.pop("./body/0")
    op.id = "./body//0"
    machine.state.ops[op.id] = op
    machine.opened = []


def _miscounted(machine: Machine) -> None:
    machine.state.budgets += 1


def _stuck(machine: Machine) -> None:
    machine.state.ops.clear()
    machine.opened = []


def _unheard(machine: Machine) -> None:
    op: Any = machine.state.ops["./body/0"]
    op.stopping = True


def _reopened(machine: Machine) -> None:
    machine.closed = list(machine.state.ops.values())


def _unasked(machine: Machine) -> None:
    op: Any = machine.state.ops["./body/0"]
    op.asking = True


def _future(machine: Machine) -> None:
    next(iter(machine.state.ops.values())).since = 99


@pytest.mark.parametrize(
    ("spoil", "claim"),
    [
        (_broken_outcome, "nothing is outstanding once there is an outcome"),
        (_lost_parent, "an op's parent exists"),
        (_renamed_op, "an op stands under its id"),
        (_strange_op, "an op's id is a path"),
        (_miscounted, "budgets are counted"),
        (_stuck, "a run that isn't finished waits for something"),
        (_unheard, "a frame waits for what it stops"),
        (_reopened, "what was closed isn't outstanding"),
        (_unasked, "a node that asks has one question"),
        (_future, "an op waits for a seq that was told"),
    ],
)
def test_the_shadow_says_which_claim_is_broken(
    spoil: Callable[[Machine], None], claim: str
) -> None:
    """Each by its sentence."""
    machine = Driver(timeout(3, parallel(first, suspend("x"), second))).start(1).machine
    check(machine)
    spoil(machine)
    with pytest.raises(AssertionError, match=claim):
        check(machine)


def test_the_shadow_compares_with_the_fold() -> None:
    """An entry too few is seen."""
    driver = Driver(sequence(first, second)).start(1).result("first", 1)
    check_fold(driver.machine, driver.program, driver.bodies)
    with pytest.raises(AssertionError, match="the fold of the entries is the state"):
        check_fold(driver.machine, driver.program, driver.bodies[:1])


def test_a_machine_that_has_not_begun_is_in_order() -> None:
    """There is nothing to claim of it but that."""
    check(Machine(Program(node(first))))
