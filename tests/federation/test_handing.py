"""Runs that move between instances, over real sockets: copies, handoffs, takeovers.

B105, B106, B107, B108.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from everflow import Run, loop, suspend
from everflow.errors import RemoteRefused, RunHandedOff
from everflow.federation.protocol.standing import Role
from tests.engine.support import PATIENT, plus_one, step, until
from tests.federation.support import Instance, instances

MEGABYTES = 64 * 1024 * 1024


@contextmanager
def friends(*names: str, **settings: Any) -> Iterator[list[Instance]]:
    """Instances that are up, know each other and take each other's runs."""
    with instances(*names, **settings) as made:
        for one in made:
            for other in made:
                if other is not one:
                    one.knows(other, keep=MEGABYTES, adopt=("*",))
        yield made


def everywhere(*made: Instance, name: str, body: Any) -> None:
    """A flow that all of them have, and all of them up."""
    for one in made:
        one.flow(name, body)
        one.up()


def started(of: Instance, name: str) -> Run[Any]:
    return of.engine.start(name, 1)


def entries(of: Instance, run: str) -> int:
    return of.federation.holding(run).entries


def role(of: Instance, run: str) -> Role:
    found = [one.role for one in of.federation.holdings() if one.run == run]
    return found[0] if found else Role.NONE


def test_a_run_is_handed_off_amid_a_question_and_goes_on_there() -> None:
    """B107: answered at the new owner; the old one refuses, and names it."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval") >> plus_one)
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        held = west.loop.run(west.federation.hand_off(run.id, "east", wait=PATIENT))
        assert (held.role, held.owner) == (Role.HANDED_OFF, east.identity.id)
        until(lambda: bool(east.engine.questions()))
        with pytest.raises(RunHandedOff, match="east"):
            west.engine.resume(run.id, 5)
        with pytest.raises(RunHandedOff, match="east"):
            west.engine.cancel(run.id)
        row = west.store.find(run.id)
        assert row is not None
        assert "east" in row.until
        east.engine.resume(run.id, 5)
        assert east.engine.run(run.id).result(PATIENT) == 6


def test_copies_follow_each_commit() -> None:
    """B106: the policy of a flow has each of its runs copied, to its end."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval") >> plus_one)
        west.loop.run(west.federation.replicate("ask", "east"))
        run = started(west, "ask")
        until(lambda: west.federation.holdings() != [])
        until(lambda: west.federation.holding(run.id).lag == 0)
        (copy,) = east.loop.run(east.federation.replica_get("west"))
        assert (copy.run, copy.whole) == (run.id, True)
        west.engine.resume(run.id, 5)
        assert run.result(PATIENT) == 6
        until(lambda: entries(east, run.id) == entries(west, run.id))


def test_what_a_peer_missed_while_it_was_away_is_caught_up() -> None:
    """B106: only what is new is shipped then."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="two", body=suspend("one") >> suspend("other"))
        west.loop.run(west.federation.replicate("two", "east"))
        run = started(west, "two")
        until(lambda: west.federation.holdings() != [])
        until(lambda: west.federation.holding(run.id).lag == 0)
        east.down()
        west.engine.resume(run.id, 1, tag="one")
        until(lambda: [each.tag for each in west.engine.questions()] == ["other"])
        until(lambda: west.federation.holding(run.id).lag != 0)
        east.up()
        until(lambda: entries(east, run.id) == entries(west, run.id))


def test_a_dead_owner_s_runs_are_taken_over_and_what_it_had_alone_is_set_aside() -> None:
    """B108: forced: the old one hears of it, stops, keeps its branch, and names the new owner."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="two", body=suspend("one") >> suspend("other"))
        run = started(west, "two")
        until(lambda: bool(west.engine.questions()))
        west.loop.run(west.federation.replicate_to("east", wait=PATIENT))
        west.engine.resume(run.id, 1, tag="one")
        until(lambda: [each.tag for each in west.engine.questions()] == ["other"])
        west.down()
        assert east.loop.run(east.federation.restore_from("west")) == [run.id]
        until(lambda: [each.tag for each in east.engine.questions()] == ["one"])
        west.up()
        until(lambda: role(west, run.id) is Role.HANDED_OFF)
        (branch,) = west.federation.branches(run.id)
        assert branch.whole.entries
        east.engine.resume(run.id, 2, tag="one")
        until(lambda: [each.tag for each in east.engine.questions()] == ["other"])
        east.engine.resume(run.id, 3, tag="other")
        assert east.engine.run(run.id).result(PATIENT) == 3


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("act", ["lose", "drop", "double"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_each_letter_may_be_lost_or_doubled(act: str, at: int) -> None:
    """B108: there is one owner at the end, and it has the run whole."""
    with friends("west", "east", between=True) as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval") >> plus_one)
        west.proxy.script = ["pass"] * at + [act]
        east.proxy.script = ["pass"] * at + [act]
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        west.loop.run(west.federation.hand_off(run.id, "east", wait=PATIENT))
        until(lambda: role(west, run.id) is Role.HANDED_OFF)
        until(lambda: bool(east.engine.questions()))
        east.engine.resume(run.id, 5)
        assert east.engine.run(run.id).result(PATIENT) == 6


@pytest.mark.usefixtures("unmeasured")
def test_a_large_run_goes_over_in_parts() -> None:
    """500 entries, 10 MB: put together there before anybody hears of it."""
    with friends("west", "east", between=True) as (west, east):
        grown = step(lambda value: {"n": value["n"] + 1, "pad": "x" * 40_000}, name="grown")
        many = loop(grown, until=step(lambda value: value["n"] >= 250, name="many"))
        everywhere(west, east, name="large", body=many >> suspend("approval"))
        run: Run[Any] = west.engine.start("large", {"n": 0, "pad": ""})
        until(lambda: bool(west.engine.questions()))
        west.loop.run(west.federation.hand_off(run.id, "east", wait=PATIENT))
        assert entries(east, run.id) > 500
        until(lambda: bool(east.engine.questions()))
        east.engine.resume(run.id, 5)
        assert east.engine.run(run.id).result(PATIENT) == 5
        assert sum(seen.startswith("PUT") for seen in east.proxy.seen) > 9
        until(lambda: not (east.store.records("part") or east.store.records("stage")))


def test_nobody_leaves_anything_who_isn_t_allowed(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing by default: neither copies nor runs; the owner's log says so."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval"))
        east.peers.change("west", keep=0, adopt=())
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        with pytest.raises(RemoteRefused, match="may keep nothing here"):
            west.loop.run(west.federation.replicate_to("east", wait=PATIENT))
        with pytest.raises(RemoteRefused, match="doesn't adopt"):
            west.loop.run(west.federation.hand_off(run.id, "east", wait=PATIENT))
        assert role(west, run.id) is Role.OWNER
        assert east.executed() == []
        assert f"takes no word of the run {run.id}: " in caplog.text
        assert f"doesn't take the run {run.id}" in caplog.text
