"""A run of which the store takes no more is set aside by itself; all others go on (B067, B080)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from everflow import suspend
from everflow.errors import RunBlocked
from tests.engine.refusing import WORD, Poisoned
from tests.engine.support import PATIENT, settle, step, until


def _word(x: int) -> str | int:
    return WORD if x == 7 else x


def test_one_is_set_aside_and_the_others_end(poisoned: Poisoned) -> None:
    """The batch of twenty runs bears one that the store refuses: nineteen end, unrepeated."""
    world = poisoned.world
    go, begun = threading.Event(), []

    def held(x: int) -> int:
        go.wait(PATIENT)
        return x

    def effect(x: int) -> Any:
        begun.append(x)
        return _word(x)

    flow = world.flow("f", step(held) >> step(effect, inline=True) >> step(lambda x: x, name="end"))
    with world.engine() as engine:
        runs = [engine.start(flow, n) for n in range(20)]
        poisoned.spoil()
        go.set()
        assert [run.result(PATIENT) for run in runs if run is not runs[7]] == [
            n for n in range(20) if n != 7
        ]
        with pytest.raises(RunBlocked, match=r"store_refused: .*effect.*adopt"):
            runs[7].result(PATIENT)
        assert sorted(begun) == list(range(20))
        row = runs[7].row()
        assert (row.status, row.until) == ("blocked", "operator")
        poisoned.cure()
        until(lambda: engine.adopt(runs[7]))
        assert runs[7].result(PATIENT) == WORD
    assert sorted(begun) == sorted([*range(20), 7])


def test_new_work_is_taken_up_beside_it(poisoned: Poisoned) -> None:
    """A worker that set a run aside starts, answers and ends others as ever."""
    world = poisoned.world
    poison = world.flow("poison_maker", step(lambda x: WORD, name="maker"))
    asks = world.flow("asks", suspend("go"))
    with world.engine() as engine:
        engine.start(asks, 0)
        poisoned.spoil()
        bad = engine.start(poison, 1)
        assert settle(bad) == "blocked"
        run = engine.start(asks, 1)
        settle(run)
        engine.resume(run, 2)
        assert run.result(PATIENT) == 2
        assert engine.join(PATIENT)
        poisoned.cure()
