"""Schedules on a store: fired once per instant, over restarts, crashes, clocks and overlaps."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everflow import Registry, Status, ask, flow, node
from everflow.core.faults import Scheduled
from everflow.engine.records.currents import write_currents
from everflow.engine.records.queues import Queues
from everflow.engine.schedules.spec import schedule
from everflow.errors import BadSchedule, StoreUnavailable
from everflow.store import NewRun, Put, RunQuery, Store
from everflow.stores.memory import MemoryStore
from everflow.stores.refusals import Inconsistent
from everflow.stores.sqlite import SQLiteStore
from everflow.testing.clock import JumpClock
from everflow.testing.harness import Harness, harness

HOME = Registry()
BEGIN = datetime(2026, 3, 27, 12, tzinfo=UTC)
DAILY = "0 7 * * *"


@node
def tell(given: Scheduled[str]) -> str:
    """What it was started with."""
    return f"{given.value} {given.schedule} {given.at:%d %H:%M}"


telling = flow("telling", tell, registry=HOME)
asking = flow("asking", ask("go", bool), registry=HOME)


@pytest.fixture(params=["memory", "sqlite"])
def h(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Harness[Any, Any]]:
    """A harness over either store, at noon of a day before clocks change in Europe."""
    store: Store = (
        MemoryStore() if request.param == "memory" else SQLiteStore.open(tmp_path / "everflow.db")
    )
    clock = JumpClock(round(BEGIN.timestamp() * 1_000_000))
    with harness(asking, store=store, clock=clock, registry=HOME) as made:
        yield made
    store.close()


def results(h: Harness[Any, Any]) -> list[Any]:
    return [run.result() for run in h.runs()]


def statuses(h: Harness[Any, Any]) -> list[Status]:
    return [run.status for run in h.runs()]


def add(h: Harness[Any, Any], when: str | timedelta = DAILY, **settings: Any) -> None:
    h.schedules.add(schedule("nightly", when, "asking", None, **settings))


def test_a_test_that_jumps_days_sees_a_schedule_fire(h: Harness[Any, Any]) -> None:
    """B140: at seven by the clocks of its zone, each instant once, with its time."""
    berlin = schedule("nightly", DAILY, telling, "hi", zone="Europe/Berlin", instant=True)
    h.schedules.add(berlin)
    assert h.runs() == []
    h.jump(days=3)
    assert results(h) == ["hi nightly 28 06:00", "hi nightly 29 05:00", "hi nightly 30 05:00"]
    assert h.store.runs(RunQuery())[0].key == "schedule:nightly:2026-03-28T06:00:00Z"


def test_over_a_restart_what_was_missed_is_caught_up_with(h: Harness[Any, Any]) -> None:
    """B140: by default once, with the latest instant; nothing of what was fired comes again."""
    h.schedules.add(schedule("nightly", DAILY, telling, "hi", instant=True))
    h.jump(days=1)
    h.clock.jump(days=3)  # nobody is there
    h.restart()
    assert results(h) == ["hi nightly 28 07:00", "hi nightly 31 07:00"]
    missed = h.schedules.get("nightly").standing.missed
    assert missed is not None
    h.crash()
    h.restart()
    assert len(h.runs()) == 2


def test_each_missed_instant_has_its_run_if_so_wished(h: Harness[Any, Any]) -> None:
    """catch_up="all": one after the other, or all at once."""
    h.schedules.add(
        schedule("nightly", DAILY, telling, "hi", instant=True, catch_up="all", overlap="queue")
    )
    h.clock.jump(days=3)
    h.settle()
    assert [result[-8:] for result in results(h)] == ["28 07:00", "29 07:00", "30 07:00"]


def test_a_wall_clock_that_jumps_back_fires_nothing_twice(h: Harness[Any, Any]) -> None:
    """B140, B141: an instant that was decided stays so; a jump forward is a time missed."""
    add(h, overlap="allow")
    h.jump(days=1)
    assert len(h.runs()) == 1
    h.clock.jump_wall(days=-2)
    h.jump(hours=1)
    h.restart()
    assert len(h.runs()) == 1
    h.clock.jump_wall(days=5)
    h.settle()
    assert len(h.runs()) == 2
    h.clock.jump_wall(days=-3)
    h.jump(days=1)
    h.restart()
    assert len(h.runs()) == 2


def test_two_workers_fire_an_instant_once(tmp_path: Any) -> None:
    """B140: once over all processes; who comes second finds the record changed."""
    clock = JumpClock(round(BEGIN.timestamp() * 1_000_000))
    places = [SQLiteStore.open(tmp_path / "everflow.db") for _ in range(2)]
    with (
        harness(asking, store=places[0], clock=clock, registry=HOME) as one,
        harness(asking, store=places[1], clock=clock, registry=HOME) as other,
    ):
        add(one, timedelta(minutes=1), overlap="allow")
        for turn in range(6):
            clock.jump(minutes=1)
            for worker in (one, other) if turn % 2 else (other, one):
                worker.settle()
        assert len(one.runs()) == 6
    for store in places:
        store.close()


def test_an_active_run_lets_instants_pass(h: Harness[Any, Any]) -> None:
    """overlap="skip", the default: counted, and the first instant after its end is started."""
    add(h)
    h.jump(days=3)
    assert statuses(h) == [Status.SUSPENDED]
    assert h.schedules.get("nightly").standing.passed == 2
    h.answer(h.runs()[0], value=True)
    h.jump(days=1)
    assert statuses(h) == [Status.DONE, Status.SUSPENDED]


def test_instants_wait_for_their_turn(h: Harness[Any, Any]) -> None:
    """overlap="queue": the next is started as soon as the run before it has ended."""
    add(h, overlap="queue", limit=2)
    h.jump(days=4)
    assert statuses(h) == [Status.SUSPENDED]
    assert h.schedules.get("nightly").standing.passed == 1
    for ended in range(1, 4):
        h.answer(h.runs()[-1], value=True)
        assert statuses(h).count(Status.DONE) == ended
    assert len(h.runs()) == 3


def test_what_waits_is_started_by_whoever_looks(h: Harness[Any, Any]) -> None:
    """A worker that doesn't know of the wait finds it by its record, a little later."""
    add(h, overlap="queue")
    h.jump(days=2)
    h.restart()
    h.answer(h.runs()[0], value=True)
    h.jump(minutes=15)
    assert statuses(h) == [Status.DONE, Status.SUSPENDED]


def test_an_instant_replaces_the_run_before(h: Harness[Any, Any]) -> None:
    """overlap="replace": the active one is cancelled, then the new one is started."""
    add(h, overlap="replace")
    h.jump(days=3)
    assert statuses(h) == [Status.CANCELLED, Status.CANCELLED, Status.SUSPENDED]


def test_runs_are_started_beside_each_other(h: Harness[Any, Any]) -> None:
    """overlap="allow"."""
    add(h, overlap="allow")
    h.jump(days=3)
    assert statuses(h) == [Status.SUSPENDED] * 3


def test_runs_of_a_schedule_wait_in_their_queue(h: Harness[Any, Any]) -> None:
    """For a place, in their lane; so many schedules share one limit."""
    Queues(h.store, JumpClock(1), None).declare("mails", limit=1)
    add(h, overlap="allow", queue="mails", lane="news")
    h.jump(days=2)
    assert statuses(h) == [Status.SUSPENDED, Status.QUEUED]
    first, second = h.runs()
    row = h.store.runs(RunQuery())[1]
    assert (row.queue, row.lane) == ("mails", "news")
    h.answer(first, value=True)
    h.jump(seconds=1)
    assert second.status is Status.SUSPENDED


@pytest.mark.parametrize(
    ("given", "queue"), [({}, "own"), ({"queue": None}, ""), ({"queue": "mails"}, "mails")]
)
def test_runs_of_a_schedule_wait_in_the_queue_of_their_flow(
    h: Harness[Any, Any], given: dict[str, Any], queue: str
) -> None:
    """If it says nothing else; where the code isn't, by what a worker wrote down."""
    name = f"queued for {queue or 'nothing'}"
    flow(name, ask("go", bool), queue="own", registry=HOME)
    h.schedules.add(schedule("nightly", DAILY, name, None, overlap="allow", **given))
    h.jump(days=1)
    write_currents(h.store, HOME, at=1)
    del HOME.flows[name]
    h.jump(days=1)
    rows = h.store.runs(RunQuery())
    assert [(row.queue, row.lane) for row in rows] == [(queue, "")] * 2


def test_a_lane_without_a_queue_is_refused(h: Harness[Any, Any]) -> None:
    """Of a schedule as of any start; in the flow's own queue it is taken."""
    flow("alone", ask("go", bool), registry=HOME)
    flow("in line", ask("go", bool), queue="own", registry=HOME)
    with pytest.raises(BadSchedule, match="alone has none of its own"):
        h.schedules.add(schedule("nightly", DAILY, "alone", None, lane="ann"))
    assert h.store.records("schedule") == []
    h.schedules.add(schedule("nightly", DAILY, "in line", None, lane="ann"))
    h.jump(days=1)
    (row,) = h.store.runs(RunQuery())
    assert (row.queue, row.lane) == ("own", "ann")


def test_a_paused_schedule_lets_its_instants_pass(h: Harness[Any, Any]) -> None:
    """And goes on with the first instant after the pause."""
    add(h, overlap="allow")
    h.schedules.pause("nightly", "holidays")
    assert h.schedules.get("nightly").next is None
    h.jump(days=3)
    h.restart()
    assert (h.runs(), h.schedules.get("nightly").standing.reason) == ([], "holidays")
    h.schedules.unpause("nightly")
    h.schedules.unpause("nightly")
    assert h.runs() == []
    h.jump(days=1)
    assert len(h.runs()) == 1


def test_jitter_delays_by_the_same_for_each_instant(h: Harness[Any, Any]) -> None:
    """So that all that is due at midnight doesn't start at once; the instant stays what it is."""
    add(h, overlap="allow", jitter=timedelta(hours=2))
    delay = h.schedules.get("nightly").plan.delay("nightly")
    h.jump(hours=19)
    assert h.runs() == []
    h.jump(timedelta(microseconds=delay - 1))
    assert h.runs() == []
    h.jump(timedelta(microseconds=1))
    assert len(h.runs()) == 1
    assert h.store.runs(RunQuery())[0].key == "schedule:nightly:2026-03-28T07:00:00Z"
    h.jump(days=1)
    assert len(h.runs()) == 2


def test_many_schedules_fire_at_one_instant(h: Harness[Any, Any]) -> None:
    """More than fit into one transaction: the turns go on until all have fired."""
    for number in range(7):
        h.schedules.add(schedule(f"s{number}", DAILY, "asking"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("everflow.engine.schedules.firing.MOST", 2)
        h.jump(days=1)
    assert len(h.runs()) == 7
    assert len(h.runs("s3")) == 1


def test_a_schedule_that_a_process_cannot_read_is_left_to_others(
    h: Harness[Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Said once; the others are fired all the same, and nothing spins."""
    add(h, timedelta(hours=1), overlap="allow")
    h.store.write([Put(kind="schedule", key="broken", body='{"plan":7}', due=0)], at=h.clock.wall())
    h.restart()
    h.jump(hours=2)
    assert len(h.runs()) == 2
    assert caplog.text.count("the schedule broken can't be fired by this process") == 1


def test_a_crash_between_instants_changes_nothing(h: Harness[Any, Any]) -> None:
    """What is fired is in the store, what isn't is found there."""
    add(h, overlap="allow")
    for _ in range(3):
        h.jump(days=1)
        h.crash()
    assert len(h.runs()) == 3


class Cut:
    """Fails one commit of firings: before it is done, or after it was."""

    def __init__(self, store: Store, at: int, *, done: bool) -> None:
        self._write, self._left, self._done = store.write, at, done

    def __call__(self, *puts: Any, **rest: Any) -> Any:
        self._left -= 1
        if self._left != 0:
            return self._write(*puts, **rest)
        if self._done:
            self._write(*puts, **rest)
        raise StoreUnavailable("cut off")


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_commit_of_which_one_does_not_know_fires_nothing_twice(
    h: Harness[Any, Any], monkeypatch: pytest.MonkeyPatch, at: int, done: bool
) -> None:
    """B140: whether it was done or not, and whether the worker lives on or not."""
    add(h, timedelta(hours=1), overlap="allow")
    monkeypatch.setattr(h.store, "write", Cut(h.store, at, done=done))
    h.jump(hours=4)
    h.clock.jump(minutes=1)
    h.settle()
    if at == 2:
        h.crash()
    keys = [row.key for row in h.store.runs(RunQuery())]
    assert len(keys) == 4
    assert len(set(keys)) == 4
    assert statuses(h) == [Status.SUSPENDED] * 4


def test_what_the_store_refuses_is_put_off_and_the_others_are_fired(
    h: Harness[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """B140: a schedule whose start is refused holds up nobody, and is tried again later."""
    h.schedules.add(schedule("bad", timedelta(hours=1), "asking", None))
    h.schedules.add(schedule("good", timedelta(hours=1), telling, "hi", instant=True))
    real, times = h.store.write, list[int]()

    def write(*puts: Any, starts: Sequence[NewRun] = (), **rest: Any) -> Any:
        if any(run.flow == "asking" for run in starts):
            times.append(1)
            raise Inconsistent("The store refused an inconsistent row: no such word.")
        return real(*puts, starts=starts, **rest)

    monkeypatch.setattr(h.store, "write", write)
    h.jump(minutes=61)
    assert [row.flow for row in h.store.runs(RunQuery())] == ["telling"]
    assert len(times) == 2
    monkeypatch.undo()
    h.jump(minutes=20)
    assert sorted(row.flow for row in h.store.runs(RunQuery())) == ["asking", "telling"]
