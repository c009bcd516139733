"""What holds of every flow in every world: the shadow's claims, and the laws of definitions."""

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everflow.core.definition import Definition, from_data, to_data
from everflow.core.flow import Flow
from everflow.core.journal import fold, snapshot
from everflow.core.program import Program
from everflow.core.registry import Registry
from everflow.core.state import Cancelled
from everflow.testing.driver import Driver
from everflow.testing.generated import close, flows, live
from tests.core.oracle import Raised, comparable, interpret

thorough = settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@thorough
@given(flow=flows(), data=st.data())
def test_the_shadow_holds_in_every_world(flow: Flow[Any, Any], data: st.DataObject) -> None:
    """At each step the state is well-formed, and fold and snapshot are the same (B044, B080)."""
    driver = Driver(flow).start(1)
    for _ in live(data, driver, 25):
        pass


@thorough
@given(flow=flows(), data=st.data(), steps=st.integers(0, 12))
def test_cancelling_ends_every_flow_anywhere(
    flow: Flow[Any, Any], data: st.DataObject, steps: int
) -> None:
    """Wherever a run stands, a cancel ends it once its ops are closed (B064)."""
    driver = Driver(flow).start(1)
    for _ in live(data, driver, steps):
        pass
    close(driver)
    assert driver.outcome == Cancelled()


@thorough
@given(flow=flows(), data=st.data())
def test_a_definition_as_data_is_the_same_flow(flow: Flow[Any, Any], data: st.DataObject) -> None:
    """What was written down has the same hashes, and runs the same journal the same way (B081)."""
    registry = Registry()
    registry.add_parts(flow)
    program = Program(flow)
    again = from_data(to_data(program), registry)
    ours, theirs = Definition(program), Definition(again)
    assert (ours.shape_hash, ours.settings_hash) == (theirs.shape_hash, theirs.settings_hash)
    assert ours.body == theirs.body
    driver = Driver(flow, shadow=False).start(1)
    for _ in live(data, driver, 15):
        pass
    assert snapshot(fold(again, driver.bodies)) == snapshot(driver.machine)


def _changed(row: list[Any]) -> bool:
    """Change a count of a definition's row; False where it has none."""
    for name, value in row[3].items():
        if type(value) is int:
            row[3][name] = value + 1
            return True
    return False


@thorough
@given(flow=flows())
def test_a_changed_count_is_a_changed_setting_alone(flow: Flow[Any, Any]) -> None:
    """Counts, budgets and delays are settings: the shape's hash stays."""
    before = Definition(Program(flow))
    data = msgspec.json.decode(before.body)
    if sum(_changed(row) for row in data["rows"]):
        after = Definition(from_data(msgspec.json.encode(data).decode(), Registry()))
        assert after.shape_hash == before.shape_hash
        assert after.settings_hash != before.settings_hash
        assert after.hash != before.hash


@thorough
@given(flow=flows(waiting=False, leaves=20), value=st.sampled_from([0, 1, "text", [1]]))
def test_a_run_gives_what_plain_python_gives(flow: Flow[Any, Any], value: object) -> None:
    """Without a world to wait for, a run's end is that of a recursive interpreter."""
    driver = Driver(flow).start(value)
    while driver.outcome is None:
        if driver.stopping():
            driver.stopped(driver.stopping()[0])
        elif driver.questions():
            driver.answer("@undo", "skip", driver.questions()[0].occurrence)
        elif not driver.nodes():
            driver.fire()
        else:
            driver.perform(min(driver.nodes(), key=lambda op: _place(driver, op.position)).id)
    expected = interpret(flow, value)
    several = any(site.flow.kind == "parallel" for site in driver.program.sites.values())
    if isinstance(expected, Raised):
        assert several or (driver.failure().type, driver.failure().code) == expected
    else:
        assert comparable(driver.value(), exact=not several) == comparable(
            expected, exact=not several
        )


def _place(driver: Driver, position: str) -> list[int]:
    """Where a position stands in declared order: nodes are run from left to right."""
    place, site = [], driver.program.root
    for key in position.split("/")[1:]:
        place.append(list(site.kids).index(key))
        site = site.kids[key]
    return place


@thorough
@given(flow=flows(), data=st.data(), steps=st.integers(0, 12))
def test_changed_counts_move_to_a_run_anywhere(
    flow: Flow[Any, Any], data: st.DataObject, steps: int
) -> None:
    """Wherever a run stands it can go on under changed settings, and still be cancelled (B065)."""
    driver = Driver(flow).start(1)
    for _ in live(data, driver, steps):
        pass
    rows = msgspec.json.decode(to_data(driver.program))
    for row in rows["rows"]:
        _changed(row)
    registry = Registry()
    registry.add_parts(flow)
    driver.move(from_data(msgspec.json.encode(rows).decode(), registry).flow)
    for _ in live(data, driver, steps):
        pass
    close(driver)
    assert driver.outcome == Cancelled()


@thorough
@given(flow=flows(), data=st.data())
def test_the_same_entries_give_the_same_commands(flow: Flow[Any, Any], data: st.DataObject) -> None:
    """Two machines that are told the same ask for the same, in the same order."""
    driver = Driver(flow, shadow=False).start(1)
    for _ in live(data, driver, 15):
        assert fold(Program(flow), driver.bodies).commands() == driver.commands()
