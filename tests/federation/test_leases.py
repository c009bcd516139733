"""Runs that are leased from a peer, over real sockets: one owner, and nothing acknowledged is lost.

B108.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from everflow import Config, Run, remote_node, suspend
from everflow.engine.faces.connect import Connection
from everflow.errors import EverflowError, NotSafeYet
from everflow.federation.protocol.standing import Role
from tests.engine.support import PATIENT, plus_one, until
from tests.federation.support import Instance, instances, quiet

MEGABYTES = 64 * 1024 * 1024
SPAN = 30.0


@contextmanager
def lending(body: Any) -> Iterator[tuple[Instance, Instance]]:
    """West, whose runs of ``f`` are leased from east; a proxy stands before each."""
    with instances("west", "east", between=True) as (west, east):
        for one, other in ((west, east), (east, west)):
            one.knows(other, keep=MEGABYTES, adopt=("*",))
            one.settings["acknowledge_s"] = PATIENT
            one.flow("f", body)
            one.up()
        west.loop.run(west.federation.replicate("f", "east", lease=SPAN))
        yield west, east


def tags(of: Instance) -> list[str]:
    return [question.tag for question in of.engine.questions()]


def cut(*ends: Instance) -> None:
    """Nothing goes through to these any more."""
    for end in ends:
        end.proxy.always = "lose"


def in_time(of: Instance, true: Callable[[], bool]) -> None:
    """Let time pass until something holds: what was on its way may still renew a lease."""

    def passes() -> bool:
        of.clock.jump(SPAN / 10)
        return true()

    until(passes)


def test_a_leased_run_is_run_and_its_end_is_told() -> None:
    """Once the lessee has it; then the lease ends, too."""
    with lending(suspend("one") >> plus_one) as (west, east):
        run: Run[Any] = west.engine.start("f", 1)
        until(lambda: tags(west) == ["one"])
        west.engine.resume(run, 4)
        assert run.result(PATIENT) == 5
        copy = east.store.find(run.id)
        assert copy is not None
        assert copy.status == "handed_off"
        until(lambda: not run.row().leased)


def test_a_dead_owner_s_run_goes_on_at_the_lessee_by_itself() -> None:
    """Nothing that was acknowledged is lost; the old one wakes up, and names the new owner."""
    with lending(suspend("one") >> suspend("two") >> plus_one) as (west, east):
        runs: list[Run[Any]] = [west.engine.start("f", 1, key=str(n)) for n in range(3)]
        until(lambda: len(tags(west)) == len(runs))
        acknowledged = [run.id for run in runs[:2] if west.engine.resume(run, 4, tag="one")]
        cut(west, east)
        west.down()
        assert tags(east) == []
        in_time(east, lambda: sorted(tags(east)) == ["one", "two", "two"])
        asked = {question.run: question.tag for question in east.engine.questions()}
        assert [asked[run] for run in acknowledged] == ["two", "two"]
        for end in (west, east):
            end.proxy.always = "pass"
        west.up()
        until(lambda: all(west.federation.holding(run.id).role is Role.HANDED_OFF for run in runs))
        row = west.store.find(runs[0].id)
        assert row is not None
        assert "east" in row.until
        with pytest.raises(EverflowError):
            west.engine.resume(runs[0].id, 9, tag="two")
        east.engine.resume(runs[0].id, 9, tag="two")
        assert east.engine.run(runs[0].id).result(PATIENT) == 10


def test_an_owner_that_is_cut_off_stops_itself_and_tells_nobody_more() -> None:
    """What it took meanwhile is kept aside when it hears of the new owner."""
    with lending(suspend("one") >> suspend("two") >> plus_one) as (west, east):
        run: Run[Any] = west.engine.start("f", 1)
        until(lambda: tags(west) == ["one"])
        cut(west, east)
        with ThreadPoolExecutor(1) as callers:
            told = callers.submit(west.engine.resume, run, 4, tag="one", key="k")
            until(lambda: tags(west) == ["two"])
            assert not told.done()
            west.clock.jump(SPAN + 1)
            assert isinstance(told.exception(PATIENT), NotSafeYet)
        in_time(east, lambda: tags(east) == ["one"])
        for end in (west, east):
            end.proxy.always = "pass"
        until(lambda: west.federation.holding(run.id).role is Role.HANDED_OFF)
        (branch,) = west.federation.branches(run.id)
        assert branch.sides
        east.engine.resume(run.id, 7, tag="one", key="k")
        until(lambda: tags(east) == ["two"])


def test_other_processes_wait_for_the_one_that_keeps_the_lease() -> None:
    """What they start is leased, and what they ask for is told once the lessee has it."""
    with lending(suspend("one") >> plus_one) as (west, east):
        other = Connection(west.store, registry=west.registry, clock=west.clock)
        run: Run[Any] = other.start("f", 1)
        assert run.row().leased
        assert east.store.find(run.id) is not None
        until(lambda: tags(west) == ["one"])
        other.resume(run.id, 4)
        assert run.result(PATIENT) == 5
        assert west.store.records("awaited") == []
        assert not other.client.is_leased("g")


def test_other_processes_are_told_in_time_that_nobody_keeps_the_lease() -> None:
    """And nothing is left of their waiting."""
    with lending(suspend("one") >> plus_one) as (west, _):
        west.down()
        patience = Config(acknowledge_s=0.05)
        other = Connection(west.store, registry=west.registry, config=patience)
        with pytest.raises(NotSafeYet):
            other.start("f", 1, key="k")
        assert west.store.find_key("f", "k") is not None
        assert west.store.records("awaited") == []


def test_a_call_of_a_leased_run_is_forgotten_once_the_lessee_has_its_end() -> None:
    """So that whoever takes the run over never has it made twice (B102)."""
    with instances("west", "east", "north") as made:
        west, east, north = made
        for one in made:
            for other in made:
                if other is not one:
                    one.knows(other, "*", keep=MEGABYTES, adopt=("*",))
        north.expose("quick", plus_one)
        for one in (west, east):
            one.flow("f", remote_node("north", "quick") >> suspend("one"))
        for one in made:
            one.up()
        west.loop.run(west.federation.replicate("f", "east", lease=SPAN))
        run: Run[Any] = west.engine.start("f", 1)
        until(lambda: tags(west) == ["one"])
        quiet(west, north)
        west.engine.resume(run, 3)
        assert run.result(PATIENT) == 3
        assert len(north.executed()) == 1
