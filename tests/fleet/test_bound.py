"""Workers that are bound to queues: what they take, what they leave, and who admits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from everflow import Config, Engine, Run, call, sleep, suspend
from everflow.engine.faces.connect import Connection
from everflow.errors import ConfigurationError
from tests.engine.support import PATIENT, QUICK, World, plus_one, see_all, step, until


def bound(world: World, *queues: str, **settings: Any) -> Engine:
    """A worker of these queues alone."""
    config = Config(poll_s=QUICK, **settings)
    return Engine(
        world.where, registry=world.registry, config=config, clock=world.clock, queues=queues
    )


def outside(world: World, *queues: str) -> Connection:
    """A client that executes nothing; these queues are declared."""
    flows = Connection(world.where, registry=world.registry, clock=world.clock, create=True)
    for queue in queues:
        flows.queues.declare(queue)
    return flows


def test_a_bound_worker_takes_runs_of_its_queues_alone(world: World) -> None:
    """And of no queue, if it says so; the others wait for a worker of theirs."""
    world.flow("f", plus_one)
    with outside(world, "mails", "pages") as flows:
        mail: Run[Any] = flows.start("f", 1, queue="mails")
        page: Run[Any] = flows.start("f", 1, queue="pages")
        plain: Run[Any] = flows.start("f", 1)
        with bound(world, "mails"):
            assert mail.result(PATIENT) == 2
            assert page.row().admitted is None
            with bound(world, "") as other:
                assert plain.result(PATIENT) == 2
                assert other.join(PATIENT)
                assert (page.status, page.row().owner) == ("queued", 0)
            assert (page.status, page.row().owner) == ("queued", 0)
        with world.engine():
            assert page.result(PATIENT) == 2


def test_what_a_bound_worker_starts_for_others_is_left_to_them(world: World) -> None:
    """Its own starts, and the runs that its runs call, go by their queues as all do."""
    world.flow("child", plus_one)
    world.flow("parent", see_all >> call("child"))
    with outside(world, "mails"), bound(world, "mails") as mailer:
        plain: Run[Any] = mailer.start("child", 1)
        parent: Run[Any] = mailer.start("parent", 1, queue="mails")
        until(lambda: parent.status == "waiting")
        assert mailer.join(PATIENT)
        assert (plain.status, plain.row().owner) == ("queued", 0)
        with bound(world, "") as other:
            assert parent.result(PATIENT) == 2
            assert other.run(plain.id).result(PATIENT) == 2
            assert mailer.run(parent.id).row().owner == mailer.worker


def test_a_place_is_given_by_who_will_use_it(world: World) -> None:
    """A rate isn't used up for runs that nobody executes yet."""
    world.flow("f", plus_one)
    with outside(world) as flows:
        flows.queues.declare("mails", rate=(1, timedelta(minutes=1)))
        runs: list[Run[Any]] = [flows.start("f", 1, queue="mails") for _ in range(2)]
        first, second = runs
        with bound(world, "pages", "") as other:
            assert other.start("f", 1).result(PATIENT) == 2
            world.clock.jump(600)
            assert other.join(PATIENT)
        with bound(world, "mails"):
            assert first.result(PATIENT) == 2
            assert second.row().admitted is None
            world.clock.jump(61)
            assert second.result(PATIENT) == 2


@pytest.mark.parametrize("how", ["answer", "timer", "cancel"])
def test_what_rests_wakes_where_it_belongs(world: World, how: str) -> None:
    """Its worker is gone: neither message nor timer leads it to a worker of other queues."""
    timed = sleep(timedelta(hours=1)) if how == "timer" else suspend("go")
    world.flow("f", timed >> plus_one)
    with outside(world, "mails") as flows:
        with bound(world, "mails"):
            run: Run[Any] = flows.start("f", 1, queue="mails")
            until(lambda: run.status in {"suspended", "waiting"})
        with bound(world, "") as other:
            if how == "cancel":
                flows.cancel(run.id)
            elif how == "answer":
                flows.resume(run.id, 1)
            world.clock.jump(3_601)
            plain: Run[Any] = other.start("f", 1)
            until(lambda: plain.status in {"suspended", "waiting"})
            assert other.join(PATIENT)
            assert run.row().owner == 0
        with bound(world, "mails"):
            until(lambda: run.status in {"done", "cancelled"})


def test_a_worker_tells_its_queues(memory: World) -> None:
    """So that whoever looks knows what is served."""
    with bound(memory, "mails", "") as engine:
        (row,) = engine.client.store.workers()
        assert '"queues":["mails",""]' in row.about


@pytest.mark.parametrize("given", [(), "mails", [1], {"mails": 1}])
def test_queues_are_a_list_of_names(given: Any) -> None:
    """An empty one would leave everything undone; a text is no list."""
    with pytest.raises(ConfigurationError, match="queues is a list"):
        Config(queues=given)
    assert Config.read({"queues": ["a", "", "a"]}).queues == ("a", "")


def test_closing_in_a_queue_nobody_serves_ends(memory: World) -> None:
    """What is started for others keeps no worker from resting."""
    step_ = step(lambda x: x, name="late")
    memory.flow("f", step_)
    with outside(memory, "mails"), bound(memory, "mails") as engine:
        run: Run[Any] = engine.start("f", 1)
        assert engine.join(PATIENT)
        assert run.status == "queued"
