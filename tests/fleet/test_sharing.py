"""Workers side by side: who takes how much, what is given back, and what stays where it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Semaphore
from typing import Any

import pytest

from everflow import Engine, Registry, Run, flow, node, suspend
from everflow.store import RunRow
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, World, until


class Hands:
    """Nodes that wait to be let go, and count where they are run."""

    def __init__(self) -> None:
        self.begun: Counter[str] = Counter()
        self.go = Semaphore(0)

    def node(self, who: str) -> Any:
        def held(x: int) -> int:
            self.begun[who] += 1
            self.go.acquire(timeout=PATIENT)
            return x

        return node(held, name="held")

    @property
    def total(self) -> int:
        return self.begun.total()


@pytest.fixture
def hands() -> Hands:
    return Hands()


def worker(world: World, who: str, build: Callable[[str], Any], **settings: Any) -> Engine:
    """A worker whose nodes know whose they are; the flow is the same."""
    world.registry = Registry()
    flow("f", build(who), registry=world.registry)
    return world.engine(lease_s=1e6, **settings)


class Counting(MemoryStore):
    """Counts what is claimed by each, and what is given back."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed: Counter[int] = Counter()
        self.times: Counter[int] = Counter()

    def claim(self, worker: int, **how: Any) -> list[RunRow]:
        rows = super().claim(worker, **how)
        self.claimed[worker] += len(rows)
        self.times.update(row.no for row in rows)
        return rows


def test_each_takes_as_many_as_it_has_places(hands: Hands) -> None:
    """Slow nodes aren't hoarded: what one can't begin the other has; each run is claimed once."""
    store = Counting()
    world = World(store)
    with (
        worker(world, "one", hands.node, threads=6) as one,
        worker(world, "two", hands.node, threads=6),
        world.connect() as client,
    ):
        until(lambda: one._scheduler is not None and one._scheduler.sharing.beside_others)  # noqa: SLF001 - nothing outside shows it
        runs: list[Run[Any]] = [client.start("f", n) for n in range(40)]
        until(lambda: hands.begun == {"one": 6, "two": 6})
        for _ in runs:
            hands.go.release()
        assert [run.result(PATIENT) for run in runs] == list(range(40))
    assert min(hands.begun.values()) >= 6
    assert hands.total == 40
    assert max(store.times.values()) <= 2


def test_who_joins_gets_a_share_of_what_waits(world: World, hands: Hands) -> None:
    """One had taken all, as it was alone: it gives back what it can't begin."""
    with worker(world, "one", hands.node, threads=4) as one:
        runs: list[Run[Any]] = one.start_all("f", list(range(30)))
        until(lambda: hands.begun["one"] == 4)
        with worker(world, "two", hands.node, threads=4):

            def shared() -> bool:
                world.clock.jump(1)
                return hands.begun["two"] == 4

            until(shared)
            assert hands.begun["one"] == 4
            for _ in runs:
                hands.go.release()
            assert [run.result(PATIENT) for run in runs] == list(range(30))
    assert hands.total == 30


def test_a_warm_run_stays_where_it_is(world: World) -> None:
    """Its answer finds it there, whoever took the answer, as long as there is a place."""
    seen: list[str] = []

    def build(who: str) -> Any:
        def sees(x: int) -> int:
            seen.append(who)
            return x

        return suspend("go") >> node(sees, name="sees") >> suspend("again")

    with worker(world, "one", build) as one, worker(world, "two", build) as two:
        runs: list[Run[Any]] = [one.start("f", n) for n in range(8)]
        until(lambda: all(run.status == "suspended" for run in runs))
        owners = [run.row().owner for run in runs]
        for run in runs:
            two.resume(run.id, 1, tag="go")
        until(lambda: len(two.questions()) == 8 and all(q.tag == "again" for q in two.questions()))
        assert [run.row().owner for run in runs] == owners
    assert seen == ["one"] * 8


def test_a_warm_run_leaves_an_owner_that_has_no_place(world: World, hands: Hands) -> None:
    """Its answer came while all threads were taken: another worker goes on with it."""

    def build(who: str) -> Any:
        return suspend("go") >> hands.node(who)

    with worker(world, "one", build, threads=1) as one, worker(world, "two", build, threads=1):
        runs: list[Run[Any]] = []
        while len(runs) < 2:
            run: Run[Any] = one.start("f", len(runs))
            run.wait(PATIENT)
            runs += [run] if run.row().owner == one.worker else []
        one.resume(runs[0], 1)
        until(lambda: hands.total == 1)
        one.resume(runs[1], 2)

        def moved() -> bool:
            world.clock.jump(1)
            return hands.begun == {"one": 1, "two": 1}

        until(moved)
        hands.go.release(2)
        assert [run.result(PATIENT) for run in runs] == [1, 2]


def test_quick_work_is_taken_in_growing_bites(memory: World) -> None:
    """Beside others, too; where nobody is beside, all at once."""
    with worker(memory, "one", lambda _: node(abs, name="abs", pure=True)) as one:
        sharing = one._scheduler.sharing  # type: ignore[union-attr]  # noqa: SLF001 - nothing outside shows it
        assert sharing.room == 500
        with worker(memory, "two", lambda _: node(abs, name="abs", pure=True)):
            until(lambda: sharing.beside_others)
            assert sharing.room == 8
            sharing.took(8, 8)
            assert sharing.room == 16
            sharing.took(16, 3)
            assert sharing.room == 16
            runs: list[Run[Any]] = one.start_all("f", list(range(2_000)))
            assert [run.result(PATIENT) for run in runs[::100]] == list(range(0, 2_000, 100))
