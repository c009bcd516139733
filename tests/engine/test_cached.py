"""Results by content in an engine: shared by runs and flows, kept with their entries."""

from __future__ import annotations

from typing import Any

import msgspec

from everflow import after, cached, const, dag, it, parallel
from everflow.engine.records.caches import cache_lines, check_cache, prune_cache
from everflow.store import Put
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, World, plus_one, seen_by, step


def counted(world: World, name: str) -> Any:
    """A node that leaves (its name, its input) in the world's list, and adds one."""

    def adds(x: Any) -> int:
        world.seen.append((name, x))
        return sum(x.values()) + 1 if isinstance(x, dict) else x + 1

    return step(adds, name=name)


def test_runs_and_flows_share_what_was_computed(world: World) -> None:
    """Over a restart too; another version is computed anew."""
    slow = step(seen_by(world), name="slow")
    one = world.flow("one", cached(slow) >> it["a"] >> plus_one)
    with world.engine() as engine:
        assert engine.start(one, {"a": 1, "b": 2}).result(PATIENT) == 2
        assert engine.start(one, {"b": 2, "a": 1}).result(PATIENT) == 2
    other = world.flow("other", cached(slow))
    newer = world.flow("newer", cached(slow, version="2"))
    with world.engine() as engine:
        assert engine.start(other, {"a": 1, "b": 2}).result(PATIENT) == {"a": 1, "b": 2}
        assert len(world.seen) == 1
        engine.start(newer, {"a": 1, "b": 2}).result(PATIENT)
        engine.start(other, {"a": 1}).result(PATIENT)
    assert len(world.seen) == 3


def test_only_what_changed_is_computed_again(world: World) -> None:
    """B154: of a dag, the vertex whose input or version changed and what depends on it."""

    def site(version: str = "1") -> Any:
        texts: Any = cached(counted(world, "texts"), version=version)
        return world.flow(
            "site",
            dag(
                text=it["text"],
                style=it["style"],
                page=after("text", texts),
                look=after("style", counted(world, "look")),
                whole=after("page", "look", counted(world, "whole")),
                give="whole",
            ),
        )

    ran: list[list[str]] = []
    with world.engine() as engine:
        for version, given in (
            ("1", {"text": 1, "style": 10}),
            ("1", {"text": 1, "style": 10}),
            ("1", {"text": 1, "style": 20}),
            ("2", {"text": 1, "style": 20}),
        ):
            world.deploy()
            assert engine.start(site(version), given).result(PATIENT) == sum(given.values()) + 3
            ran.append(sorted(name for name, _ in world.seen))
            world.seen.clear()
    assert ran == [["look", "texts", "whole"], [], ["look", "whole"], ["texts"]]


def test_what_fails_is_computed_again(world: World) -> None:
    """An error isn't kept."""

    def fails_once(x: int) -> int:
        world.seen.append(x)
        if len(world.seen) == 1:
            raise ConnectionError("away")
        return x

    flow = world.flow("f", cached(step(fails_once)))
    with world.engine() as engine:
        assert engine.start(flow, 1).wait(PATIENT) == "failed"
        assert [engine.start(flow, 1).result(PATIENT) for _ in range(2)] == [1, 1]
    assert world.seen == [1, 1]


def test_a_record_tells_where_it_is_from_and_is_checked() -> None:
    """By its key, its checksum, and its run's journal; a damaged one is a miss."""
    store = MemoryStore()
    world = World(store)
    flow = world.flow("f", cached(step(seen_by(world), name="slow")))
    with world.engine() as engine:
        run = engine.start(flow, "x")
        assert run.result(PATIENT) == "x"
        (line,) = cache_lines(store)
        assert line.result is not None
        assert (line.result.run, line.result.flow) == (run.id, "f")
        assert (line.result.nodes, line.result.value, line.size) == (["slow"], '"x"', 3)
        assert check_cache(store, line) == ""
        other = msgspec.structs.replace(line.result, seq=0)
        assert "tells of another result" in check_cache(
            store, msgspec.structs.replace(line, result=other)
        )
        gone = msgspec.structs.replace(line.result, run="gone")
        assert check_cache(store, msgspec.structs.replace(line, result=gone)) == ""
        none = msgspec.structs.replace(line.result, seq=99)
        lost = check_cache(store, msgspec.structs.replace(line, result=none))
        assert lost == "its run's entry can't be read"
        store.write([Put(kind="cache", key=line.key, body="{}")], at=1)
        (broken,) = cache_lines(store)
        assert "isn't what its key says" in check_cache(store, broken)
        assert engine.start(flow, "x").result(PATIENT) == "x"
        assert world.seen == ["x", "x"]


def test_pruned_results_are_computed_again() -> None:
    """Those of some keys, those from before a time, or all."""
    store = MemoryStore()
    world = World(store)
    flow = world.flow("f", cached(step(seen_by(world), name="slow")))
    with world.engine() as engine:
        for number in (1, 2):
            engine.start(flow, number).result(PATIENT)
        first, second = cache_lines(store)
        at = max(first.at, second.at)
        assert prune_cache(store, at=at, before=min(first.at, second.at)) == 0
        assert prune_cache(store, at=at, keys=[second.key]) == 1
        assert [line.key for line in cache_lines(store, first.key[:8])] == [first.key]
        assert prune_cache(store, at=at, before=at + 1) == 1
        engine.start(flow, 1).result(PATIENT)
    assert world.seen == [1, 2, 1]


def test_what_is_put_together_too_large_is_not_kept() -> None:
    """A value longer than one node may give; the run goes on with it all the same."""
    store = MemoryStore()
    world = World(store)
    flow = world.flow("f", cached(parallel(const("x" * 60), const("y" * 60))))
    with world.engine(value_limit=100) as engine:
        assert len(engine.start(flow, 1).result(PATIENT)) == 2
    assert not list(cache_lines(store))
