"""Nothing recurses: long sequences and deep nestings take memory, never Python's stack."""

from datetime import timedelta
from typing import Any

import pytest

from everflow.core.algebra import ask, fail
from everflow.core.combine.choice import branch, choose, loop, unless_failed
from everflow.core.combine.control import retry, timeout, try_catch
from everflow.core.combine.parallel import parallel
from everflow.core.combine.sequence import identity, keep, sequence
from everflow.core.definition import Definition, from_data
from everflow.core.expressions import it
from everflow.core.flow import Flow
from everflow.core.journal import fold, restore, snapshot
from everflow.core.node import node
from everflow.core.program import Program
from everflow.core.refs import DEEPEST
from everflow.core.registry import Registry
from everflow.core.state import Cancelled
from everflow.errors import WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import first, rescue, second

DEPTH = 2_000
LAYERS: dict[str, Any] = {
    "sequence": lambda body: sequence(body, identity).named("s"),
    "parallel": parallel,
    "branch": lambda body: branch(body, identity, identity),
    "choose": lambda body: choose(identity, {}, default=body),
    "loop": lambda body: loop(body, until=identity),
    "keep": keep,
    "unless_failed": unless_failed,
    "try_catch": lambda body: try_catch(body, rescue),
    "retry": lambda body: retry(2, body),
    "ticks": lambda body: timeout(5, body),
    "timeout": lambda body: timeout(timedelta(days=1), body),
    "ask": lambda body: ask("x", bool, show=body, within=timedelta(days=1), default=True),
}


def nested(layer: Any, depth: int) -> Flow[Any, Any]:
    """A node in that many layers."""
    flow: Flow[Any, Any] = node(first)
    for _ in range(depth):
        flow = layer(flow)
    return flow


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_deep_nesting_is_no_recursion(layer: Any) -> None:
    """Layout, data, machine and cancel of 2,000 layers (B004)."""
    flow = nested(layer, DEPTH)
    program = Program(flow)
    definition = Definition(program)
    registry = Registry()
    registry.add_parts(flow)
    assert Definition(from_data(definition.body, registry)).hash == definition.hash
    driver = Driver(flow, shadow=False).start(1)
    (op,) = driver.nodes()
    driver.cancel().stopped(op.id)
    assert driver.outcome == Cancelled()


@pytest.mark.parametrize(
    "name", ["branch", "choose", "loop", "unless_failed", "try_catch", "retry"]
)
def test_deep_nesting_runs_to_its_end(name: str) -> None:
    """A value comes out of 2,000 layers, and an error too (B004)."""
    driver = Driver(nested(LAYERS[name], DEPTH), shadow=False).start(1).result("first", 1)
    assert driver.value() == 1
    layer = LAYERS["timeout" if name == "try_catch" else name]
    failing = Driver(nested(layer, DEPTH) >> fail("no") >> second, shadow=False).start(1)
    assert failing.result("first", 1).run().outcome is not None


def test_a_deep_state_is_written_down() -> None:
    """As one flat table, whatever the depth (B004)."""
    machine = Driver(nested(LAYERS["try_catch"], 500), shadow=False).start(1).machine
    assert restore(machine.program, snapshot(machine)) == machine.state


@pytest.mark.usefixtures("unmeasured")
def test_ten_thousand_nodes_in_sequence() -> None:
    """Run, folded and written down (B004)."""
    flow = sequence(*[first] * 10_000)
    driver = Driver(flow, shadow=False).start(1)
    while driver.outcome is None:
        driver.result(driver.machine.opened[0].id, 1)
    assert driver.value() == 1
    assert snapshot(fold(Program(flow), driver.bodies)) == snapshot(driver.machine)


def test_ten_thousand_flows_that_end_at_once() -> None:
    """Not even within one entry does the stack grow (B004)."""
    flow = sequence(*[sequence(fail(n), identity).named(f"n{n}") for n in range(10_000)])
    assert Driver(flow, shadow=False).start(1).outcome is not None


def test_a_value_put_together_too_deep_is_refused() -> None:
    """Pairs in pairs end in an error that says so, not in a value that nobody can read."""
    deep = Driver(nested(keep, DEEPEST), shadow=False).start(1).result("first", 2)
    assert isinstance(deep.value(), tuple)
    assert restore(deep.program, snapshot(deep.machine)) == deep.machine.state
    deeper = Driver(nested(keep, DEEPEST + 1), shadow=False).start(1).result("first", 2)
    assert deeper.failure().code == "value_refused"
    caught = Driver(try_catch(nested(keep, DEEPEST + 1), rescue), shadow=False).start(1)
    assert caught.result("first", 2).run().value() == ["ValueRefused", 1]


def test_a_value_that_doubles_itself_is_refused() -> None:
    """Forty doublings in a row would make 2**40 of one value."""
    driver = Driver(sequence(*[parallel(identity, identity)] * 40), shadow=False).start(1)
    assert driver.failure().code == "value_refused"


def test_a_deep_expression_is_refused_when_it_is_built() -> None:
    """A function says it better."""
    expression = it
    for _ in range(100):
        expression = ~expression
    Definition(Program(expression))
    with pytest.raises(WrongArgument, match="100 operators"):
        ~expression  # noqa: B018 - building it is what raises
