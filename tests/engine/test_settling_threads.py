"""Settling on threads of its own: stopped from outside before the commit, and while it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from everflow import Writes, need, timeout
from everflow.errors import RunFailed
from everflow.store import OUTCOMES, Settlement, Store
from everflow.stores.layer import Layer
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, World, plus_one, step, until


class Slow(Layer):
    """A store whose next commit is under way until it is let go on."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.holds = False
        self.under_way, self.go_on = Event(), Event()

    def settle(self, *args: Any, **named: Any) -> Settlement | None:
        if self.holds:
            self.under_way.set()
            assert self.go_on.wait(PATIENT)
        return self.inner.settle(*args, **named)


class Paying:
    """A world in which a node pays, as slowly as it is told to."""

    def __init__(self, *, later: bool) -> None:
        self.kept = MemoryStore()
        self.store = Slow(self.kept)
        self.world = World(self.store)
        self.begun, self.go_on = Event(), Event()
        self.go_on.set()
        self.times = 0

        def pay(x: int, *, writes: Writes = need(Writes)) -> int:
            self.times += 1
            writes.execute("INSERT INTO ledger VALUES ($1)", x)
            self.begun.set()
            assert self.go_on.wait(PATIENT)
            return x

        async def pay_later(x: int, *, writes: Writes = need(Writes)) -> int:
            self.times += 1
            writes.execute("INSERT INTO ledger VALUES ($1)", x)
            return x

        self.pay: Any = step(pay_later if later else pay, name="pay")

    @property
    def paid(self) -> list[Any]:
        return [row.values for row in self.kept.side]


@pytest.fixture
def paying() -> Iterator[Paying]:
    paying = Paying(later=False)
    yield paying
    paying.go_on.set()
    paying.store.go_on.set()


def test_a_thread_that_is_given_up_commits_nothing(paying: Paying) -> None:
    """Its timeout was journaled: whatever it comes to after that is thrown away."""
    flow = paying.world.flow("f", timeout(timedelta(hours=1), paying.pay))
    paying.go_on.clear()
    with paying.world.engine() as engine:
        run = engine.start(flow, 1)
        assert paying.begun.wait(PATIENT)
        paying.world.clock.jump(3601)
        with pytest.raises(RunFailed, match="FlowTimeout"):
            run.result(PATIENT)
        paying.go_on.set()
    assert paying.paid == []


@pytest.mark.parametrize("later", [False, True])
def test_a_timeout_lets_a_commit_end_first(later: bool) -> None:
    """What is being committed when the time is over counts: the run goes on with it."""
    paying = Paying(later=later)
    paying.store.holds = True
    flow = paying.world.flow("f", timeout(timedelta(hours=1), paying.pay) >> plus_one)
    with paying.world.engine() as engine:
        run = engine.start(flow, 1)
        assert paying.store.under_way.wait(PATIENT)
        paying.world.clock.jump(3601)
        looks = engine.start(paying.world.flow("other", plus_one), 1)
        assert looks.result(PATIENT) == 2
        paying.store.go_on.set()
        assert run.result(PATIENT) == 2
    assert (paying.paid, paying.times) == ([[1]], 1)


@pytest.mark.parametrize("later", [False, True])
def test_a_cancel_lets_a_commit_end_first(later: bool) -> None:
    """The journal says what was written, though the run is cancelled; the grace doesn't count."""
    paying = Paying(later=later)
    paying.store.holds = True
    flow = paying.world.flow("f", paying.pay >> plus_one)
    with paying.world.engine(grace_s=0.01) as engine:
        run = engine.start(flow, 1)
        assert paying.store.under_way.wait(PATIENT)
        engine.cancel(run)
        until(lambda: str(run.status) == "cancelling")
        paying.world.clock.jump(5)
        looks = engine.start(paying.world.flow("other", plus_one), 1)
        assert looks.result(PATIENT) == 2
        assert run.status not in OUTCOMES
        paying.store.go_on.set()
        until(lambda: str(run.status) == "cancelled")
        kinds = [body for _, _, body, _ in paying.kept.journal(engine.client.row(run.id).no)]
    assert (paying.paid, paying.times) == ([[1]], 1)
    assert any('"result"' in body for body in kinds)


def test_an_application_commits_its_own(world: World) -> None:
    """Statements and starts in one transaction: of an engine, and of a client that runs nothing."""
    flow = world.flow("f", plus_one)
    with world.engine() as engine:
        writes = Writes()
        writes.start(flow, 1, key="one")
        (run,) = engine.commit(writes)
        assert run.result(PATIENT) == 2
        with world.connect() as client:
            again, other = Writes(), Writes()
            again.start(flow, 1, key="one")
            assert [one.id for one in client.commit(again)] == [run.id]
            other.start("f", 5)
            (second,) = client.commit(other)
            assert second.result(PATIENT) == 6
            assert client.commit(Writes()) == []
