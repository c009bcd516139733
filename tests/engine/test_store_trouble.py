"""Trouble of the engine's own store pauses runs and heals; it is never a run's failure."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from everflow import ask, parallel, suspend
from everflow.engine.driving.scheduler import FIRST_DELAY
from everflow.errors import RunBlocked, StoreDamaged, StoreFull, StoreReadOnly, StoreUnavailable
from tests.engine.shaky import Shaky
from tests.engine.support import (
    DAY,
    PATIENT,
    World,
    plus_one,
    see_all,
    seen_by,
    settle,
    step,
    until,
)


@pytest.fixture
def shaky() -> tuple[World, Shaky]:
    store = Shaky()
    return World(store), store


@pytest.mark.parametrize("error", [StoreUnavailable, StoreFull])
@pytest.mark.parametrize("after", [False, True], ids=["not done", "done but said failed"])
def test_runs_pause_and_go_on_by_themselves(
    shaky: tuple[World, Shaky], error: type[StoreUnavailable], after: bool
) -> None:
    """No node is begun meanwhile, no run fails, and none needs anybody's help."""
    world, store = shaky
    go = threading.Event()
    effect = step(seen_by(world), name="effect")
    flow = world.flow("f", step(lambda x: go.wait(PATIENT) and x, name="held") >> effect)
    with world.engine() as engine:
        runs = [engine.start(flow, n) for n in range(5)]
        store.after, store.down = after, error
        go.set()
        until(lambda: store.refused >= 3)
        assert world.seen == []
        store.down = None
        assert [run.result(PATIENT) for run in runs] == list(range(5))
    assert sorted(world.seen) == list(range(5))


def test_starts_and_answers_are_refused_clearly_meanwhile(shaky: tuple[World, Shaky]) -> None:
    """Nothing is acknowledged that isn't there."""
    world, store = shaky
    flow = world.flow("f", suspend("go"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        store.down = StoreFull
        with pytest.raises(StoreFull):
            engine.start(flow, 2)
        with pytest.raises(StoreFull):
            engine.resume(run, 2)
        store.down = None
        assert settle(run) == "suspended"
        engine.resume(run, 2)
        assert run.result(PATIENT) == 2
        assert len(engine.runs()) == 1


def test_an_ambiguous_call_is_sent_again(shaky: tuple[World, Shaky]) -> None:
    """Done but said failed: the second try gives the same run, not another one."""
    world, store = shaky
    flow = world.flow("f", suspend("go"))
    starts = store.start
    tries: list[int] = []

    def ambiguous(*args: Any) -> Any:
        rows = starts(*args)
        tries.append(1)
        if len(tries) == 1:
            raise StoreUnavailable("the answer was lost")
        return rows

    with world.engine() as engine:
        store.start = ambiguous  # type: ignore[method-assign, assignment]  # the seam of this test
        run = engine.start(flow, 1)
        assert settle(run) == "suspended"
        assert len(engine.runs()) == 1
    assert len(tries) == 2


def test_timers_are_given_the_outage(shaky: tuple[World, Shaky]) -> None:
    """A deadline of three days isn't over because the store was away for four."""
    world, store = shaky
    flow = world.flow("f", ask("ok", bool, within=timedelta(days=3), default=False))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        store.down = StoreUnavailable
        until(lambda: store.refused >= 2)
        world.clock.jump(4 * DAY)
        until(lambda: store.refused >= 4)
        store.down = None
        assert engine.join(PATIENT)
        assert run.status == "suspended"
        world.clock.jump(3.1 * DAY)
        assert run.result(PATIENT) == (1, False)


def test_results_that_come_meanwhile_are_kept(shaky: tuple[World, Shaky]) -> None:
    """A node that ended while the store was away isn't run again."""
    world, store = shaky
    begun, go = threading.Event(), threading.Event()

    @step
    def effect(x: int) -> int:
        world.seen.append(x)
        begun.set()
        go.wait(PATIENT)
        return x + 1

    flow = world.flow("f", effect)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        begun.wait(PATIENT)
        store.down = StoreUnavailable
        go.set()
        until(lambda: store.refused >= 2)
        store.down = None
        assert run.result(PATIENT) == 2
    assert world.seen == [1]


def test_large_inputs_that_can_not_be_read_are_read_later(shaky: tuple[World, Shaky]) -> None:
    """A node whose input stands in the store waits for it, in place or on a thread."""
    world, store = shaky
    text = "x" * 10_000
    gate = suspend("go")
    slow = step(lambda pair: len(pair[0]), name="length")
    quick = step(lambda pair: len(pair[0]), name="length_here", inline=True)
    flows = [
        world.flow("f", parallel(see_all, gate) >> slow),
        world.flow("g", parallel(see_all, gate) >> quick),
    ]
    with world.engine(warm_runs=1) as engine:
        runs = [engine.start(flow, text) for flow in flows]
        for run in runs:
            settle(run)
        settle(engine.start(world.flow("other", gate), 1))
        entries = store.entries
        failed: list[int] = []

        def fails_at_first(no: int, seqs: Sequence[int]) -> dict[int, str]:
            failed.append(no)
            if len(failed) <= 3:
                raise StoreUnavailable("not now")
            return entries(no, seqs)

        store.entries = fails_at_first  # type: ignore[method-assign]  # the seam of this test
        for run in runs:
            engine.resume(run, 1)
        assert [run.result(PATIENT) for run in runs] == [10_000, 10_000]
        assert len(failed) > 3


@pytest.mark.parametrize("inline", [False, True])
def test_a_damaged_entry_blocks_its_run_alone(shaky: tuple[World, Shaky], inline: bool) -> None:
    """Until the store is restored; the others go on."""
    world, store = shaky
    text = "x" * 10_000
    size = step(lambda pair: len(pair[0]), name="length", inline=inline)
    flow = world.flow("f", parallel(see_all, suspend("go")) >> size)
    with world.engine(warm_runs=1) as engine:
        run, other = engine.start(flow, text), engine.start(flow, text)
        settle(run)
        settle(other)
        entries, bad = store.entries, run.row().no

        def damaged(no: int, seqs: Sequence[int]) -> dict[int, str]:
            if no == bad:
                raise StoreDamaged("a checksum doesn't hold")
            return entries(no, seqs)

        store.entries = damaged  # type: ignore[method-assign]  # the seam of this test
        settle(engine.start(world.flow("third", suspend("go")), 1))
        for one in (run, other):
            engine.resume(one, 1)
        assert other.result(PATIENT) == 10_000
        until(lambda: run.status == "blocked")
        with pytest.raises(RunBlocked, match=r"until store: .*a checksum doesn't hold"):
            run.result(PATIENT)


def test_a_damaged_journal_blocks_its_run_alone(memory: World) -> None:
    """Found when it is loaded; the runs beside it are loaded all the same."""
    flow = memory.flow("f", suspend("go") >> plus_one)
    with memory.engine() as engine:
        runs = [engine.start(flow, n).id for n in range(4)]
        for run in runs:
            settle(engine.run(run))
        bad = engine.run(runs[1]).row().no
    with memory.connect() as outside:
        for run in runs:
            outside.resume(run, 1)
    tables: Any = memory.where
    no, seq, body, checksum = tables._entries[bad][0]  # noqa: SLF001 - nothing outside shows it
    tables._entries[bad][0] = (no, seq, body, checksum ^ 1)  # noqa: SLF001 - nothing outside shows it
    with memory.engine() as engine:
        for run in (runs[0], runs[2], runs[3]):
            assert engine.run(run).result(PATIENT) == 2
        until(lambda: engine.run(runs[1]).status == "blocked")
        assert engine.run(runs[1]).row().until == "store"


def test_a_run_whose_definition_is_lost_is_blocked(memory: World) -> None:
    """It needs the store, not code."""
    memory.flow("f", suspend("go") >> plus_one)
    with memory.engine() as engine:
        run = engine.start("f", 1).id
        settle(engine.run(run))
    with memory.connect() as outside:
        outside.resume(run, 1)
    tables: Any = memory.where
    tables._definitions.clear()  # noqa: SLF001 - nothing outside shows it
    memory.deploy()
    with memory.engine() as engine:
        until(lambda: engine.run(run).status == "blocked")
        assert engine.run(run).row().until == "store"


def test_closing_while_the_store_is_away_ends_in_time(shaky: tuple[World, Shaky]) -> None:
    """What isn't recorded is run again by the next engine."""
    world, store = shaky
    begun, go = threading.Event(), threading.Event()
    sees = seen_by(world)

    @step
    def effect(x: int) -> int:
        begun.set()
        go.wait(PATIENT)
        return int(sees(x))

    flow = world.flow("f", effect)
    with world.engine(grace_s=0.05, drain_s=0.05) as engine:
        run = engine.start(flow, 1).id
        begun.wait(PATIENT)
        store.down = StoreUnavailable
        go.set()
        until(lambda: store.refused >= 2 and world.seen == [1])
    store.down = None
    with world.engine() as engine:
        assert engine.run(run).result(PATIENT) == 1
    assert world.seen == [1, 1]


def test_a_heartbeat_that_can_not_be_written_is_told(
    shaky: tuple[World, Shaky], caplog: pytest.LogCaptureFixture
) -> None:
    """Once, and tried again."""
    world, store = shaky
    beats: list[int] = []

    def fails(worker: int) -> None:
        beats.append(worker)
        raise StoreReadOnly("no")

    with world.engine(watchdog_s=0.005) as engine:
        store.beat = fails  # type: ignore[method-assign]  # the seam of this test
        until(lambda: len(beats) > 2)
        assert caplog.text.count("heartbeat couldn't be written") == 1
        assert engine.start(world.flow("f", plus_one), 1).result(PATIENT) == 2


def test_a_worker_that_can_not_retire_is_told(
    shaky: tuple[World, Shaky], caplog: pytest.LogCaptureFixture
) -> None:
    """Others will find it dead."""
    world, store = shaky

    def fails(worker: int) -> None:
        raise StoreUnavailable("no")

    with world.engine():
        store.retire = fails  # type: ignore[method-assign]  # the seam of this test
    assert "couldn't be retired" in caplog.text


def test_reads_that_go_on_failing_are_tried_ever_more_seldom(memory: World) -> None:
    """Writes that go through meanwhile don't make it begin anew, as with a key that can't open."""
    flow = memory.flow("f", suspend("go") >> plus_one)
    with memory.engine() as engine:
        run = engine.start(flow, 1).id
        settle(engine.run(run))
    with memory.connect() as outside:
        outside.resume(run, 1)
    store: Any = memory.where
    load = store.load

    def away(_: Sequence[int]) -> list[Any]:
        raise StoreUnavailable("the key isn't given")

    store.load = away
    with memory.engine() as engine:
        scheduler: Any = engine._scheduler  # noqa: SLF001 - nothing outside shows it
        until(lambda: scheduler._delay >= 8 * FIRST_DELAY)  # noqa: SLF001 - nothing outside shows it
        store.load = load
        assert engine.run(run).result(PATIENT) == 2
