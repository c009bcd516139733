"""Code that changes under runs: settings move, shapes stay, what is missing is waited for."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zlib import crc32

import pytest

from everflow import Flow, NodeRun, Run, ask, const, retry, suspend
from everflow.core.entries import Kind, decode_body
from everflow.errors import NameTaken, NoSuchFlow, RunBlocked, RunFailed
from tests.engine.support import (
    DAY,
    PATIENT,
    World,
    kinds,
    plus_one,
    see_all,
    seen_by,
    settle,
    step,
    until,
)


def test_changed_settings_move_to_running_runs(world: World) -> None:
    """A new retry count holds for runs that were started under the old one; the journal says so."""

    def fails(x: int, run: NodeRun) -> int:
        world.seen.append(run.attempt)
        raise ValueError("no")

    def build(attempts: int) -> Flow[Any, Any]:
        return world.flow("f", suspend("go") >> retry(attempts, step(fails)))

    with world.engine() as engine:
        run = engine.start(build(1), 1).id
        settle(engine.run(run))
    world.deploy()
    build(3)
    with world.engine() as engine:
        engine.resume(run, 5)
        with pytest.raises(RunFailed):
            engine.run(run).result(PATIENT)
        assert Kind.MOVED in kinds(engine, run)
        assert engine.run(run).row().definition == engine.client.definition("f").hash
    assert world.seen == [1, 2, 3]


def test_a_moved_run_is_read_again_by_another_engine(world: World) -> None:
    """Its journal holds two definitions, each for its own part."""

    def build(text: str) -> None:
        world.deploy()
        world.flow("f", suspend("go") >> suspend("more") >> const(text))

    build("old")
    with world.engine() as engine:
        run = engine.start("f", 1).id
        settle(engine.run(run))
    for text in ("newer", "newest"):
        build(text)
        with world.engine(warm_runs=1) as engine:
            engine.resume(run, 1)
            assert settle(engine.run(run)) in {"suspended", "done"}
    assert text == "newest"
    with world.engine() as engine:
        assert engine.run(run).result(PATIENT) == "newest"
        assert kinds(engine, run).count(Kind.MOVED) == 2


def test_a_changed_shape_stays_with_the_runs_that_were_started_with_it(world: World) -> None:
    """Old runs go on as they were; new ones take the new shape."""
    world.flow("f", suspend("go") >> plus_one)
    with world.engine() as engine:
        run = engine.start("f", 1).id
        settle(engine.run(run))
    world.deploy()
    world.flow("f", suspend("go") >> plus_one >> plus_one >> plus_one)
    with world.engine() as engine:
        engine.resume(run, 1)
        assert engine.run(run).result(PATIENT) == 2
        new: Run[Any] = engine.start("f", 1)
        settle(new)
        engine.resume(new, 1)
        assert new.result(PATIENT) == 4
        assert Kind.MOVED not in kinds(engine, run)


def test_bodies_are_todays(world: World) -> None:
    """A run pinned to its shape calls the function that is there now."""
    world.flow("f", suspend("go") >> step(lambda x: f"old {x}", name="say"))
    with world.engine() as engine:
        run = engine.start("f", 1).id
        settle(engine.run(run))
    world.deploy()
    world.flow("f", suspend("go") >> step(lambda x: f"new {x}", name="say"))
    with world.engine() as engine:
        engine.resume(run, 1)
        assert engine.run(run).result(PATIENT) == "new 1"


def test_a_missing_node_blocks_and_the_run_goes_on_when_it_is_back(world: World) -> None:
    """It parks with the reason, loses nothing, and needs nobody (B065)."""

    def build() -> None:
        world.flow("f", suspend("go") >> step(lambda x: x * 2, name="twice"))

    build()
    with world.engine() as engine:
        run = engine.start("f", 1).id
        settle(engine.run(run))
    world.deploy()
    with world.connect() as outside:
        outside.resume(run, 21)
    with world.engine() as engine:
        assert settle(engine.run(run)) == "blocked"
        with pytest.raises(RunBlocked, match=r"until code: .*has twice"):
            engine.run(run).result(PATIENT)
        build()  # its module is imported
        until(lambda: engine.run(run).status == "done")
        assert engine.run(run).result() == 42


def test_a_missing_node_is_waited_for_over_engines(world: World) -> None:
    """An engine without the code leaves the run to one that has it."""
    build = step(lambda x: x * 2, name="twice")
    world.flow("f", suspend("go") >> build)
    with world.engine() as engine:
        run = engine.start("f", 1).id
        settle(engine.run(run))
    with world.connect() as outside:
        outside.resume(run, 21)
    other = World(world.where)
    other.clock = world.clock
    with other.engine() as without:
        until(lambda: without.run(run).status == "blocked")
        with world.engine() as engine:
            until(lambda: engine.run(run).status == "done")
            assert engine.run(run).result() == 42


def test_a_started_flow_with_a_node_that_is_gone_is_unknown(world: World) -> None:
    """Starting by name needs the flow here (B061)."""
    world.flow("f", plus_one)
    world.deploy()
    with world.engine() as engine, pytest.raises(NoSuchFlow):
        engine.start("f", 1)


@dataclass
class Old:
    name: str


@dataclass
class New:
    name: str
    size: int


def test_a_value_that_todays_code_cannot_take_parks_the_run(world: World) -> None:
    """Nothing is lost: with matching code the run goes on from there (B045)."""

    def takes_old(thing: Any) -> str:
        return f"{thing['name']} fine"

    def takes_new(thing: New) -> str:
        return "never"

    world.flow("f", suspend("go") >> step(takes_old, name="takes"))
    with world.engine() as engine:
        run = engine.start("f", 1).id
        settle(engine.run(run))
    world.deploy()
    world.flow("f", suspend("go") >> step(takes_new, name="takes"))
    with world.engine() as engine:
        engine.resume(run, {"name": "tea"})
        assert settle(engine.run(run)) == "blocked"
        with pytest.raises(RunBlocked, match=r"(?s)takes at \./1: .*size"):
            engine.run(run).result(PATIENT)
    world.deploy()
    world.flow("f", suspend("go") >> step(takes_old, name="takes"))
    with world.engine() as engine:
        until(lambda: engine.run(run).status == "done")
        assert engine.run(run).result() == "tea fine"


def test_a_misfit_in_a_wide_run_parks_it_whole_and_nothing_is_recorded_twice(
    world: World,
) -> None:
    """Siblings' results in the same batch stay; what still ran is run again later."""
    from everflow import parallel

    effect = step(seen_by(world), name="effect", inline=True)

    def bad(x: New) -> int:
        return 2

    def good(x: Any) -> int:
        return 3

    def build(third: Any) -> None:
        world.deploy()
        world.flow("f", see_all >> parallel(effect, effect, step(third, name="third", inline=True)))

    build(bad)
    with world.engine() as engine:
        run = engine.start("f", "plain").id
        assert settle(engine.run(run)) == "blocked"
    build(good)
    with world.engine() as engine:
        until(lambda: engine.run(run).status == "done")
        assert engine.run(run).result() == ("plain", "plain", 3)
    assert world.seen == ["plain", "plain"]


def test_an_unknown_frame_parks_the_run(memory: World) -> None:
    """A snapshot of a later release isn't guessed at."""
    memory.flow("f", see_all >> suspend("go") >> suspend("more") >> see_all)
    with memory.engine(warm_runs=1) as engine:
        run = engine.start("f", "x" * 20_000).id
        settle(engine.run(run))
        engine.resume(run, "y" * 20_000)
        settle(engine.run(run))
        row = engine.run(run).row()
        store = engine.client.store
        assert row.base > 0, "the run has a snapshot by now"
        bodies = store.journal(row.no)
    base = next(body for _, seq, body, _ in bodies if seq == row.base)
    assert decode_body(base).kind == Kind.BASE
    edited = base.replace('"version":1', '"version":99', 1)
    assert edited != base
    entries = memory.where._entries[row.no]  # type: ignore[union-attr]  # noqa: SLF001 - nothing outside shows it
    entries[row.base] = (row.no, row.base, edited, crc32(edited.encode()))
    with memory.engine() as engine:
        engine.resume(run, 1)
        until(lambda: engine.run(run).status == "blocked")
        assert engine.run(run).row().until == "code"


def test_a_second_flow_under_a_taken_name_is_refused(world: World) -> None:
    """From another module; the same module may define it anew (B009)."""
    world.flow("f", plus_one)
    with pytest.raises(NameTaken, match="'f' is defined in"):
        world.registry.add_flow("f", world.flow("g", plus_one), "another.module")


def test_two_functions_under_one_name_are_refused(world: World) -> None:
    """A given name is as unique as a canonical one."""
    world.flow("f", step(lambda x: 1, name="same"))
    with pytest.raises(NameTaken, match="two functions are named 'same'"):
        world.flow("g", step(lambda x: 2, name="same"))


def test_two_registries_are_two_applications(memory: World) -> None:
    """Two engines in one process don't see each other's flows."""
    memory.flow("f", step(lambda x: "mine", name="say"))
    other = World(memory.where)
    other.flow("f", step(lambda x: "theirs", name="say"))
    with memory.engine() as one:
        assert one.start("f", 1).result(PATIENT) == "mine"
    with other.engine() as two:
        assert two.start("f", 1).result(PATIENT) == "theirs"


def test_a_shortened_deadline_moves_to_questions_that_come(world: World) -> None:
    """An open question keeps the deadline that it was asked with."""

    def build(days: int) -> None:
        world.deploy()
        within = timedelta(days=days)
        world.flow(
            "f",
            ask("a", bool, within=within, default=False)
            >> ask("b", bool, within=within, default=False),
        )

    build(10)
    with world.engine() as engine:
        run = engine.start("f", 1).id
        settle(engine.run(run))
    build(1)
    with world.engine() as engine:
        world.clock.jump(9 * DAY)
        assert engine.join(PATIENT)
        assert [q.tag for q in engine.questions(run)] == ["a"]
        world.clock.jump(1.1 * DAY)
        until(lambda: [q.tag for q in engine.questions(run)] == ["b"])
        world.clock.jump(1.1 * DAY)
        assert engine.run(run).result(PATIENT) == ((1, False), False)


def test_flows_may_be_defined_while_the_engine_runs(world: World) -> None:
    """From any thread; each can be started at once (B009)."""
    with world.engine() as engine:
        results: list[Any] = []

        def define(n: int) -> None:
            flow = world.flow(f"f{n}", plus_one >> const(n))
            results.append(engine.start(flow, 1).result(PATIENT))

        threads = [threading.Thread(target=define, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == list(range(8))
