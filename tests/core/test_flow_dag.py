"""By named dependencies: dag and after."""

from typing import Any

import pytest

from everflow.core.combine.dag import after, dag
from everflow.core.combine.sequence import identity
from everflow.core.definition import Definition, from_data
from everflow.core.drawing import dot, outline
from everflow.core.program import Program
from everflow.core.registry import default_registry
from everflow.errors import UnresolvedName, WrongArgument
from everflow.testing.driver import Driver
from tests.core.sample_flows import double, first, inc, second, third


def total(values: dict[str, int]) -> int:
    return sum(values.values())


def test_each_begins_as_soon_as_what_it_is_after_is_done() -> None:
    """Whatever else goes on; one value is given as it is, several as a dict by name."""
    driver = Driver(
        dag(a=first, b=second, c=after("a", third), d=after("c", "b", "input", total), cached=False)
    )
    driver.start(7)
    assert [op.id for op in driver.commands()] == ["./a", "./b"]
    driver.result("first", 1)
    assert [op.id for op in driver.commands()] == ["./b", "./c"]
    assert driver.input("third") == 1
    driver.restart().result("third", 3).result("second", 2)
    assert driver.input("total") == {"c": 3, "b": 2, "input": 7}
    assert driver.run().value() == {"a": 1, "b": 2, "c": 3, "d": 12}


def test_one_value_may_be_the_result() -> None:
    """All vertices are run all the same."""
    flow = dag(a=inc, b=after("a", double), c=after("a", identity), give="b")
    assert Driver(flow).start(1).run().value() == 4


def test_an_error_cancels_what_goes_on() -> None:
    """It is raised once all are closed, the first in declared order with the others attached."""
    driver = (
        Driver(dag(a=first, b=second, c=after("b", third), cached=False))
        .start(1)
        .error("second", "two")
    )
    assert driver.stopping() == ["./a"]
    driver.error("first", "one")
    assert driver.failure().message == "one"
    assert [other.message for other in driver.failure().others] == ["two"]
    driver = (
        Driver(dag(a=first, b=second, cached=False))
        .start(1)
        .error("second", "two")
        .stopped("first")
    )
    assert driver.failure().others == ()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (dag, "at least one vertex"),
        (lambda: dag(a=after("b", inc)), "after 'b', which the dag doesn't have"),
        (lambda: dag(a=after("a", inc)), "circle: a after a"),
        (lambda: dag(a=after("b", inc), b=after("a", inc)), "circle: . after . after ."),
        (lambda: dag(a=inc, give="b"), "give='b' is no vertex"),
        (lambda: dag(input=inc), "can't be called 'input'"),
        (lambda: after("a", "a", inc), "each once"),
        (lambda: after(inc), "takes names"),  # type: ignore[call-overload]  # it lacks a name
    ],
)
def test_graphs_that_can_t_be_run_are_refused(make: Any, said: str) -> None:
    """When the flow is built, with the names."""
    with pytest.raises(WrongArgument, match=said):
        make()


def test_what_a_vertex_is_after_is_part_of_the_shape() -> None:
    """And a stored definition that doesn't hold together is refused."""
    flow = dag(a=inc, b=after("a", double), give="b")
    body = Definition(Program(flow)).body
    assert Definition(from_data(body, default_registry())).body == body
    with pytest.raises(UnresolvedName, match="hold together"):
        from_data(body.replace('"b":["a"]', '"b":["x"]'), default_registry())


def test_it_is_drawn_as_a_graph() -> None:
    """An arrow for each dependency; as text, what each is after."""
    flow = dag(a=inc, b=after("a", double), c=after("a", "b", total), cached=False)
    lines = outline(Program(flow, "graph")).splitlines()
    assert lines[0] == "graph: dag"
    assert lines[2:] == [
        "├─ b after a: tests.core.sample_flows:double",
        "└─ c after a, b: tests.core.test_flow_dag:total",
    ]
    drawn = [line.strip() for line in dot(Program(flow)).splitlines() if "->" in line]
    pairs = [(1, 2), (2, 3), (3, 4), (3, 5), (4, 5), (5, 6), (6, 7)]
    assert drawn == [f"n{tail} -> n{head}" for tail, head in pairs]
