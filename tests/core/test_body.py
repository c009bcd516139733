"""Bodies in direct style at the edges of their machine: what awaits, restarts and upgrades meet."""

import runpy
from typing import Any

import pytest

from everflow import NodeRun, Registry, flow, loop, node, parallel, step
from everflow.core import advancing
from everflow.core.algebra import fail, suspend
from everflow.core.combine.body import ADVANCE, DEEPEST, Ambient, body_of
from everflow.core.combine.saga import saga
from everflow.core.combine.sequence import sequence
from everflow.core.frames import BodyFrame
from everflow.core.journal import restore, snapshot
from everflow.core.mounting import MOST_MOUNTS, mount
from everflow.core.ops import ROOT
from everflow.core.program import Program
from everflow.core.state import Cancelled
from everflow.errors import UnresolvedName, WrongArgument
from everflow.testing import harness
from everflow.testing.driver import Driver
from tests.core.sample_flows import chat, double, first, inc, positive, second, talk

KIT = Registry()


@node
def attempt(value: int, run: NodeRun, more: int = 0) -> int:
    return value + more + run.attempt


def test_without_an_engine_nothing_is_advanced() -> None:
    """The module by itself knows of no body."""
    assert runpy.run_path(str(advancing.__file__))["advancing"]() is None


def test_a_body_that_takes_no_failures_raises() -> None:
    """As a leaf does: its code isn't advanced."""
    driver = Driver(sequence(fail("no"), body_of(talk))).start(1)
    error = driver.failure()
    assert (error.code, error.position) == ("unhandled_failure", "./1")
    assert "sample_flows:talk" in error.message


def test_a_run_can_only_tell_what_it_knows() -> None:
    """Time, chance and ids."""
    with pytest.raises(WrongArgument, match="'weather' is nothing that a run can tell"):
        Ambient("weather")


def test_a_body_goes_along_with_a_changed_function() -> None:
    """Whether that fits the log shows at the replay, so the upgrade refuses nothing."""
    driver = Driver(sequence(body_of(talk).named("talk"), first)).start(1)
    driver.awaits("talk", suspend("ok"))
    driver.upgrade(sequence(body_of(chat).named("talk"), first)).restart()
    driver.answer("ok", 2)
    (op,) = driver.nodes()
    assert op.id.endswith(ADVANCE)


def test_a_snapshot_between_two_awaits_is_restored() -> None:
    """Nothing is mounted while the body itself is advanced."""
    driver = Driver(body_of(talk)).start(1)
    assert restore(driver.program, snapshot(driver.machine)) == driver.machine.state


def test_bodies_await_one_another_to_a_stated_depth() -> None:
    """A recursion without end is an error, long before it fills the memory."""
    driver = Driver(sequence(body_of(talk))).start(1)
    for depth in range(DEEPEST):
        (op,) = driver.nodes()
        driver.awaits(op.id, step(body_of(talk), depth))
    (op,) = driver.nodes()
    frame = driver.machine.state.frames[op.parent]
    assert isinstance(frame, BodyFrame)
    assert [logged.error and logged.error.code for logged in frame.log] == ["body_too_deep"]


def test_a_cancel_between_two_awaits_stops_the_body() -> None:
    """What advances it is closed first."""
    driver = Driver(body_of(talk)).start(1).cancel()
    (stopping,) = driver.stopping()
    assert driver.restart().stopped(stopping).outcome == Cancelled()


def test_a_snapshot_of_a_body_that_is_undone_is_restored() -> None:
    """The body is gone, and what it awaited stays known while that is undone."""
    driver = Driver(body_of(talk)).start(1)
    driver.awaits("talk", step(saga((first, second), suspend("ok")), 1))
    driver.result("first", 2).cancel()
    assert driver.input("second") == (1, 2)
    assert restore(driver.program, snapshot(driver.machine)) == driver.machine.state
    assert driver.result("second").outcome == Cancelled()


def test_a_snapshot_does_not_fit_a_flow_with_another_body() -> None:
    """The position where the run stands in a body is one of something else there."""
    driver = Driver(body_of(talk)).start(1)
    with pytest.raises(UnresolvedName, match="no body at this position"):
        restore(Program(sequence(body_of(talk), first)), snapshot(driver.machine))


def test_a_program_keeps_so_many_mounts_only() -> None:
    """A body may await ever other flows: all are forgotten then, and laid out again if need be."""
    program = Program(body_of(talk))
    notes = [f"=node{number}" for number in range(MOST_MOUNTS + 1)]
    made = [mount(program, ROOT, note) for note in notes]
    assert len(program.mounts) == 1
    assert mount(program, ROOT, notes[-1]) is made[-1]
    assert mount(program, ROOT, notes[0]) is not made[0]


@flow("core body calls", registry=KIT)
async def calls(value: int) -> list[Any]:
    return [
        await loop(step(inc, value), until=positive),
        await step(parallel(step(double, value), inc), 10),
        await step(attempt, value, more=5),
    ]


def test_steps_get_their_values_wherever_they_stand() -> None:
    """In a loop, under a value for the flow around them, and beside what the engine gives."""
    with harness(calls, registry=KIT) as h:
        assert h.start(3).result() == [4, (6, 11), 9]
