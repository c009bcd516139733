"""Workers with different code side by side: each run goes to where it fits."""

from __future__ import annotations

from collections import Counter
from functools import partial
from threading import Event
from typing import Any

import pytest

from everflow import Engine, Registry, Run, flow, node
from everflow.store import Batch, RunRow, SideRow, Status
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, World, settle, until


class Counting(MemoryStore):
    """Counts what is claimed by run, and what is written down as blocked."""

    def __init__(self) -> None:
        super().__init__()
        self.claims: Counter[int] = Counter()
        self.blocked = 0

    def claim(self, worker: int, **how: Any) -> list[RunRow]:
        rows = super().claim(worker, **how)
        self.claims.update(row.no for row in rows)
        return rows

    def append(self, batch: Batch, side_rows: Any = ()) -> list[int]:
        rows: tuple[SideRow, ...] = tuple(side_rows)
        self.blocked += sum(change.status is Status.BLOCKED for change in batch.changes)
        return super().append(batch, rows)


def named(name: str, ran: list[str] | None = None, who: str = "") -> Any:
    """A node of that name, which may tell where it was run."""

    def runs(x: int) -> int:
        if ran is not None:
            ran.append(f"{name} {who}".strip())
        return x + 1

    return node(runs, name=name)


def deploy(world: World, **flows: Any) -> Engine:
    """A worker that has these flows; it isn't taken for dead by a jump of the clock."""
    world.registry = Registry()
    for name, body in flows.items():
        flow(name, body, registry=world.registry)
    return world.engine(lease_s=1e6)


def meet(*engines: Engine) -> None:
    """Until all know of the others."""
    for engine in engines:
        until(partial(knows, engine, len(engines) - 1))


def knows(engine: Engine, others: int) -> bool:
    """Whether it knows of so many others."""
    scheduler = engine._scheduler  # noqa: SLF001 - nothing outside shows it
    return scheduler is not None and len(scheduler.ownership.others) == others


def test_each_run_goes_to_who_has_its_flow() -> None:
    """Two deploys over one store: nothing is parked, and at most one bite is passed on."""
    store = Counting()
    world = World(store)
    with deploy(world, a=named("left")) as one, deploy(world, b=named("right")) as two:
        meet(one, two)
        with world.connect() as client:
            world_runs: list[Run[Any]] = []
            for engine in (one, two):
                name = next(iter(engine.registry.flows))
                first: Run[Any] = engine.start(name, 0)
                assert first.result(PATIENT) == 1
                world_runs += [client.start(name, n) for n in range(20)]
            assert [run.result(PATIENT) for run in world_runs] == [n + 1 for n in range(20)] * 2
    assert store.blocked == 0
    assert max(store.claims.values()) <= 2


def test_a_rolling_deploy_parks_nothing() -> None:
    """Old and new workers, old and new shapes of a flow: each is run where it fits."""
    store = Counting()
    world = World(store)
    gate = Event()
    held = node(lambda x: gate.wait(PATIENT) and x, name="held")
    with deploy(world, f=held >> named("old")) as old:
        before: list[Run[Any]] = [old.start("f", n) for n in range(1, 6)]
        with deploy(world, f=held >> named("old") >> named("new")) as new:
            meet(old, new)
            after: list[Run[Any]] = [new.start("f", n) for n in range(1, 6)]
            with world.connect() as client:
                after += [client.start("f", n) for n in range(1, 6)]
            gate.set()
            assert [run.result(PATIENT) for run in before] == [n + 1 for n in range(1, 6)]
            old.close()
            assert [run.result(PATIENT) for run in after] == [n + 2 for n in range(1, 6)] * 2
    assert store.blocked == 0
    assert max(store.claims.values(), default=0) <= 2


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_run_that_needs_both_goes_on_hand_over_hand(first: str) -> None:
    """Once nobody who has all of it took it in some seconds."""
    store, ran = Counting(), list[str]()
    world = World(store)
    names = ("a", "b", "c", "d")

    def body(who: str, *own: str) -> Any:
        parts = [named(name, ran, who) if name in own else named(name) for name in names]
        return parts[0] >> parts[1] >> parts[2] >> parts[3]

    with deploy(world, whole=body("whole", *names)) as whole:
        order = {"one": ("a", "c"), "two": ("b", "d")}
        runs: list[Run[Any]] = []
        whole.drain()
        until(lambda: whole.draining)
        runs += [whole.start("whole", n) for n in range(2)]
        whole.close()

    def part(who: str) -> Engine:
        world.registry = Registry()
        for name in order[who]:
            world.registry.add_node(named(name, ran, who))
        flow(f"own {who}", named(f"own {who}"), registry=world.registry)
        return world.engine(lease_s=1e6)

    second = "two" if first == "one" else "one"
    with part(first), part(second), world.connect() as client:

        def done() -> bool:
            world.clock.jump(0.3)
            return all(client.run(run.id).status == "done" for run in runs)

        until(done)
    assert sorted(ran) == sorted(["a one", "b two", "c one", "d two"] * 2)
    assert max(store.claims.values()) <= 12


def test_what_nobody_has_is_parked_by_somebody(memory: World) -> None:
    """After some seconds, so that people see it; a module that is imported then is enough."""
    with deploy(memory, f=named("gone")) as old:
        old.drain()
        until(lambda: old.draining)
        run: Run[Any] = old.start("f", 1)
    one, two = deploy(memory, a=named("left")), deploy(memory, b=named("right"))
    with one, two:
        meet(one, two)

        def parked() -> bool:
            memory.clock.jump(5)
            return one.run(run.id).status == "blocked"

        until(parked)
        flow("f", named("gone"), registry=two.registry)
        until(lambda: one.run(run.id).status == "done")
        assert two.run(run.id).result(PATIENT) == 2


def test_a_lonely_worker_parks_at_once(memory: World) -> None:
    """Nobody else could have the code: whoever waits for the run is told."""
    with deploy(memory, f=named("gone")) as old:
        old.drain()
        until(lambda: old.draining)
        run: Run[Any] = old.start("f", 1)
    with deploy(memory, a=named("left")) as one, deploy(memory, a=named("left")):
        assert settle(one.run(run.id)) == "blocked"
