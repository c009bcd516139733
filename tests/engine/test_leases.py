"""Leased runs: run, written and acknowledged while their lease holds, and by whoever holds it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from everflow import Run, sleep, suspend
from everflow.engine.faces.places import open_store
from everflow.errors import NotSafeYet, StoreUnavailable
from everflow.store import RunRow, Store
from everflow.stores.memory import MemoryStore
from tests.engine.leased import Ground, Worker
from tests.engine.support import plus_one, step


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    kept = MemoryStore() if request.param == "memory" else open_store(tmp_path / "flows.db")[0]
    yield kept
    kept.close()


@pytest.fixture
def ground(store: Store) -> Ground:
    return Ground(store)


def work(x: int) -> int:
    return x * 10


def two_steps(ground: Ground, name: str = "f") -> Any:
    body = plus_one >> step(work, name="first") >> plus_one >> step(work, name="second") >> plus_one
    return ground.flow(name, body)


def leased(worker: Worker, value: Any = 1, key: str | None = None) -> RunRow:
    row = worker.client.start("f", value, key=key)
    worker.turns()
    return row


def test_a_leased_run_waits_for_its_lease(ground: Ground) -> None:
    """It is started and acknowledged, and nothing of it begins before the lease holds."""
    two_steps(ground)
    worker = ground.worker("f")
    row = leased(worker)
    assert (row.leased, worker.kinds(row), worker.begun) == (True, ["start"], [])
    worker.lend(row, 10)
    worker.turns()
    assert worker.perform() == ["first"]
    worker.turns()
    assert worker.perform() == ["second"]
    worker.turns()
    assert worker.now(row).status == "done"


def test_others_on_the_store_leave_it_alone(ground: Ground) -> None:
    """Also when whoever held its lease is gone; the next one to hold it goes on (B108)."""
    two_steps(ground)
    one, other = ground.worker("f"), ground.worker()
    row = leased(one)
    one.lend(row, 10)
    one.turns()
    ground.store.retire(one.scheduler.ownership.worker)
    other.turns()
    assert other.begun == []
    heir = ground.worker("f")
    heir.lend(row, 10)
    heir.turns()
    assert heir.perform() == ["first"]


def test_nothing_begins_after_the_lease(ground: Ground) -> None:
    """What was begun before isn't waited for, and what it gives is written nowhere."""
    two_steps(ground)
    worker = ground.worker("f")
    row = leased(worker)
    worker.lend(row, 10)
    worker.turns()
    before = worker.kinds(row)
    ground.clock.jump(10)
    worker.turns()
    assert worker.scheduler.cells.get(row.no) is None
    assert worker.perform() == ["first"]
    worker.turns()
    assert (worker.kinds(row), worker.begun) == (before, [])
    assert worker.now(row).owner == 0
    assert worker.scheduler.recorder.late == 1


def test_it_goes_on_with_the_next_lease(ground: Ground) -> None:
    """What wasn't recorded is run again, with its idempotency key."""
    two_steps(ground)
    worker = ground.worker("f")
    row = leased(worker)
    worker.lend(row, 10)
    worker.turns()
    key = worker.begun[0].run.idempotency_key
    ground.clock.jump(10)
    worker.turns()
    worker.begun.clear()
    worker.lend(row, 10)
    worker.turns()
    assert [attempt.run.idempotency_key for attempt in worker.begun] == [key]
    for _ in range(2):
        worker.perform()
        worker.turns()
    assert worker.now(row).status == "done"


def test_a_lease_that_is_extended_in_time_changes_nothing(ground: Ground) -> None:
    """Nothing is begun twice."""
    two_steps(ground)
    worker = ground.worker("f")
    row = leased(worker)
    worker.lend(row, 10)
    worker.turns()
    ground.clock.jump(9)
    worker.lend(row, 10)
    worker.turns()
    ground.clock.jump(9)
    worker.turns()
    assert worker.perform() == ["first"]
    worker.turns()
    assert worker.perform() == ["second"]


def test_no_batch_bears_what_is_of_a_run_whose_lease_ended(ground: Ground) -> None:
    """It is looked at right before the commit; other runs' entries are written."""
    two_steps(ground)
    ground.flow("g", plus_one >> step(work, name="other"))
    worker = ground.worker("f")
    row, other = leased(worker), worker.client.start("g", 1)
    worker.lend(row, 10)
    worker.turns()
    before, others = worker.kinds(row), worker.kinds(other)
    assert sorted(worker.perform()) == ["first", "other"]

    def lapse() -> None:
        ground.clock.jump(10)
        worker.before = lambda: None

    worker.before = lapse
    worker.turns()
    assert worker.kinds(row) == before
    assert worker.kinds(other) != others
    assert worker.now(other).status == "done"
    worker.lend(row, 10)
    worker.turns()
    assert worker.perform() == ["first"]


def test_a_lease_that_ended_for_a_moment_ended(ground: Ground) -> None:
    """What a batch left out is never taken for written, however soon the next lease begins."""
    two_steps(ground)
    worker = ground.worker("f")
    row = leased(worker)
    worker.lend(row, 10)
    worker.turns()
    worker.perform()

    def lapse() -> None:
        worker.lender.lent[row.id] = 0
        worker.before = extend

    def extend() -> None:
        worker.lender.lent[row.id] = ground.clock.boot() + 10_000_000
        worker.before = lambda: None

    worker.before = lapse
    worker.turns()
    ground.clock.jump(1)
    worker.turns()
    assert worker.perform() == ["first"]
    worker.turns()
    worker.perform()
    worker.turns()
    assert worker.now(row).status == "done"
    assert worker.kinds(row).count("result") == 5


def test_an_answer_stays_in_the_inbox_of_a_run_without_a_lease(ground: Ground) -> None:
    """And is applied with the next lease."""
    ground.flow("f", suspend("go") >> plus_one)
    worker = ground.worker("f")
    row = leased(worker)
    worker.lend(row, 10)
    worker.turns()
    assert worker.now(row).status == "suspended"
    ground.clock.jump(10)
    worker.turns()
    worker.client.resume(row.id, 4)
    worker.turns()
    assert ground.store.standing(row.no) == ("suspended", 1)
    worker.lend(row, 10)
    worker.turns()
    assert worker.now(row).status == "done"


def test_an_answer_that_a_batch_left_out_is_applied_later(ground: Ground) -> None:
    """Its message stays where it was, and other runs' messages go."""
    ground.flow("f", suspend("go") >> plus_one)
    worker = ground.worker("f")
    row = leased(worker)
    worker.lend(row, 10)
    worker.turns()
    ground.flow("g", suspend("go") >> plus_one)
    other = worker.client.start("g", 1)
    worker.turns()
    worker.client.resume(row.id, 4)
    worker.client.resume(other.id, 5)

    def lapse() -> None:
        ground.clock.jump(10)
        worker.before = lambda: None

    worker.before = lapse
    worker.turns()
    assert ground.store.standing(row.no) == ("suspended", 1)
    assert worker.now(other).status == "done"
    worker.lend(row, 10)
    worker.turns()
    assert worker.now(row).status == "done"


def test_a_timer_waits_for_the_lease(ground: Ground) -> None:
    """It fires with the next one, in memory or not."""
    ground.flow("f", sleep(5) >> plus_one)
    worker = ground.worker("f")
    row = leased(worker)
    worker.lend(row, 1)
    worker.turns()
    ground.clock.jump(20)
    worker.turns()
    assert "fired" not in worker.kinds(row)
    worker.lend(row, 10)
    worker.turns()
    assert worker.now(row).status == "done"


def test_nobody_is_told_what_the_lessee_lacks(ground: Ground) -> None:
    """The error says that it is kept: with the same key it is the same run, and the same answer."""
    ground.flow("f", suspend("go") >> plus_one)
    worker = ground.worker("f")
    worker.lender.has = False
    with pytest.raises(NotSafeYet) as told:
        worker.client.start("f", 1, key="k")
    assert told.value.code == "not_safe_yet"
    row = ground.store.find_key("f", "k")
    assert row is not None
    worker.lender.has = True
    assert worker.client.start("f", 1, key="k").id == row.id
    worker.lend(row, 10)
    worker.turns()
    token = f"{row.id}.go.1"
    for call in (
        lambda: worker.client.answer(token, 4, key="a"),
        lambda: worker.client.pause(row.id),
        lambda: worker.client.unpause(row.id),
        lambda: worker.client.cancel(row.id),
    ):
        worker.lender.has = False
        with pytest.raises(NotSafeYet):
            call()
        worker.lender.has = True
        call()


def test_a_run_that_came_to_be_leased_just_now_is_waited_for(ground: Ground) -> None:
    """Although its row was read before."""
    ground.flow("f", suspend("go") >> plus_one)
    worker = ground.worker()
    row = leased(worker)
    worker.lender.leased.add(row.id)
    worker.lender.has = False
    with pytest.raises(NotSafeYet):
        worker.client.resume(row.id, 4, key="a")


def test_what_was_taken_from_a_worker_leaves_it(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given back, so that it may come again (B107)."""
    two_steps(ground)
    worker = ground.worker()
    row = leased(worker)
    assert [attempt.callee.name for attempt in worker.begun] == ["first"]
    worker.scheduler.ownership.taken = True
    with monkeypatch.context() as patch:
        patch.setattr(ground.store, "taken_from", lambda _worker: [row.no])
        worker.turns(1)
    assert worker.scheduler.cells.get(row.no) is None
    worker.perform()
    worker.turns()
    assert [attempt.callee.name for attempt in worker.begun] == ["first"]


def test_a_worker_that_was_taken_for_dead_asks_for_its_leases_anew(ground: Ground) -> None:
    """A lease is its process's, not its worker's."""
    two_steps(ground)
    worker = ground.worker("f")
    row = leased(worker)
    worker.lend(row, 10)
    worker.turns()
    ground.store.depose(worker.scheduler.ownership.worker, 1)
    worker.perform()
    worker.turns()
    ground.clock.jump(1)
    worker.turns()
    assert worker.perform() == ["first"]
    assert worker.now(row).owner == worker.scheduler.ownership.worker


def test_a_run_that_is_leased_no_more_is_anybodys(ground: Ground) -> None:
    """And one that isn't there is nobody's."""
    two_steps(ground)
    worker = ground.worker()
    row = leased(worker)
    worker.lend(row, 10)
    worker.scheduler.post(worker.scheduler.adoption.leasing.follow, "nobody")
    worker.turns()
    assert worker.scheduler.leases.held() == []
    assert worker.perform() == ["first"]


def test_an_end_is_told_once_the_lessee_has_it(ground: Ground) -> None:
    """Until then it is as if the run still went on, and then said why."""
    ground.flow("f", plus_one)
    worker = ground.worker("f")
    row = leased(worker)
    worker.lend(row, 10)
    worker.turns()
    assert worker.now(row).status == "done"
    leases, types = worker.scheduler.leases, ground.registry.types
    run: Run[Any] = Run(row.id, ground.store, types, ground.clock, leases=leases)
    worker.lender.has = False
    for waits in (run.result, run.wait):
        with pytest.raises(NotSafeYet):
            waits(0.0)
    worker.lender.has = True
    assert run.wait(0.0) == "done"
    assert run.result(0.0) == 2


def test_a_batch_that_is_sent_again_bears_less(ground: Ground) -> None:
    """What it bears of a run whose lease ended meanwhile is left out, however often it is tried."""
    two_steps(ground)
    worker = ground.worker("f")
    row = leased(worker)
    worker.lend(row, 10)
    worker.turns()
    before = worker.kinds(row)
    worker.perform()

    def fail() -> None:
        ground.clock.jump(10)
        worker.before = lambda: None
        raise StoreUnavailable("away")

    worker.before = fail
    worker.turns()
    ground.clock.jump(2)
    worker.turns()
    assert worker.kinds(row) == before
    worker.lend(row, 10)
    worker.turns()
    assert worker.perform() == ["first"]
