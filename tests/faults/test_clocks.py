"""RELIABILITY 14: the time of day jumps by two days, either way: nothing fires early or hangs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from everflow import Config, Engine, Status, ask, flow, node, sleep, sleep_until, timeout, try_catch
from tests.engine.support import DAY, JumpClock
from tests.faults.outside import until

CONFIG = Config(poll_s=0.005)
HOUR = 3600.0
gate = Event()


@node(inline=True)
def both(pair: tuple[int, int]) -> int:
    return pair[0] + pair[1]


@node
def hold(x: int) -> int:
    gate.wait(30)
    return x


@node(inline=True)
def gave_up(caught: object) -> int:
    return -1


napping = flow("clock-nap", sleep(timedelta(hours=1)))
asking = flow("clock-ask", ask("go", int, within=timedelta(hours=1), default=7) >> both)
bounded = flow("clock-bound", try_catch(timeout(timedelta(hours=1), hold), gave_up))


AT_REST = [Status.WAITING, Status.SUSPENDED, Status.RUNNING]


@pytest.mark.parametrize("days", [2, -2])
def test_durations_do_not_see_a_jump_of_the_time_of_day(days: int, tmp_path: Path) -> None:
    """A sleep, a deadline and a timeout of an hour take an hour by any clock (B025, B032)."""
    clock = JumpClock()
    gate.clear()
    with Engine(tmp_path / "store.db", config=CONFIG, clock=clock) as engine:
        runs = [engine.start(each, 5) for each in (napping, asking, bounded)]
        until(lambda: [run.status for run in runs] == AT_REST)
        clock.jump(HOUR / 2)
        clock.set_wall(days * DAY)
        later = engine.start(napping, 6)
        until(lambda: later.status is Status.WAITING)
        clock.jump(HOUR / 2 - 60)
        engine.join(0.2)
        assert [run.status for run in runs] == AT_REST
        clock.jump(61)
        assert [run.result(10) for run in runs] == [5, 12, -1]
        assert later.status is Status.WAITING
        clock.jump(HOUR / 2)
        assert later.result(10) == 6
        gate.set()


@pytest.mark.parametrize("days", [2, -2])
def test_a_point_in_time_is_meant_by_the_time_of_day(days: int, tmp_path: Path) -> None:
    """A sleep until a date follows the clock on the wall, where that was set to."""
    clock = JumpClock()
    now = datetime.fromtimestamp(clock.wall() / 1_000_000, UTC)
    dated = flow("clock-dated", sleep_until(now + timedelta(days=1)))
    with Engine(tmp_path / "store.db", config=CONFIG, clock=clock) as engine:
        run = engine.start(dated, 5)
        until(lambda: run.status is Status.WAITING)
        clock.set_wall(days * DAY)
        clock.jump(2)  # a point in time is looked at again each second
        if days < 0:
            clock.jump(2 * DAY)
            engine.join(0.1)
            assert run.status is Status.WAITING
            clock.jump(DAY)
        assert run.result(10) == 5


@pytest.mark.parametrize("days", [2, -2])
def test_a_jump_while_nobody_runs_holds_up_nothing(days: int, tmp_path: Path) -> None:
    """Over a restart the wall clock is believed, never below the highest time in the store."""
    place = tmp_path / "store.db"
    with Engine(place, config=CONFIG) as engine:
        run = engine.start(napping, 5).id
        asked = engine.start(asking, 1).id
        engine.join(10)
    clock = JumpClock()
    clock.set_wall(days * DAY)
    with Engine(place, config=CONFIG, clock=clock) as engine:
        engine.join(0.2)
        if days < 0:
            assert engine.run(run).status is Status.WAITING
            engine.resume(asked, 2)
            assert engine.run(asked).result(10) == 3
            clock.jump(HOUR + 5)
        until(lambda: engine.run(run).status is Status.DONE, 10)
