"""The contract with the user, as far as one engine can show it (the design's first section)."""

from __future__ import annotations

import threading

import pytest

from everflow import NodeRun, Reply, ask, parallel, retry, suspend, wait_for
from everflow.engine.faces.engine import Engine
from everflow.errors import AmbiguousAnswer, NotWaiting, RunCancelled
from everflow.store import Store
from tests.engine.support import PATIENT, World, plus_one, settle, step


def test_an_acknowledged_start_is_in_the_store(world: World) -> None:
    """Start returns once the run is durable: another reader finds it at once (B040)."""
    flow = world.flow("f", suspend("go"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        assert engine.client.store.find(run.id) is not None


def test_accepted_first_and_applied_when_waited_for(world: World) -> None:
    """Acknowledged means accepted; wait tells when it is applied."""
    flow = world.flow("f", suspend("go") >> plus_one >> suspend("again"))
    with world.engine() as engine:
        run = engine.start(flow, None)
        settle(run)
        assert engine.resume(run, 41) is Reply.ANSWERED
        assert settle(run) == "suspended"
        assert [q.tag for q in engine.questions(run)] == ["again"]


def test_a_recorded_result_is_never_made_again(world: World) -> None:
    """Nodes before a suspension don't run again at the answer, nor after a restart (B044)."""

    @step
    def effect(x: int) -> int:
        world.seen.append(x)
        return x + 1

    flow = world.flow("f", effect >> suspend("go") >> plus_one)
    with world.engine() as engine:
        run = engine.start(flow, 1).id
        settle(engine.run(run))
    with world.engine() as engine:
        engine.resume(run, 5)
        assert engine.run(run).result(PATIENT) == 6
    assert world.seen == [1]


def test_a_sync_node_that_suspends_runs_again_once_per_answer(world: World) -> None:
    """With two questions its body is begun three times, and its record made once."""

    @step
    def ask_twice(x: int) -> int:
        world.seen.append(x)
        return int(wait_for("first")) + int(wait_for("second")) + x

    flow = world.flow("f", ask_twice)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        for answer in (10, 100):
            settle(run)
            engine.resume(run, answer)
        assert run.result(PATIENT) == 111
    assert world.seen == [1, 1, 1]


def test_nodes_in_flight_are_bounded(memory: World) -> None:
    """At most max_unrecorded nodes with effects are begun and not recorded."""
    lock, go = threading.Lock(), threading.Event()
    running = 0
    most = 0

    @step
    def held(x: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == 4:
                go.set()
        go.wait(PATIENT)
        with lock:
            running -= 1
        return x

    flow = memory.flow("f", parallel(*[held] * 12))
    with memory.engine(max_unrecorded=4) as engine:
        assert engine.start(flow, 3).result(PATIENT) == (3,) * 12
    assert most == 4


def test_the_idempotency_key_outlives_retries_and_the_attempt_stands_beside_it(
    world: World,
) -> None:
    """The same key for each attempt, whose number grows."""

    @step
    def fails_once(x: int, run: NodeRun) -> int:
        world.seen.append((run.idempotency_key, run.attempt))
        if run.attempt == 1:
            raise ValueError(x)
        return x

    flow = world.flow("f", retry(3, fails_once))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        assert run.result(PATIENT) == 1
    (first, one), (second, two) = world.seen
    assert first == second
    assert first.startswith(run.id)
    assert (one, two) == (1, 2)


def test_a_suspension_takes_one_answer_and_later_ones_are_told(world: World) -> None:
    """The first of two answers to one question wins (B049)."""
    flow = world.flow("f", suspend("go") >> suspend("more"))
    with world.engine() as engine:
        run = engine.start(flow, None)
        settle(run)
        token = f"{run.id}.go.1"
        assert engine.answer(token, 1) is Reply.ANSWERED
        assert engine.answer(token, 2) is Reply.ALREADY_ANSWERED
        settle(run)
        assert engine.answer(token, 3) is Reply.ALREADY_ANSWERED
        assert [q.tag for q in engine.questions(run)] == ["more"]


def test_an_answer_by_tag_needs_exactly_one_question(world: World) -> None:
    """Two pending questions of one tag: refused, naming the tokens that would do (B007)."""
    flow = world.flow("f", parallel(suspend("go"), suspend("go")))
    with world.engine() as engine:
        run = engine.start(flow, None)
        settle(run)
        with pytest.raises(AmbiguousAnswer, match=rf"{run.id}\.go\.1.*{run.id}\.go\.2"):
            engine.resume(run, 1, tag="go")
        engine.answer(f"{run.id}.go.2", "b")
        engine.answer(f"{run.id}.go.1", "a")
        assert run.result(PATIENT) == ("a", "b")


def test_after_an_acknowledged_cancel_the_run_is_cancelled(world: World) -> None:
    """No other outcome is possible, and a later answer is refused (B064)."""
    flow = world.flow("f", suspend("go"))
    with world.engine() as engine:
        run = engine.start(flow, None)
        settle(run)
        engine.cancel(run)
        assert settle(run) == "cancelled"
        with pytest.raises(RunCancelled):
            run.result(PATIENT)
        assert engine.answer(f"{run.id}.go.1", 1) is Reply.CANCELLED
        with pytest.raises(RunCancelled):
            engine.resume(run, 1)


def test_a_cancel_that_comes_too_late_is_told_so(world: World) -> None:
    """The outcome of a finished run stays (B063, B064)."""
    from everflow.errors import AlreadyDone

    flow = world.flow("f", plus_one)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        assert run.result(PATIENT) == 2
        with pytest.raises(AlreadyDone):
            engine.cancel(run)
        assert run.result(PATIENT) == 2


def test_a_node_error_is_the_runs(world: World) -> None:
    """What a node raises fails its run and names the place (B020)."""
    from everflow.errors import RunFailed

    @step
    def breaks(x: int) -> int:
        raise LookupError("not there")

    flow = world.flow("f", plus_one >> breaks.named("look"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        with pytest.raises(RunFailed, match=r"LookupError: not there at ./look"):
            run.result(PATIENT)


def test_an_answer_to_what_was_never_asked_is_refused(world: World) -> None:
    """Neither a foreign tag nor a made-up token changes anything."""
    flow = world.flow("f", ask("ok", bool))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        settle(run)
        for token in (f"{run.id}.ok.2", f"{run.id}.other.1", "nonsense", f"{run.id}.ok.-1", ""):
            with pytest.raises(NotWaiting):
                engine.answer(token, True)
        with pytest.raises(NotWaiting, match="tags of its flow: ok"):
            engine.resume(run, True, tag="other")
        assert len(engine.questions(run)) == 1


def test_a_store_object_stays_open_for_its_owner(memory: World) -> None:
    """An engine closes what it opened, and nothing else."""
    flow = memory.flow("f", plus_one)
    with memory.engine() as engine:
        run = engine.start(flow, 1)
        run.result(PATIENT)
    assert isinstance(memory.where, Store)
    assert memory.where.find(run.id) is not None
    assert run.status == "done"
    assert isinstance(engine, Engine)
