"""What goes along with a run that moves: whom it waits for, and who waits for it.

B107, B108.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from everflow import Run, call, remote_node, suspend
from everflow.errors import HandoffRefused
from everflow.federation.carrying import hosting
from everflow.federation.carrying.setting import Instance as Hosting
from everflow.federation.promises import Promises
from everflow.federation.protocol.standing import Role
from everflow.federation.words import REFUSED, Ask
from everflow.store import RunRow
from tests.engine.support import PATIENT, plus_one, until
from tests.federation.support import Instance, instances

MEGABYTES = 64 * 1024 * 1024


@contextmanager
def friends(*names: str) -> Iterator[list[Instance]]:
    """Instances that know each other, call each other and take each other's runs."""
    with instances(*names) as made:
        for one in made:
            for other in made:
                if other is not one:
                    one.knows(other, "*", keep=MEGABYTES, adopt=("*",))
        yield made


def tags(of: Instance) -> list[str]:
    return sorted(question.tag for question in of.engine.questions())


def child_of(of: Instance, run: str) -> RunRow:
    (row,) = [row for row in of.engine.runs() if row.parent == run]
    return row


def calling(*made: Instance) -> None:
    """A flow that calls another one, which asks."""
    for one in made:
        one.flow("child", suspend("inner") >> plus_one)
        one.flow("f", call("child") >> suspend("outer"))
        one.up()


def test_a_run_that_waits_for_another_is_not_given_away() -> None:
    """Nor one that another waits for; both are once that is over."""
    with friends("west", "east") as (west, east):
        calling(west, east)
        run: Run[Any] = west.engine.start("f", 1)
        until(lambda: tags(west) == ["inner"])
        child = child_of(west, run.id)
        with pytest.raises(HandoffRefused, match="it waits for child"):
            west.loop.run(west.federation.hand_off(run.id, "east", wait=PATIENT))
        with pytest.raises(HandoffRefused, match=f"the run {run.id} called it"):
            west.loop.run(west.federation.hand_off(child.id, "east", wait=PATIENT))
        west.engine.resume(child.id, 5)
        until(lambda: tags(west) == ["outer"])
        west.loop.run(west.federation.hand_off(run.id, "east", wait=PATIENT))
        until(lambda: tags(east) == ["outer"])


def test_a_run_that_comes_to_wait_while_it_is_offered_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is offered on, and goes once nothing is open."""
    tied: list[str] = []
    asked: list[str] = []

    def ties(_store: object, run: str) -> list[str]:
        asked.append(run)
        return tied

    monkeypatch.setattr(hosting, "Instance", partial(Hosting, tied=ties))
    with friends("west", "east") as (west, east):
        for one in (west, east):
            one.flow("f", suspend("one"))
            one.up()
        run: Run[Any] = west.engine.start("f", 1)
        until(lambda: tags(west) == ["one"])
        tied.append("it waits")
        found = west.loop.run(west.federation.hand_off(run.id, "east", wait=0.0))
        assert found.role is Role.OFFERING
        until(lambda: len(asked) > 1)
        assert west.federation.holding(run.id).role is Role.OFFERING
        tied.clear()
        until(lambda: tags(east) == ["one"])


def test_the_runs_of_a_run_that_was_taken_over_are_begun_anew() -> None:
    """Where it was they are cancelled, once that is known there (B108)."""
    with friends("west", "east") as (west, east):
        calling(west, east)
        run: Run[Any] = west.engine.start("f", 1)
        until(lambda: tags(west) == ["inner"])
        child = child_of(west, run.id)
        west.loop.run(west.federation.replicate_to("east", [run.id], wait=PATIENT))
        east.loop.run(east.federation.take_over(run.id))
        until(lambda: tags(east) == ["inner"])
        assert child_of(east, run.id).id == child.id
        until(lambda: west.engine.run(child.id).status == "cancelled")
        east.engine.resume(child.id, 5)
        until(lambda: tags(east) == ["outer"])
        east.engine.resume(run.id, 7)
        assert east.engine.run(run.id).result(PATIENT) == 7


def test_a_call_of_a_peer_is_asked_for_again_and_executed_once() -> None:
    """The peer was told who may go on with it; the old owner doesn't carry it any more (B102)."""
    with friends("west", "east", "north") as (west, east, north):
        north.expose("slow", suspend("there") >> plus_one)
        for one in (west, east):
            one.flow("f", remote_node("north", "slow"))
        for one in (west, east, north):
            one.up()
        west.loop.run(west.federation.replicate("f", "east"))
        run: Run[Any] = west.engine.start("f", 1)
        until(lambda: tags(north) == ["there"])
        with pytest.raises(HandoffRefused, match="it waits for slow at the peer north"):
            west.loop.run(west.federation.hand_off(run.id, "east", wait=PATIENT))
        (there,) = north.executed()
        with pytest.raises(HandoffRefused, match="a peer called it"):
            north.loop.run(north.federation.hand_off(there, "east", wait=PATIENT))
        until(lambda: east.federation.holdings() != [])
        until(lambda: west.federation.holding(run.id).lag == 0)
        until(lambda: east.identity.id in north.store.records("promise")[0].body)
        east.loop.run(east.federation.take_over(run.id))
        until(lambda: west.store.records("errand") == [])
        until(
            lambda: (
                [one.key.split("/")[0] for one in north.store.records("promise")]
                == [east.identity.id]
            )
        )
        north.engine.resume(there, 5)
        assert east.engine.run(run.id).result(PATIENT) == 6
        assert north.executed() == [there]


def test_a_call_is_nobody_else_s() -> None:
    """Who wasn't named by the caller gets neither its answer nor another execution (B101, B102)."""
    with friends("west", "east", "north") as (_, _, north):
        north.expose("slow", suspend("there") >> plus_one)
        north.up()
        promises = Promises(north.engine.client, north.clock, 1_000)
        one, other = north.peers.require("west"), north.peers.require("east")
        made = Ask(function="slow", input=msgspec.Raw(b"1"), expires=north.clock.wall() + 10**9)
        later = replace(made, before=[one.id])
        call_id = "0" * 26
        assert promises.take(one, call_id, made).status == 202
        refused = promises.take(other, call_id, later)
        assert (refused.status, refused.code) == (403, REFUSED)
        assert promises.take(one, call_id, replace(made, heirs=[other.id])).status == 202
        assert promises.take(other, call_id, replace(later, function="other")).status == 409
        assert promises.take(other, call_id, later).status == 202
        assert promises.look(one, call_id).status == 404
        assert len(north.executed()) == 1
