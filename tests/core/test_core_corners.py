"""Corners of the core that few runs come to: stopped bodies, closed calls, names out of the air."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from everflow.core.algebra import call
from everflow.core.combine.body import ADVANCE, Ambient, Body, body_of
from everflow.core.combine.parallel import parallel
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import sequence
from everflow.core.direct import step
from everflow.core.drawing import outline, stand
from everflow.core.drawing.parts import drawn
from everflow.core.entries import Entry, Kind
from everflow.core.flow import Flow
from everflow.core.generations import reopened_state
from everflow.core.journal import snapshot
from everflow.core.matching import Fit, Matching
from everflow.core.mounting import note_of
from everflow.core.ops import NodeOp, TimerOp, input_of
from everflow.core.program import Program
from everflow.core.refs import Literal
from everflow.core.registry import Registry
from everflow.core.state import live_refs
from everflow.core.upgrade import Upgrade, upgrade_text
from everflow.errors import JournalMismatch
from everflow.testing.driver import Driver
from tests.core import sample_flows
from tests.core.sample_flows import first, inc, second, third


async def talk(x: int) -> int:
    """A body; the machine is told what it awaits, and never runs it."""
    return await step(inc, x)


body: Body[Any, Any] = body_of(talk)


def awaits(driver: Driver, flow: Flow[Any, Any], payload: str) -> Driver:
    """The body says that it awaits a flow."""
    (op,) = (op for op in driver.commands() if type(op) is NodeOp and op.id.endswith(ADVANCE))
    note, _ = note_of(flow)
    source = input_of(op.input)
    return driver.tell(Kind.AWAITED, op.id, payload, node=op.node, input=source, note=note)


def test_a_saga_of_many_steps_is_drawn_in_part() -> None:
    """The steps that are left out are one gap, and so are their undos."""
    graph = drawn(Program(saga(*[(first, second)] * 100)), None, 10)
    assert [item.lines[0] for item in graph.items].count("90 more") == 1
    assert [arrow.label for arrow in graph.arrows].count("undo") == 10


def test_a_saga_that_undoes_says_nothing_of_its_other_steps() -> None:
    """A state doesn't tell which of them were done."""
    driver = Driver(saga((first, third), second)).start(1).result("first", 1).error("second")
    (op,) = driver.nodes()
    marks = stand(driver.program, driver.machine.state)
    assert marks.keys() == {".", op.position}


def test_bodies_and_what_a_run_tells_are_described() -> None:
    """A body goes by its function's name, the run's own values by what they are."""
    now, uuid = Ambient[Any]("now"), Ambient[Any]("uuid")
    flow: Flow[Any, Any] = sequence(body, now, uuid)
    shown = outline(Program(flow))
    assert "talk · in direct style" in shown
    assert "1: now" in shown
    assert "2: the run's 'uuid'" in shown


def test_a_call_that_is_being_cancelled_for_an_older_failure_is_closed() -> None:
    """Both errors are left out, so that the call waits for its run again."""
    flow = parallel(parallel(first, call("other")), third)
    driver = Driver(flow).start(1).error("first").error("third").child_cancelled("other")
    driver.retry()
    assert [op.id for op in driver.commands()] == ["./0/0", "./0/1", "./1"]
    assert not driver.calls()[0].stopping


def test_a_journal_of_another_flow_can_not_be_retried() -> None:
    """The mismatch is said as it is: nothing was left out before it."""
    driver = Driver(sequence(first, second)).start(1).error("first")
    with pytest.raises(JournalMismatch, match="sample_flows:third"):
        reopened_state(Program(sequence(third, second)), driver.bodies, now=driver.now)


def test_a_body_that_is_being_stopped_awaits_nothing_more() -> None:
    """What it says then closes it as well as a stop."""
    driver = Driver(parallel(body, second)).start(1).error("second")
    assert driver.stopping() == ["./0~1/@advance"]
    awaits(driver, sequence(inc), "1")
    assert driver.commands() == []
    assert driver.failure().message == "it broke"


def test_an_upgrade_of_another_place_is_refused() -> None:
    """It changes where the run stands, or nothing."""
    machine = Driver(sequence(first, second)).start(1).machine
    before = snapshot(machine)
    upgrade = Upgrade(ops=[TimerOp("./9", "./9", ".", "9", Literal("1"), 0, 1)])
    with pytest.raises(JournalMismatch, match="an upgrade of where the run stands"):
        machine.tell(Entry(1, 1, Kind.UPGRADED, payload=upgrade_text(upgrade)))
    assert snapshot(machine) == before


def test_what_a_body_awaits_stays_as_it_is_in_a_changed_flow() -> None:
    """It goes with the body, whose flow got a step more."""
    driver = awaits(Driver(sequence(body, first)).start(1), sequence(inc, second), "1")
    matching = Matching(driver.machine.program, Program(sequence(body, first, third)))
    verdict = matching.judge(driver.machine.state)
    assert (verdict.fit, verdict.upgrade) == (Fit.MOVES, Upgrade())


def test_what_a_cancelled_body_gave_is_held_until_it_is_undone() -> None:
    """The undo may still read it."""
    driver = Driver(parallel(body, second)).start(1)
    awaits(driver, saga((step(first, 5), third), step(inc, 6)), "[5,6]")
    driver.result("first", 5).error("second").stopped("inc")
    assert [op.node.rpartition(":")[2] for op in driver.nodes()] == ["third"]
    assert {Literal("5"), Literal("6")} <= set(live_refs(driver.machine.state))


def test_a_function_that_a_body_awaits_is_found_by_its_name() -> None:
    """In a module that is imported already, and by its own name alone."""
    registry, home = Registry(), sample_flows.__name__
    assert registry.awaited(f"{home}:first").fn is first
    assert registry.nodes.keys() == {f"{home}:first"}
    for name in (f"{home}:none", f"{home}:first.none", f"{__name__}:first", "no.module:first"):
        assert registry.awaited(name).fn is None
    assert registry.nodes.keys() == {f"{home}:first"}


def test_a_function_of_the_program_that_runs_is_found_by_its_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another process would import it by that name."""

    def work(x: int) -> int:
        return x

    work.__module__, work.__qualname__ = "__main__", "work"
    program: Any = ModuleType("__main__")
    program.__file__, program.work = "/somewhere/a_program.py", work
    monkeypatch.setitem(sys.modules, "__main__", program)
    assert Registry().awaited("a_program:work").fn is work
