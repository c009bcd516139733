"""What a node sees of its run: ids, attempts, keys, log, progress, deadline, ticks."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everflow import Flow, NodeRun, loop, node, parallel, retry, suspend, tick, timeout, try_catch
from everflow.errors import RunFailed
from tests.engine.support import DAY, PATIENT, World, plus_one, settle, step, until


def test_a_node_is_told_where_it_is(world: World) -> None:
    """Run, flow, position, attempt and key, each of its own meaning."""

    def view(x: int, run: NodeRun) -> dict[str, Any]:
        return {
            "id": run.id,
            "flow": run.flow,
            "position": run.position,
            "attempt": run.attempt,
            "key": run.idempotency_key,
        }

    flow = world.flow("signup", plus_one >> step(view).named("mail"))
    with world.engine() as engine:
        run = engine.start(flow, 1)
        assert run.result(PATIENT) == {
            "id": run.id,
            "flow": "signup",
            "position": "./mail",
            "attempt": 1,
            "key": f"{run.id}:./mail",
        }


def test_the_key_differs_by_round_and_not_by_attempt(world: World) -> None:
    """Each round of a loop is another effect; each attempt is the same one."""

    @step
    def effect(x: int, run: NodeRun) -> int:
        world.seen.append((run.idempotency_key, run.attempt))
        if run.attempt == 1:
            raise ValueError("once more")
        return x + 1

    enough = step(lambda x: x >= 2, name="enough", inline=True)
    flow = world.flow("f", loop(retry(2, effect), until=enough))
    with world.engine() as engine:
        engine.start(flow, 0).result(PATIENT)
    keys = [key for key, _ in world.seen]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert [attempt for _, attempt in world.seen] == [1, 2, 1, 2]


def test_two_places_of_one_node_have_two_keys(world: World) -> None:
    """The key belongs to the position, not to the function."""
    key = step(lambda x, run: run.idempotency_key, name="key")
    flow = world.flow("f", parallel(key, key))
    with world.engine() as engine:
        one, two = engine.start(flow, 1).result(PATIENT)
    assert one != two


def test_the_log_bears_run_flow_and_position(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Each record of it, as fields."""
    caplog.set_level(logging.INFO, "everflow.node")

    @step
    def says(x: int, run: NodeRun) -> int:
        run.log.info("got %d", x)
        return x

    flow = world.flow("f", plus_one >> says)
    with world.engine() as engine:
        run = engine.start(flow, 1)
        run.result(PATIENT)
    record: Any = next(r for r in caplog.records if r.name == "everflow.node")
    assert (record.getMessage(), record.run, record.flow, record.position) == (
        "got 2",
        run.id,
        "f",
        "./1",
    )


def test_progress_and_heartbeats_are_shown_not_recorded(world: World) -> None:
    """Fractions are kept between 0 and 1; a heartbeat is -1."""
    told: list[Any] = []

    @step
    def works(x: int, run: NodeRun) -> int:
        run.progress(0.25, "a quarter")
        run.progress(7.0)
        run.heartbeat()
        return x

    flow = world.flow("f", works)
    with world.engine(progress=lambda *what: told.append(what)) as engine:
        run = engine.start(flow, 1)
        run.result(PATIENT)
        assert engine.start(flow, 1).result(PATIENT) == 1
    assert told[:3] == [
        (run.id, ".", 0.25, "a quarter"),
        (run.id, ".", 1.0, ""),
        (run.id, ".", -1.0, ""),
    ]


def test_progress_without_a_listener_goes_nowhere(world: World) -> None:
    """A node needn't know whether somebody looks."""

    @step
    def works(x: int, run: NodeRun) -> int:
        run.progress(0.5)
        run.heartbeat()
        return x

    flow = world.flow("f", works)
    with world.engine() as engine:
        assert engine.start(flow, 1).result(PATIENT) == 1


def test_the_deadline_is_that_of_the_nearest_timeout_to_end(world: World) -> None:
    """None outside any."""
    deadline = step(lambda x, run: run.deadline, name="deadline")
    inner: Flow[Any, Any] = timeout(timedelta(days=5), deadline)
    outer = timeout(timedelta(days=1), parallel(inner, deadline))
    flow = world.flow("f", parallel(outer, deadline))
    before = datetime.now(UTC)
    with world.engine() as engine:
        ((first, second), none) = engine.start(flow, 1).result(PATIENT)
    assert none is None
    assert first == second
    assert timedelta(days=1) <= first - before < timedelta(days=1, seconds=PATIENT)


def test_ticks_are_allowed_up_to_the_budget(world: World) -> None:
    """N ticks give what remains; the next one raises (B027, B028)."""
    spend = step(lambda n: [tick() for _ in range(n)], name="spend")
    flow = world.flow("f", timeout(3, spend))
    with world.engine() as engine:
        assert engine.start(flow, 3).result(PATIENT) == [2, 1, 0]
        with pytest.raises(RunFailed, match="FlowTimeout"):
            engine.start(flow, 4).result(PATIENT)


@pytest.mark.parametrize("inline", [True, False])
def test_a_budget_of_zero_ends_at_the_first_tick(world: World, inline: bool) -> None:
    """A body that never ticks isn't bounded by ticks (B027)."""
    ticks = step(lambda n: tick(), name="ticks", inline=inline)
    quiet = step(lambda n: n, name="quiet", inline=inline)
    with world.engine() as engine:
        with pytest.raises(RunFailed, match="FlowTimeout"):
            engine.start(world.flow("f", timeout(0, ticks)), 1).result(PATIENT)
        assert engine.start(world.flow("g", timeout(0, quiet)), 1).result(PATIENT) == 1


def test_outside_any_budget_a_tick_does_nothing(world: World) -> None:
    """It gives 0, in a node and outside of one (B028)."""
    flow = world.flow("f", step(lambda n: [tick() for _ in range(n)], name="ticks"))
    with world.engine() as engine:
        assert engine.start(flow, 3).result(PATIENT) == [0, 0, 0]
    assert tick() == 0


def test_budgets_nest(world: World) -> None:
    """The smaller one holds, and the inner ticks are charged to the outer (B029)."""
    spend = step(lambda n: [tick() for _ in range(n)], name="spend")
    back = step(lambda spent: 2, name="back", inline=True)
    flow = world.flow("f", timeout(5, timeout(10, spend) >> back >> timeout(2, spend)))
    with world.engine() as engine:
        assert engine.start(flow, 3).result(PATIENT) == [1, 0]
        with pytest.raises(RunFailed, match="FlowTimeout"):
            engine.start(flow, 4).result(PATIENT)


def test_the_budget_is_put_aside_at_a_suspension(world: World) -> None:
    """What remained comes back with the answer, in another engine too (B030)."""
    spend = step(lambda n: [tick() for _ in range(n)], name="spend")
    flow = world.flow("f", timeout(4, spend >> suspend("more") >> spend))
    with world.engine() as engine:
        run, other = (engine.start(flow, 3).id for _ in range(2))
        settle(engine.run(run))
        settle(engine.run(other))
    with world.engine() as engine:
        engine.resume(run, 1)
        engine.resume(other, 2)
        assert engine.run(run).result(PATIENT) == [0]
        with pytest.raises(RunFailed, match="FlowTimeout"):
            engine.run(other).result(PATIENT)


def test_an_expired_budget_is_not_swallowed_inside_its_extent(world: World) -> None:
    """Neither by the node's own except, nor by try_catch or retry (B023, B031)."""

    @step
    def stubborn(n: int) -> str:
        for _ in range(n):
            try:
                tick()
            except Exception:  # noqa: BLE001 - as a user's code may have it
                return "swallowed"
        return "fine"

    handler = step(lambda caught: "handled", name="handler", inline=True)
    flow = world.flow("f", timeout(2, retry(3, try_catch(stubborn, handler))))
    with world.engine() as engine:
        assert engine.start(flow, 2).result(PATIENT) == "fine"
        with pytest.raises(RunFailed, match="FlowTimeout"):
            engine.start(flow, 3).result(PATIENT)


def test_backoff_is_a_durable_timer(world: World) -> None:
    """A restart in the middle of a wait neither loses nor shortens it (B025)."""

    @step
    def fails_twice(x: int, run: NodeRun) -> int:
        world.seen.append(run.attempt)
        if run.attempt < 3:
            raise ValueError("later")
        return x

    flow = world.flow("f", retry(3, fails_twice, backoff=timedelta(days=1)))
    with world.engine() as engine:
        run = engine.start(flow, 1).id
        until(lambda: engine.run(run).status == "waiting")
    world.clock.jump(DAY / 2)
    with world.engine() as engine:
        engine.join(PATIENT)
        assert world.seen == [1]
        world.clock.jump(DAY / 2 + 60)
        until(lambda: world.seen == [1, 2] and engine.run(run).status == "waiting")
        world.clock.jump(DAY + 60)
        assert engine.run(run).result(PATIENT) == 1


def test_a_node_may_set_its_own_delay_or_forbid_a_retry(world: World) -> None:
    """RetryAfter and NoRetry say so from inside."""
    from everflow import NoRetry, RetryAfter

    @step
    def asks_for_a_day(x: int, run: NodeRun) -> int:
        if run.attempt == 1:
            raise RetryAfter(DAY, ValueError("busy"))
        return x

    @step
    def hopeless(x: int, run: NodeRun) -> int:
        world.seen.append(run.attempt)
        raise NoRetry(LookupError("never"))

    with world.engine() as engine:
        run = engine.start(world.flow("f", retry(2, asks_for_a_day)), 5)
        until(lambda: run.status == "waiting")
        world.clock.jump(DAY + 60)
        assert run.result(PATIENT) == 5
        with pytest.raises(RunFailed, match="LookupError: never"):
            engine.start(world.flow("g", retry(5, hopeless)), 1).result(PATIENT)
    assert world.seen == [1]


def test_defaults_on_the_node_surround_each_use(world: World) -> None:
    """@node(retry=…, timeout=…) is what retry and timeout around every use would say."""

    def fails_once(x: int, run: NodeRun) -> int:
        if run.attempt == 1:
            raise ValueError("again")
        return x

    made = node(fails_once, name="fails_once", retry=2, timeout=timedelta(days=1))
    flow = world.flow("f", made >> made)
    with world.engine() as engine:
        assert engine.start(flow, 3).result(PATIENT) == 3
