"""Changed flows under running runs: what is said before, and what an upgrade does (B045, B065)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from everflow import Run, const, suspend
from everflow.core.entries import Kind, decode_body
from everflow.core.matching import Fit
from everflow.core.upgrade import read_upgrade
from everflow.engine.operating.checking import Checked
from everflow.engine.records.audit import audit_lines
from everflow.errors import NoSuchFlow, UnresolvedName
from tests.engine.support import PATIENT, World, kinds, plus_one, settle, step, until


def waiting(world: World, *answers: str) -> str:
    """A run of today's flow that waits for its next answer."""
    with world.engine() as engine:
        run = engine.start("f", 1).id
        for tag in answers:
            settle(engine.run(run))
            engine.resume(run, tag, tag=tag)
        settle(engine.run(run))
    return run


def said(world: World) -> dict[str, Fit]:
    """The verdict on each open run."""
    with world.connect() as flows:
        return {found.run: found.fit for found in flows.check()}


def only(world: World) -> Checked:
    """The verdict on the only one."""
    with world.connect() as flows:
        (found,) = flows.check()
        return found


def test_each_kind_of_change_has_its_verdict(world: World) -> None:
    """Before a deploy, with nobody working."""
    world.flow("f", suspend("a") >> suspend("b") >> const("old"))
    first, second = waiting(world), waiting(world, "a")
    assert said(world) == {first: Fit.SAME, second: Fit.SAME}
    world.deploy()
    world.flow("f", suspend("a") >> suspend("b") >> const("new"))
    assert said(world) == {first: Fit.SETTINGS, second: Fit.SETTINGS}
    world.deploy()
    world.flow("f", suspend("a") >> plus_one >> const("new"))
    assert said(world) == {first: Fit.MOVES, second: Fit.CANNOT}
    world.deploy()
    assert said(world) == {first: Fit.SAME, second: Fit.SAME}


def test_an_upgrade_moves_a_run_and_says_who_asked(world: World) -> None:
    """Asked while nobody works, done by the next worker, in the journal for ever."""
    world.flow("f", suspend("go") >> const("old"))
    run = waiting(world)
    world.deploy()
    world.flow("f", const(0) >> suspend("go") >> const("new"))
    with world.connect() as flows:
        (dry,) = flows.upgrade(dry=True)
        (asked,) = flows.upgrade([run], by="ann")
        (line,) = audit_lines(flows.store)
    assert (dry.fit, asked.fit, dry.passed) == (Fit.MOVES, Fit.MOVES, ("./0.1",))
    assert (line.action, line.run, line.by) == ("upgrade", run, "ann")
    with world.engine(warm_runs=1) as engine:
        until(lambda: Kind.UPGRADED in kinds(engine, run))
        engine.resume(run, 1)
        assert engine.run(run).result(PATIENT) == "new"
    with world.engine() as engine:
        assert kinds(engine, run).count(Kind.UPGRADED) == 1
        store = engine.client.store
        bodies = [body for _, _, body, _ in store.journal(engine.run(run).row().no)]
        (entry,) = [e for e in map(decode_body, bodies) if e.kind == Kind.UPGRADED]
        assert read_upgrade(entry.payload).by == "ann"
        assert store.definition(entry.note) is not None


def test_a_run_in_memory_is_moved_by_its_owner(world: World) -> None:
    """While it waits; and it takes later settings by itself, as any run does."""
    world.flow("f", suspend("go") >> const("old"))
    with world.engine() as engine:
        run: Run[Any] = engine.start("f", 1)
        settle(run)
        world.flow("f", plus_one >> suspend("go") >> const("new"))
        with world.connect() as flows:
            flows.upgrade(flow="f")
        until(lambda: Kind.UPGRADED in kinds(engine, run.id))
        assert said(world) == {run.id: Fit.SAME}
    world.deploy()
    world.flow("f", plus_one >> suspend("go") >> const("newest"))
    assert said(world) == {run.id: Fit.SETTINGS}
    with world.engine() as engine:
        engine.resume(run.id, 1)
        assert engine.run(run.id).result(PATIENT) == "newest"


def test_an_upgrade_that_comes_too_late_is_dropped(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The verdict at the moment of applying counts, and the log says so."""
    world.flow("f", suspend("a") >> suspend("b") >> const("old"))
    run = waiting(world)
    old = World(world.where)
    old.clock, old.registry = world.clock, world.registry
    world.deploy()
    world.flow("f", suspend("a") >> step(lambda x: "new", name="fresh"))
    with world.connect() as flows:
        assert [found.fit for found in flows.upgrade()] == [Fit.MOVES]
    with old.engine() as engine:
        engine.resume(run, 1, tag="a")
        until(lambda: [q.tag for q in engine.questions(run)] == ["b"])
    with world.engine() as engine:
        engine.resume(run, 1, tag="b")
        assert engine.run(run).result(PATIENT) == "old"
        assert Kind.UPGRADED not in kinds(engine, run)
    assert "wasn't upgraded: at ./1 the new flow has no such step" in caplog.text
    with world.connect() as flows:
        asked, refused = audit_lines(flows.store)
    assert (asked.action, asked.subject, asked.detail["runs"]) == ("upgrade", "flow:f", 1)
    assert (refused.action, refused.run) == ("upgrade refused", run)
    assert refused.detail["position"] == "./1"


def test_a_run_that_cannot_move_is_not_asked(world: World) -> None:
    """It goes on in its old shape."""
    world.flow("f", suspend("a") >> plus_one)
    run = waiting(world)
    world.deploy()
    world.flow("f", suspend("else") >> plus_one)
    with world.connect() as flows:
        (found,) = flows.upgrade()
        assert (found.fit, found.position) == (Fit.CANNOT, "./0")
        assert not flows.store.load([found.no])[0].arrivals
    with world.engine() as engine:
        engine.resume(run, 1)
        assert engine.run(run).result(PATIENT) == 2


def test_code_that_is_gone_is_said_and_an_upgrade_leads_past_it(world: World) -> None:
    """The old shape needs a function that nobody has; the run stands behind it."""
    world.flow("f", step(lambda x: x, name="gone") >> suspend("go") >> plus_one)
    run = waiting(world)
    world.deploy()
    world.flow("f", suspend("else") >> plus_one)
    missing = only(world)
    assert missing.fit is Fit.MISSING
    assert "has gone, and the run can't be upgraded: " in missing.reason
    world.deploy()
    world.flow("f", suspend("go") >> plus_one)
    found = only(world)
    assert (found.fit, found.parked) == (Fit.MOVES, True)
    with world.engine() as engine:
        with world.connect() as flows:
            flows.resume(run, 41)
        until(lambda: engine.run(run).status == "blocked")
        with world.connect() as flows:
            flows.upgrade(by="ann")
        until(lambda: engine.run(run).status == "done")
        assert engine.run(run).result() == 42


def test_a_worker_without_the_new_code_leaves_the_wish_to_the_next(world: World) -> None:
    """The run goes on as it was until then."""
    world.flow("f", suspend("go") >> suspend("more") >> const("old"))
    run = waiting(world)
    old = World(world.where)
    old.clock, old.registry = world.clock, world.registry
    world.deploy()
    world.flow("f", suspend("go") >> suspend("more") >> step(lambda x: "new", name="fresh"))
    with world.connect() as flows:
        flows.upgrade()
    with old.engine() as engine:
        engine.resume(run, 1, tag="go")
        until(lambda: [q.tag for q in engine.questions(run)] == ["more"])
        assert Kind.UPGRADED not in kinds(engine, run)
    with world.engine() as engine:
        engine.resume(run, 1, tag="more")
        assert engine.run(run).result(PATIENT) == "new"


def test_a_worker_that_lacks_both_waits_for_one_that_has_either(world: World) -> None:
    """It parks the run once, and doesn't take it again and again."""
    world.flow("f", step(lambda x: x, name="past") >> suspend("go") >> plus_one)
    run = waiting(world)
    world.deploy()
    world.flow("f", suspend("go") >> step(lambda x: x * 2, name="fresh"))
    with world.connect() as flows:
        flows.upgrade()
        flows.resume(run, 21)
    other = World(world.where)
    other.clock = world.clock
    with other.engine() as without:
        until(lambda: without.run(run).status == "blocked")
        with world.engine() as engine:
            until(lambda: engine.run(run).status == "done")
            assert engine.run(run).result() == 42


@dataclass
class Slim:
    name: str


@dataclass
class Wide:
    name: str
    size: int


def test_values_are_part_of_the_verdict(world: World) -> None:
    """What a step was given is read as today's function would (B045)."""

    def takes_slim(thing: Slim) -> str:
        raise ValueError(thing.name)

    def takes_wide(thing: Wide) -> str:
        return thing.name

    world.flow("f", const({"name": "tea"}) >> suspend("go") >> step(takes_slim, name="takes"))
    run = waiting(world)
    with world.connect() as flows:
        flows.resume(run, {"name": "tea"})
    world.deploy()
    with world.engine() as engine:
        until(lambda: engine.run(run).status == "blocked")
    world.flow("f", const({"name": "tea"}) >> suspend("go") >> step(takes_wide, name="takes"))
    with world.engine() as engine:
        until(lambda: "size" in engine.run(run).row().reason)
    misfit = only(world)
    assert (misfit.fit, misfit.position) == (Fit.MISFIT, "./2")
    assert "size" in misfit.reason


def test_a_definition_of_the_store_may_be_named(world: World) -> None:
    """Back to the shape of before, say; the shape of upgraded runs alone is refused."""
    world.flow("f", suspend("go") >> const("first"))
    waiting(world)
    world.flow("f", const(0) >> suspend("go") >> const("second"))
    run = waiting(world)
    with world.connect() as flows:
        before = next(f.definition for f in flows.check() if f.run != run)
        with pytest.raises(NoSuchFlow, match="no definition 'x'"):
            flows.upgrade(to="x")
        flows.upgrade([run], to=before)
    with world.engine() as engine:
        engine.resume(run, 1)
        assert engine.run(run).result(PATIENT) == "first"
        hash_ = engine.run(run).row().definition
    with world.connect() as flows, pytest.raises(UnresolvedName, match="upgraded runs alone"):
        flows.upgrade(to=hash_)


def test_a_run_that_is_ending_needs_nothing(world: World) -> None:
    """Neither one that is cancelled, nor one that ended since it was looked at."""
    world.flow("f", suspend("go") >> const("old"))
    run = waiting(world)
    world.deploy()
    world.flow("f", suspend("else") >> plus_one)
    with world.connect() as flows:
        flows.cancel(run)
        assert flows.upgrade()[0].fit is Fit.CANNOT
    with world.engine() as engine:
        until(lambda: engine.run(run).status == "cancelled")
        assert not list(flows_open(world))


def flows_open(world: World) -> list[Checked]:
    """What is open."""
    with world.connect() as flows:
        return list(flows.check())


def test_a_thousand_runs_are_upgraded_and_none_is_lost(world: World) -> None:
    """At once, and each gives the new flow's result."""
    world.flow("f", suspend("go") >> plus_one)
    with world.engine() as engine:
        runs: list[Run[Any]] = engine.start_all("f", range(1_000))
        assert engine.join(PATIENT)
    world.deploy()
    world.flow("f", plus_one >> suspend("go") >> plus_one >> plus_one)
    with world.connect() as flows:
        assert {found.fit for found in flows.upgrade(by="ann")} == {Fit.MOVES}
    with world.engine() as engine:
        tokens = [(f"{run.id}.go.1", 40) for run in runs]
        engine.answer_all(tokens)
        assert engine.join(PATIENT)
        assert {engine.run(run.id).result() for run in runs} == {42}
