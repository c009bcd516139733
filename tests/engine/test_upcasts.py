"""Runs that were begun with older types: they go on with today's, and answers in flight count."""

import dataclasses
from typing import Any

import pytest

from everflow import Reply, Status, ask, upcast
from everflow.core.upcasts import declare
from everflow.errors import AnswerRefused, RunBlocked
from tests.engine.support import PATIENT, World, settle, step, until


def release(world: World, number: int, *, upcasts: bool = True) -> Any:
    """Deploy that release: type, flow and node under the names that every release has."""
    world.deploy()
    last = "marks" if number == 1 else "stars"
    verdict: Any = dataclasses.make_dataclass("Verdict", [("ok", bool), (last, float)])
    declare(verdict, number, ())
    if number > 1 and upcasts:
        upcast(verdict, 1)(lambda old: {"ok": old["ok"], "stars": old["marks"] / 2})

    def shown(pair: tuple[Any, Any]) -> list[Any]:
        return [getattr(pair[0], last), pair[1]]

    def judged(pair: tuple[Any, Any]) -> Any:
        return pair[1]

    shown.__annotations__["pair"] = tuple[verdict, Any]
    judged.__annotations__["pair"] = tuple[Any, verdict]
    world.flow("f", ask("verdict", verdict) >> step(judged) >> ask("more", str) >> step(shown))
    return verdict


def test_values_of_an_older_release_are_read_by_todays_nodes(world: World) -> None:
    """What was recorded stays as it was; the node of today gets today's type."""
    verdict = release(world, 1)
    with world.engine() as engine:
        run = engine.start("f", None).id
        settle(engine.run(run))
        engine.resume(run, verdict(True, 8.0))
        settle(engine.run(run))
    release(world, 2)
    with world.engine() as engine:
        engine.resume(run, "x")
        assert engine.run(run).result(PATIENT) == [4.0, "x"]


@pytest.mark.parametrize("said", [{"ok": True, "marks": 8.0}, {"ok": True, "stars": 4.0}])
def test_a_form_of_either_release_answers_an_open_question(
    world: World, said: dict[str, Any]
) -> None:
    """A page that was shown before the deploy, and one shown after it, both count (B053)."""
    release(world, 1)
    with world.engine() as engine:
        run = engine.start("f", None).id
        settle(engine.run(run))
    release(world, 2)
    with world.connect() as flows:
        assert flows.resume(run, said) is Reply.ANSWERED
        with pytest.raises(AnswerRefused):
            flows.resume(flows.start("f", None).id, {"ok": 3}, tag="verdict")
    with world.engine() as engine:
        settle(engine.run(run))
        engine.resume(run, "x")
        assert engine.run(run).result(PATIENT) == [4.0, "x"]


def test_a_broken_chain_parks_the_run_until_the_upcast_is_there(world: World) -> None:
    """Contract 8: it loses nothing and goes on by itself."""
    verdict = release(world, 1)
    with world.engine() as engine:
        run = engine.start("f", None).id
        settle(engine.run(run))
        engine.resume(run, verdict(True, 8.0))
        settle(engine.run(run))
    release(world, 2, upcasts=False)
    with world.engine() as engine:
        engine.resume(run, "x")
        with pytest.raises(RunBlocked, match="no upcast leads Verdict from version 1 to 2"):
            engine.run(run).result(PATIENT)
    release(world, 2)
    with world.engine() as engine:
        until(lambda: engine.run(run).status is Status.DONE)
        assert engine.run(run).result(PATIENT) == [4.0, "x"]


def test_the_data_of_an_error_is_json_whatever_it_was(world: World) -> None:
    """An error whose arguments JSON can't say doesn't break the engine (B033)."""

    def fails(which: int) -> None:
        odd: list[Any] = [{(1, 2): 3}, {1, 2}, 2**70, b"x", {"$": "int", "v": "1"}, float("nan")]
        raise ValueError("no", odd[which])

    flow = world.flow("e", step(fails))
    with world.engine() as engine:
        found = []
        for which in range(6):
            with pytest.raises(Exception, match="no") as caught:
                engine.start(flow, which).result(PATIENT)
            error: Any = caught.value
            found.append(error.error.data)
    assert found == [
        [[[[1, 2], 3]]],
        [[1, 2]],
        '[{"$":"int","v":"1180591620717411303424"}]',
        ["eA=="],
        '[{"$":"map","v":[["$","int"],["v","1"]]}]',
        None,
    ]
