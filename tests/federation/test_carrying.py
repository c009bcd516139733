"""How runs are carried: amid their work, by several processes, by people's orders, by policies.

B105, B106, B107; reliability 15, 17.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from everflow import Config, Engine, loop, suspend
from everflow.errors import EngineClosed, HandoffRefused, NoSuchRun, RemoteUnreachable
from everflow.federation import Federation, Replicated, create_identity, office_of
from everflow.federation.carrying.holdings import Holding
from everflow.federation.protocol.standing import Role
from everflow.store import Status
from everflow.stores.sqlite import SQLiteStore
from tests.engine.support import PATIENT, QUICK, plus_one, step, until
from tests.federation.support import Instance, instances
from tests.federation.test_handing import MEGABYTES, entries, everywhere, friends, role, started

NOBODY = "01kays0000" + "0" * 16


def shipped(of: Instance, run: str) -> bool:
    """Whether its replica has all of a run."""
    found = [one for one in of.federation.holdings() if one.run == run]
    return [one.lag for one in found] == [0]


def test_a_run_is_handed_off_amid_its_work() -> None:
    """B107: each round counts once, wherever it was run."""
    with friends("west", "east") as (west, east):
        many = loop(plus_one, until=step(lambda value: value >= 300, name="enough"))
        everywhere(west, east, name="count", body=many)
        run = started(west, "count")
        until(lambda: entries_of(west, run.id) > 20)
        west.loop.run(west.federation.hand_off(run.id, "east", wait=PATIENT))
        assert east.engine.run(run.id).result(PATIENT) == 300
        row = west.store.find(run.id)
        assert row is not None
        assert row.status is Status.HANDED_OFF


def entries_of(of: Instance, run: str) -> int:
    (tenure,) = of.store.tenures([run])
    return tenure.seq


def test_a_run_goes_there_and_back_again() -> None:
    """With all that happened to it on the way."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="two", body=suspend("one") >> plus_one >> suspend("other"))
        run = started(west, "two")
        until(lambda: bool(west.engine.questions()))
        west.loop.run(west.federation.hand_off(run.id, "east", wait=PATIENT))
        until(lambda: bool(east.engine.questions()))
        east.engine.resume(run.id, 1, tag="one")
        until(lambda: [each.tag for each in east.engine.questions()] == ["other"])
        east.loop.run(east.federation.hand_off(run.id, "west", wait=PATIENT))
        until(lambda: [each.tag for each in west.engine.questions()] == ["other"])
        west.engine.resume(run.id, 9, tag="other")
        assert run.result(PATIENT) == 9
        assert east.executed() == west.executed()


def asks(of: Instance) -> bool:
    return bool(of.engine.questions())


def test_a_run_goes_around_three_instances() -> None:
    """Who hears of an owner that it never named asks the one that it knows, and is told."""
    with friends("west", "east", "north") as (west, east, north):
        everywhere(west, east, north, name="ask", body=suspend("approval") >> plus_one)
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        for giver, taker in ((west, east), (east, north), (north, west)):
            giver.loop.run(giver.federation.hand_off(run.id, taker.name, wait=PATIENT))
            until(partial(asks, taker))
        west.engine.resume(run.id, 5)
        assert run.result(PATIENT) == 6
        assert [role(one, run.id) for one in (east, north)] == [Role.HANDED_OFF] * 2


def test_an_offer_is_taken_back_while_the_peer_is_away() -> None:
    """And an instance that is away can't be handed a run."""
    with friends("west", "east") as (west, _):
        west.flow("ask", suspend("approval"))
        west.up()
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        held = west.loop.run(west.federation.hand_off(run.id, "east", wait=0))
        assert held.role is Role.OFFERING
        assert west.loop.run(west.federation.call_back(run.id)).role is Role.OWNER
        west.engine.resume(run.id, 5)
        assert run.result(PATIENT) == 5


def test_what_another_process_ordered_is_carried() -> None:
    """By whoever serves on the store: a copy, and then a handoff."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval"))
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        office = office_of(west.engine.client, west.clock)
        assert [*office.copy("east")] == [run.id]
        until(lambda: [one.whole for one in east.federation.holdings()] == [True])
        assert office.give(run.id, "east").role is Role.OFFERING
        until(lambda: role(east, run.id) is Role.OWNER)
        until(lambda: role(west, run.id) is Role.HANDED_OFF)
        assert west.store.records("stirred") == []


def test_what_another_process_ran_is_copied(tmp_path: Path) -> None:
    """A policy counts for runs of any process on the store; code may declare it, too."""
    with instances("west", "east") as (west, east):
        for one in (west, east):
            one.store = SQLiteStore.open(tmp_path / f"{one.name}.db")
            one.identity = create_identity(one.store, one.address, one.key, at=one.clock.wall())
            one.peers = type(one.peers)(one.store, one.clock.wall)
        west.knows(east)
        east.knows(west, keep=MEGABYTES)
        everywhere(west, east, name="ask", body=suspend("approval") >> plus_one)
        west.loop.run(west.federation.replicate("ask", "east"))
        with Engine(
            str(tmp_path / "west.db"),
            registry=west.registry,
            config=Config(poll_s=QUICK),
            clock=west.clock,
        ) as other:
            run: Any = other.start("ask", 1)
            until(lambda: shipped(west, run.id))
            other.resume(run.id, 5)
            assert run.result(PATIENT) == 6
            until(lambda: entries(east, run.id) == entries_of(west, run.id))
        for one in (west, east):
            one.down()
            one.store.close()


def test_a_policy_is_for_runs_that_go_on_and_for_new_ones_until_it_is_ended() -> None:
    """Manual ones are copied when somebody says so."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval"))
        before = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        west.loop.run(west.federation.replicate("ask", "east", "suspension"))
        until(lambda: shipped(west, before.id))
        west.engine.resume(before.id, 1)
        until(lambda: entries(east, before.id) == entries_of(west, before.id))
        west.loop.run(west.federation.replicate("ask", "east", "manual"))
        late = started(west, "ask")
        until(lambda: late.id in [one.run for one in west.federation.holdings()])
        assert late.id not in [one.run for one in east.federation.holdings()]
        west.loop.run(west.federation.replicate_to("east", [late.id], wait=PATIENT))
        assert entries(east, late.id) > 0
        assert west.loop.run(west.federation.replicate_no_more("ask")) is True
        assert west.loop.run(west.federation.replicate_no_more("ask")) is False


def test_code_declares_what_is_copied() -> None:
    """As an argument; it stands in the store from then on."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval"))
        policy = Replicated(flow="ask", to="east", when="commit")

        async def declared() -> None:
            async with Federation(
                west.engine, key=west.key, pace=west.pace, clock=west.clock, replicate=[policy]
            ):
                pass

        west.loop.run(declared())
        office = office_of(west.engine.client, west.clock)
        assert office.replicate_no_more("ask") is True


def test_after_a_restart_what_was_begun_goes_on() -> None:
    """B106: what was to be copied, and what was to be handed off."""
    with friends("west", "east") as (west, east):
        everywhere(west, name="ask", body=suspend("approval"))
        west.loop.run(west.federation.replicate("ask", "east"))
        run = started(west, "ask")
        until(lambda: run.id in [one.run for one in west.federation.holdings()])
        west.loop.run(west.federation.hand_off(run.id, "east", wait=0))
        west.down()
        everywhere(east, name="ask", body=suspend("approval"))
        west.up()
        until(lambda: role(east, run.id) is Role.OWNER)
        until(lambda: role(west, run.id) is Role.HANDED_OFF)


def test_a_run_that_ended_is_settled_and_looked_after_again_when_it_is_retried() -> None:
    """Whoever has it whole isn't asked again after a restart."""
    with friends("west", "east") as (west, east):
        broken = [True]

        def fragile(value: int) -> int:
            if broken[0]:
                raise ValueError("no")
            return value

        everywhere(west, east, name="f", body=suspend("one") >> step(fragile, name="fragile"))
        west.loop.run(west.federation.replicate("f", "east"))
        run = started(west, "f")
        until(lambda: bool(west.engine.questions()))
        west.engine.resume(run.id, 5)
        until(lambda: [each.due for each in west.store.records("tenure")] == [None])
        broken[0] = False
        west.engine.retry(run.id)
        assert run.result(PATIENT) == 5
        until(lambda: entries(east, run.id) == entries_of(west, run.id))


def test_what_makes_no_sense_is_refused_with_what_to_do() -> None:
    """By the error that says who is to blame."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval"))
        ours, here = west.federation, west.loop.run
        run = started(west, "ask")
        with pytest.raises(RemoteUnreachable, match="no peer"):
            here(ours.hand_off(run.id, "north"))
        with pytest.raises(NoSuchRun):
            here(ours.hand_off(NOBODY, "east"))
        with pytest.raises(HandoffRefused, match="no other instance"):
            ours.holding(run.id)
        with pytest.raises(NoSuchRun):
            here(ours.believe(run.id, "east"))
        with pytest.raises(HandoffRefused, match="no whole copy"):
            here(ours.restore_from("east"))
        with pytest.raises(HandoffRefused, match="has the run already"):
            here(ours.take_over(run.id))
        with pytest.raises(HandoffRefused, match="isn't leased"):
            here(ours.end_lease(run.id))
        east.down()
        with pytest.raises(RemoteUnreachable, match="didn't say"):
            here(ours.replicate_to("east", wait=0))
        west.peers.add("south", "http://127.0.0.1:9", east.identity.word, id="south", inside=True)
        with pytest.raises(HandoffRefused, match="another peer"):
            here(ours.replicate_to("south", wait=0))
        west.down()
        with pytest.raises(EngineClosed):
            ours.holdings()


def test_a_holding_says_where_an_instance_stands() -> None:
    """Who has the run, what is here of it, and who gets copies."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval"))
        run = started(west, "ask")
        until(lambda: bool(west.engine.questions()))
        west.loop.run(west.federation.replicate_to("east", wait=PATIENT))
        mine = west.federation.holding(run.id)
        (copy,) = east.loop.run(east.federation.replica_get("west"))
        assert isinstance(copy, Holding)
        assert (mine.role, mine.to, mine.when) == (Role.OWNER, east.identity.id, "manual")
        assert (copy.role, copy.owner, copy.flow) == (Role.REPLICA, west.identity.id, "ask")
        assert copy.size > 0
        assert copy.at > 0


def test_a_copy_is_forgotten_and_shipped_anew() -> None:
    """B106: what is forgotten takes no room, and comes back whole; a late letter may bring it."""
    with friends("west", "east") as (west, east):
        everywhere(west, east, name="ask", body=suspend("approval") >> plus_one)
        run = started(west, "ask")
        until(lambda: asks(west))

        def copied() -> bool:
            west.loop.run(west.federation.replicate_to("east", wait=PATIENT))
            return entries_of(east, run.id) == entries_of(west, run.id)

        def forgotten() -> bool:
            east.loop.run(east.federation.forget_copy(run.id))
            here = east.federation.holding(run.id)
            return (here.role, here.entries, here.whole, here.size) == (Role.REPLICA, 0, False, 0)

        until(copied)
        for of in (west, east):
            assert of.loop.run(of.federation.forget_copy(run.id, aside=True)) == 0
        with pytest.raises(HandoffRefused, match="is no copy"):
            west.loop.run(west.federation.forget_copy(run.id))
        until(forgotten)
        until(copied)
        west.down()
        east.loop.run(east.federation.take_over(run.id))
        until(lambda: asks(east))
        east.engine.resume(run.id, 5)
        assert east.engine.run(run.id).result(PATIENT) == 6
