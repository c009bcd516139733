"""A run that a handoff takes from its engine, and one that comes back."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from threading import Event
from typing import Any

import pytest

from everflow import Engine, node, receive, suspend
from everflow.core.status import OUTCOMES
from everflow.errors import RunHandedOff
from everflow.store import Hand, RunQuery, Status, Store
from tests.engine.support import PATIENT, World, kinds, plus_one, settle, until


def hand(store: Store, run: str, *, here: bool, holder: str = "B") -> None:
    """Take a run away, or let it go on here, whatever else is written meanwhile."""

    def tried() -> bool:
        (seen,) = store.tenures([run])
        act = Hand(
            run=run,
            version=seen.version,
            seq=seen.seq,
            rev=seen.rev,
            body="{}",
            here=here,
            holder=holder,
        )
        return store.hand(act, at=1)

    until(tried)


def let_go(engine: Engine) -> bool:
    """Whether the engine's worker has let go of all that was taken from it."""
    store = engine.client.store
    return not any(worker.taken for worker in store.workers())


class Held:
    """A node's function that says when it was begun, and ends when it may."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.count = Event(), Event(), 0

    def wait(self, x: Any) -> Any:
        self.count += 1
        self.begun.set()
        self.may_end.wait(PATIENT)
        return x


@pytest.mark.parametrize("told", [True, False], ids=["told", "by_its_batch"])
def test_a_run_that_is_taken_amid_a_node_is_written_no_more(world: World, *, told: bool) -> None:
    """Its late result is dropped, and the engine goes on with others."""
    held = Held()
    long = world.flow("long", node(held.wait, name="held") >> plus_one)
    short = world.flow("short", plus_one)
    with world.engine(grace_s=0.1, drain_s=0.1) as engine:
        run = engine.start(long, 1)
        assert held.begun.wait(PATIENT)
        store = engine.client.store
        hand(store, run.id, here=False)
        written = kinds(engine, run.id)
        if told:
            engine.lease_changed(run.id)
            until(lambda: let_go(engine))
        held.may_end.set()
        until(lambda: let_go(engine))
        assert engine.start(short, 1).result(PATIENT) == 2
        assert kinds(engine, run.id) == written
        row = run.row()
        assert (row.status, row.until, row.owner) == (Status.HANDED_OFF, "B", 0)
        assert held.count == 1


def test_a_run_that_comes_back_goes_on_at_once(world: World) -> None:
    """What it was taken in the midst of is run again, as after any crash."""
    held = Held()
    long = world.flow("long", node(held.wait, name="held") >> plus_one)
    with world.engine(grace_s=0.1, drain_s=0.1) as engine:
        run = engine.start(long, 1)
        assert held.begun.wait(PATIENT)
        store = engine.client.store
        hand(store, run.id, here=False)
        hand(store, run.id, here=True)
        held.may_end.set()
        engine.lease_changed(run.id)
        assert run.result(PATIENT) == 2
        assert held.count == 2


def test_a_run_that_rests_is_taken_and_comes_back(world: World) -> None:
    """Nobody need tell the engine: it sees so by itself, and the answer given later counts."""
    asks = world.flow("asks", suspend("ok") >> plus_one)
    with world.engine() as engine:
        run = engine.start(asks, None)
        assert settle(run) == "suspended"
        store = engine.client.store
        hand(store, run.id, here=False)
        assert engine.questions(run) == []
        hand(store, run.id, here=True)
        until(lambda: let_go(engine))
        engine.resume(run, 1)
        assert run.result(PATIENT) == 2


def test_a_paused_run_comes_back_paused(world: World) -> None:
    """And goes on when its pause is over."""
    asks = world.flow("asks", suspend("ok") >> plus_one)
    with world.engine() as engine:
        run = engine.start(asks, None)
        assert settle(run) == "suspended"
        engine.pause(run.id)
        until(lambda: run.status == "paused")
        store = engine.client.store
        hand(store, run.id, here=False)
        hand(store, run.id, here=True)
        assert run.status == "paused"
        engine.unpause(run.id)
        engine.resume(run, 1)
        assert run.result(PATIENT) == 2


CALLS: dict[str, Callable[[Engine, str, str], object]] = {
    "answer": lambda engine, _, token: engine.answer(token, 1),
    "resume": lambda engine, run, _: engine.resume(run, 1),
    "resume by tag": lambda engine, run, _: engine.resume(run, 1, tag="ok", key="k"),
    "cancel": lambda engine, run, _: engine.cancel(run),
    "signal": lambda engine, run, _: engine.signal(run, "ok", 1),
    "pause": lambda engine, run, _: engine.pause(run),
    "unpause": lambda engine, run, _: engine.unpause(run),
    "label": lambda engine, run, _: engine.label(run, {"x": "1"}),
    "retry": lambda engine, run, _: engine.retry(run),
    "fork": lambda engine, run, _: engine.fork(run, 0),
    "acknowledge": lambda engine, run, _: engine.acknowledge(run),
    "adopt": lambda engine, run, _: engine.adopt(run),
    "export": lambda engine, run, _: engine.export([run], BytesIO()),
    "result": lambda engine, run, _: engine.run(run).result(PATIENT),
}


def test_a_run_that_another_has_takes_nothing_and_names_it(memory: World) -> None:
    """Whatever is asked of it, B107; a start with its key gives the run."""
    asks = memory.flow("asks", receive("ok") >> suspend("ok") >> plus_one)
    with memory.engine() as engine:
        run = engine.start(asks, None, key="once")
        engine.signal(run, "ok", 1)
        until(lambda: run.status == "suspended")
        (question,) = engine.questions(run)
        hand(engine.client.store, run.id, here=False)
        assert engine.start(asks, None, key="once").id == run.id
        assert run.wait(PATIENT) in OUTCOMES
        for name, call in CALLS.items():
            with pytest.raises(RunHandedOff) as told:
                call(engine, run.id, f"{run.id}.{question.tag}.{question.occurrence}")
            assert (told.value.holder, told.value.run) == ("B", run.id), name
        assert engine.prune(run.id) == 0
        query = RunQuery(status=(Status.HANDED_OFF,))
        (outcome,) = engine.cancel_all(query)
        assert isinstance(outcome.error, RunHandedOff)
