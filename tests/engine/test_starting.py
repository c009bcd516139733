"""Starts: keys, labels, names, copies; and looking at what there is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from everflow import QuestionQuery, RunQuery, Status, cached, fallback, suspend
from everflow.errors import InputRefused, NoSuchFlow, NoSuchRun, WrongArgument
from tests.engine.support import PATIENT, World, plus_one, settle, step


def test_a_flow_is_started_by_its_name(world: World) -> None:
    """The newest of that name (B009, B061)."""
    world.flow("f", plus_one)
    world.flow("f", plus_one >> plus_one)
    with world.engine() as engine:
        assert engine.start("f", 1).result(PATIENT) == 3
        with pytest.raises(NoSuchFlow, match=r"(?s)known are: f"):
            engine.start("g", 1)


@pytest.mark.parametrize("name", ["it's", "a/b", "nul\0", "x" * 100_000, "", "ünï 😀"])
def test_an_odd_flow_name_is_simply_unknown(world: World, name: str) -> None:
    """No name breaks anything (B061)."""
    with world.engine() as engine, pytest.raises(NoSuchFlow):
        engine.start(name, 1)


@pytest.mark.parametrize("key", ["order-1", "it's", 'a"b', "a/b", "nul\0", "ü😀", "k" * 512])
def test_the_same_key_gives_the_same_run(world: World, key: str) -> None:
    """Whatever value comes with it the second time; another flow's keys are its own (B061)."""
    flow, other = world.flow("f", plus_one), world.flow("g", plus_one)
    with world.engine() as engine:
        first = engine.start(flow, 1, key=key)
        again = engine.start(flow, 5, key=key)
        assert again.id == first.id
        assert engine.start(other, 1, key=key).id != first.id
        assert again.result(PATIENT) == 2
        assert engine.start(flow, 7, key=key).result(PATIENT) == 2


def test_one_key_at_once_from_many_threads_is_one_run(world: World) -> None:
    """In one group commit and over several."""
    flow = world.flow("f", plus_one)
    with world.engine() as engine, ThreadPoolExecutor(12) as callers:
        ids = list(callers.map(lambda n: engine.start(flow, n, key="one").id, range(24)))
        assert len(set(ids)) == 1
        assert len(engine.runs()) == 1


def test_many_threads_start_and_answer_at_once(world: World) -> None:
    """Each call is acknowledged for itself; group commit loses and mixes nothing."""
    flow = world.flow("f", plus_one >> suspend("ok") >> plus_one)
    with world.engine() as engine, ThreadPoolExecutor(16) as callers:
        runs = list(callers.map(lambda n: engine.start(flow, n), range(64)))
        for run in runs:
            settle(run)
        list(callers.map(lambda n: engine.resume(runs[n], 1000 + n), range(64)))
        assert [run.result(PATIENT) for run in runs] == [1001 + n for n in range(64)]


def test_one_bad_call_in_a_group_harms_no_other(world: World) -> None:
    """A refused value is its caller's own."""
    flow = world.flow("f", plus_one)
    with world.engine() as engine, ThreadPoolExecutor(8) as callers:
        good = [callers.submit(engine.start, flow, n) for n in range(8)]
        bad = [callers.submit(engine.start, flow, "no number") for _ in range(8)]
        for call in bad:
            with pytest.raises(InputRefused):
                call.result()
        assert [call.result().result(PATIENT) for call in good] == list(range(1, 9))


def test_ids_are_opaque_and_ordered(world: World) -> None:
    """26 characters, unique, sorted by time (B060)."""
    flow = world.flow("f", plus_one)
    with world.engine() as engine:
        ids = [run.id for run in engine.start_all(flow, list(range(50)))]
    assert len(set(ids)) == 50
    assert all(len(run) == 26 and run.isalnum() and run.islower() for run in ids)
    assert all(a[:10] <= b[:10] for a, b in pairwise(ids))


def test_runs_are_listed_by_filters_a_page_at_a_time(world: World) -> None:
    """By status, flow, time, label and pending tag; in a stable order (B068)."""
    waits, ends = world.flow("waits", suspend("ok")), world.flow("ends", plus_one)
    with world.engine() as engine:
        first = [engine.start(waits, n, labels={"shop": "a", "n": str(n)}) for n in range(5)]
        middle = world.clock.wall()
        second = [engine.start(ends, n, labels={"shop": "b"}) for n in range(4)]
        for run in first + second:
            settle(run)
        of = [run.id for run in first + second]

        def ids(**filters: object) -> list[str]:
            return [row.id for row in engine.runs(RunQuery(**filters))]  # type: ignore[arg-type]  # each test gives its own

        assert ids() == of
        assert ids(newest_first=True) == of[::-1]
        assert ids(flow="ends") == of[5:]
        assert ids(status=(Status.SUSPENDED,)) == of[:5]
        assert ids(tag="ok") == of[:5]
        assert ids(labels=(("shop", "a"), ("n", "3"))) == [of[3]]
        assert ids(since=middle) == of[5:]
        assert ids(before=middle) == of[:5]
        page = engine.runs(RunQuery(limit=4))
        rest = engine.runs(RunQuery(limit=100, after=page[-1].no))
        assert [row.id for row in page + rest] == of
        counts = engine.client.store.count(RunQuery())
        assert counts == {Status.SUSPENDED: 5, Status.DONE: 4}


def test_questions_are_listed_for_one_run_and_for_all(world: World) -> None:
    """Closed ones are left out, unless asked for."""
    flow = world.flow("f", suspend("ok"))
    with world.engine() as engine:
        one, two = (engine.start(flow, n) for n in range(2))
        settle(one)
        settle(two)
        assert [q.run for q in engine.questions(one.id)] == [one.id]
        assert {q.run for q in engine.questions()} == {one.id, two.id}
        engine.resume(one, 1)
        settle(one)
        assert [q.run for q in engine.questions()] == [two.id]
        everything = engine.client.store.questions(QuestionQuery(open_only=False))
        assert {q.state for q in everything} == {"answered", "open"}


def test_a_run_knows_what_it_is(world: World) -> None:
    """Flow, times, labels, key, status (B060)."""
    flow = world.flow("f", plus_one)
    with world.engine() as engine:
        run = engine.start(flow, 1, key="k", labels={"a": "b"})
        run.result(PATIENT)
        row = engine.run(run.id).row()
        assert (row.flow, row.key, row.labels, row.status) == ("f", "k", {"a": "b"}, "done")
        assert row.ended is not None
        assert row.created <= row.ended
        assert repr(run) == f"<run {run.id}>"
        with pytest.raises(NoSuchRun, match="there is no run"):
            engine.run("nope")


def test_the_input_is_copied(world: World) -> None:
    """Nothing outside can change it after the start (B066)."""
    flow = world.flow("f", suspend("ok"))
    given = {"a": [1]}
    with world.engine() as engine:
        run = engine.start(flow, given)
        given["a"].append(2)
        settle(run)
        body = engine.client.store.journal(run.row().no)[0][2]
        assert '{"a":[1]}' in body


def test_an_input_that_the_first_node_refuses_is_refused_at_the_start(world: World) -> None:
    """Naming the place inside the value; no run is made."""

    def total(prices: dict[str, list[int]]) -> int:
        return sum(sum(p) for p in prices.values())

    flow = world.flow("f", step(total) >> plus_one)
    with world.engine() as engine:
        with pytest.raises(InputRefused) as caught:
            engine.start(flow, {"tea": [1, "two"]})
        assert caught.value.path == '$["tea"][1]' or "1" in caught.value.path
        assert engine.runs() == []
        assert engine.start(flow, {"tea": [1, 2]}).result(PATIENT) == 4


@pytest.mark.parametrize("around", [cached, lambda inner: fallback(inner, plus_one)])
def test_an_input_is_refused_at_the_start_wherever_the_first_node_stands(
    world: World, around: Any
) -> None:
    """Under whatever hands its own input on."""
    flow = world.flow("f", around(plus_one))
    with world.engine() as engine, pytest.raises(InputRefused, match="expected int"):
        engine.start(flow, "one")


def test_more_runs_than_may_be_in_memory_wait_in_the_store(world: World) -> None:
    """They are taken as room comes; all of them end."""
    flow = world.flow("f", step(lambda x: x + 1, name="work"))
    with world.engine(live_runs=5) as engine:
        runs = [engine.start(flow, n) for n in range(40)]
        assert [run.result(PATIENT) for run in runs] == [n + 1 for n in range(40)]


def test_start_all_labels_each_run_and_drops_nothing(memory: World) -> None:
    """Labels are on every run (B068); an argument that no start has is refused."""
    flow = memory.flow("f", plus_one)
    with memory.engine() as engine, memory.connect() as client:
        runs = engine.start_all(flow, [1, 2], labels={"shop": "a"})
        runs += client.start_all(flow, [1, 2], labels={"shop": "a"})
        assert [run.row().labels for run in runs] == [{"shop": "a"}] * 4
        typo: dict[str, Any] = {"label": {"shop": "a"}}
        with pytest.raises(WrongArgument, match="takes no 'label'"):
            engine.start_all(flow, [1], **typo)
        with pytest.raises(WrongArgument, match="takes no 'label'"):
            engine.start(flow, 1, **typo)


def test_start_all_takes_more_than_a_batch(memory: World) -> None:
    """In as few transactions as go."""
    flow = memory.flow("f", plus_one)
    with memory.engine(batch=10) as engine:
        runs = engine.start_all(flow, list(range(35)))
        assert engine.join(PATIENT)
        assert sum(run.result(PATIENT) for run in runs) == sum(range(1, 36))
