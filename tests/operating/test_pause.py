"""Pauses of runs and flows: nothing more begins, nothing is lost (B064, B068)."""

from datetime import timedelta
from threading import Event

import pytest

from everflow import ask, parallel, sleep
from everflow.errors import AlreadyDone, NotWaiting, RunCancelled, WrongArgument
from everflow.store import RunRow, Status
from tests.engine.support import PATIENT, World, plus_one, settle, step, until


class Gate:
    """A node that waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = Event(), Event()
        self.node = step(self.wait, name="gate")

    def wait(self, x: int) -> int:
        """Say that it began, and wait."""
        self.begun.set()
        self.go.wait(PATIENT)
        return x


def test_a_paused_run_begins_nothing_more(world: World) -> None:
    """What is begun ends and is recorded; the next node isn't begun before the pause ends."""
    gate = Gate()
    flow = world.flow("gated", gate.node >> plus_one)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        gate.begun.wait(PATIENT)
        assert engine.pause(run, by="ann")
        gate.go.set()
        assert settle(run) == "paused"
        assert run.row().reason == "paused by ann"
        assert len(engine.client.store.journal(run.row().no)) == 2
        assert not engine.pause(run)
    with world.engine() as engine:
        assert engine.join()
        assert engine.run(run.id).status is Status.PAUSED
        engine.unpause(run.id, by="bob")
        assert engine.run(run.id).result(PATIENT) == 2
        assert [line.action for line in engine.audit()] == ["pause", "unpause"]


def test_answers_to_a_paused_run_are_kept(world: World) -> None:
    """Accepted, and applied once it goes on; so are timers that were due meanwhile."""
    nap = sleep(timedelta(hours=1))
    flow = world.flow("asks", parallel(ask("ok", bool), nap))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        assert settle(run) == "suspended"
        assert engine.pause(run)
        until(lambda: run.status is Status.PAUSED)
        engine.answer(f"{run.id}.ok.1", value=True)
        world.clock.jump(7_200.0)
        assert engine.join()
        assert run.status is Status.PAUSED
        engine.unpause(run)
        assert run.result(PATIENT) == ((1, True), 1)


def test_a_run_is_paused_before_a_worker_takes_it(world: World) -> None:
    """Then none of its nodes ever began."""
    flow = world.flow("untouched", plus_one >> ask("ok", bool))
    with world.engine():
        pass  # the store is there from then on
    with world.connect() as flows:
        run = flows.start(flow, 1)
        assert flows.pause(run)
    with world.engine() as engine:
        assert engine.run(run.id).wait(PATIENT) is Status.PAUSED
        assert len(engine.client.store.journal(engine.run(run.id).row().no)) == 1
        engine.unpause(run.id)
        until(lambda: engine.run(run.id).status is Status.SUSPENDED)
        engine.resume(run.id, value=True)
        assert engine.run(run.id).result(PATIENT) == (2, True)


def test_a_pause_that_ends_before_the_run_rests(memory: World) -> None:
    """The run goes on once what was begun has ended."""
    gate = Gate()
    flow = memory.flow("short", gate.node >> plus_one)
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        gate.begun.wait(PATIENT)
        engine.pause(run)
        engine.unpause(run)
        gate.go.set()
        assert run.result(PATIENT) == 2


def test_a_run_that_ends_while_it_is_being_paused_has_ended(memory: World) -> None:
    """What was begun was its last."""
    gate = Gate()
    flow = memory.flow("last", gate.node)
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        gate.begun.wait(PATIENT)
        engine.pause(run)
        gate.go.set()
        assert run.result(PATIENT) == 1
        with pytest.raises(AlreadyDone):
            engine.pause(run)
        with pytest.raises(AlreadyDone):
            engine.unpause(run)


def test_a_paused_run_is_cancelled_like_any_other(world: World) -> None:
    """At rest, or on its way there."""
    gate = Gate()
    flow = world.flow("cancelled", gate.node >> plus_one)
    asking = world.flow("asking", ask("ok", bool))
    with world.engine(grace_s=0.01, drain_s=0.01) as engine:
        run, other = engine.start(flow, 1), engine.start(asking, 1)
        gate.begun.wait(PATIENT)
        assert settle(other) == "suspended"
        engine.pause(run)
        engine.pause(other)
        until(lambda: other.status is Status.PAUSED)
        engine.cancel(run)
        engine.cancel(other)
        until(lambda: other.status is Status.CANCELLED)
        gate.go.set()
        until(lambda: run.status is Status.CANCELLED)
        with pytest.raises(RunCancelled):
            engine.pause(other)


def test_a_flow_is_paused(world: World) -> None:
    """None of its runs is taken up, live ones come to rest; other flows go on."""
    gate = Gate()
    flow = world.flow("held", gate.node >> plus_one)
    asking = world.flow("held.too", ask("ok", bool))
    other = world.flow("free", plus_one)
    with world.engine() as engine:
        live, waiting = engine.start(flow, 1), engine.start(asking, 1)
        gate.begun.wait(PATIENT)
        assert settle(waiting) == "suspended"
        engine.pause_all_of(flow="held", by="ann")
        engine.pause_all_of(flow="held.too")
        world.clock.jump(2.0)
        assert engine.paused() == ["flow:held", "flow:held.too"]
        until(lambda: waiting.row().owner == 0)
        gate.go.set()
        until(lambda: live.status is Status.QUEUED)
        engine.resume(waiting, value=True)
        fresh = engine.start(flow, 5)
        assert engine.start(other, 5).result(PATIENT) == 6
        assert engine.join()
        assert [waiting.status, live.status] == [Status.SUSPENDED, Status.QUEUED]
        assert len(engine.client.store.journal(fresh.row().no)) == 1
    with world.engine() as engine:
        assert engine.join()
        assert engine.run(live.id).status is Status.QUEUED
        engine.unpause_all_of(flow="held")
        engine.unpause_all_of(flow="held.too", by="bob")
        world.clock.jump(2.0)
        assert engine.run(live.id).result(PATIENT) == 2
        assert engine.run(fresh.id).result(PATIENT) == 6
        assert engine.run(waiting.id).result(PATIENT) == (1, True)
        assert engine.paused() == []
        assert [line.subject for line in engine.audit()][-1] == "flow:held.too"


def test_a_run_of_a_paused_flow_is_cancelled_all_the_same(memory: World) -> None:
    """A cancel is for the run, the pause for the flow."""
    flow = memory.flow("stopped", ask("ok", bool))
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        assert settle(run) == "suspended"
        engine.pause_all_of(flow="stopped")
        memory.clock.jump(2.0)
        until(lambda: run.row().owner == 0)
        engine.cancel(run)
        until(lambda: run.status is Status.CANCELLED)


@pytest.mark.parametrize("names", [{}, {"flow": "a", "queue": "b"}])
def test_a_pause_is_of_one_thing(memory: World, names: dict[str, str]) -> None:
    """A flow or a queue, by its name."""
    with memory.engine() as engine, pytest.raises(WrongArgument):
        engine.pause_all_of(**names)


def test_a_run_that_waits_for_an_operator_is_not_unpaused(memory: World) -> None:
    """It is told what to do instead."""
    flow = memory.flow("aside", ask("ok", bool))
    with memory.connect() as flows:
        run = flows.start(flow, 1)
        row: RunRow = flows.store._runs[run.row().no]  # type: ignore[attr-defined]  # noqa: SLF001 - the memory store's own
        row.status, row.until = Status.BLOCKED, "operator"
        with pytest.raises(NotWaiting, match="waits for an operator"):
            flows.unpause(run)


def test_a_paused_queue_admits_nobody_until_it_is_unpaused(world: World) -> None:
    """Who has a place goes on; the next is admitted at once when the pause is over (B067)."""
    work = world.flow("work", ask("ok", bool))
    with world.engine() as engine:
        engine.queues.declare("mails", limit=2)
        first = engine.start(work, 1, queue="mails")
        first.wait(PATIENT)
        engine.pause_all_of(queue="mails", by="ann")
        second = engine.start(world.flow("plain", plus_one), 1, queue="mails")
        assert second.wait(0.1) is Status.QUEUED
        engine.cancel(first)
        with pytest.raises(RunCancelled):
            first.result(PATIENT)
        assert second.row().admitted is None
        engine.unpause_all_of(queue="mails", by="ann")
        assert second.result(PATIENT) == 2
