"""Calls of peers over real sockets: what a run gets, and what it costs the peer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from msgspec import Raw

from everflow import (
    const,
    expose,
    fail,
    failed,
    fallback,
    remote_failover,
    remote_node,
    retry,
    suspend,
    timeout,
    try_catch,
)
from everflow.core.entries import decode_body
from everflow.errors import RemoteFailed, RemoteNoFunction, RemoteRefused, RemoteUnreachable
from everflow.federation.promises import Promises
from everflow.federation.words import Ask
from tests.engine.support import DAY, PATIENT, plus_one, step, until
from tests.federation.support import errands, executing, failure, instances, pair, quiet


@dataclass
class Parcel:
    """A value of a type that both sides know."""

    weight: int
    to: tuple[str, str]


def breaks(value: Any) -> Any:
    raise LookupError(f"nothing at {value}")


def code_of(caught: Any) -> str:
    return str(caught.error.code)


codes = step(code_of)


def test_a_peers_result_is_the_value() -> None:
    """By a run of its own at the peer, of which nothing is left to be done (B100, B102)."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        run = executing(west, remote_node("east", "add") >> plus_one, 1, up=(east,))
        assert run.result(PATIENT) == 3
        quiet(west, east)
        (row,) = east.engine.runs()
        assert (row.flow, row.labels, str(row.status)) == ("add", {"peer": "west"}, "done")


@pytest.mark.parametrize("by", ["id", "name", "address"])
def test_a_peer_is_called_by_its_id_name_or_address(by: str) -> None:
    """Whichever the flow's author knows (B100)."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        word = {"id": east.identity.id, "name": "east", "address": east.address}[by]
        assert executing(west, remote_node(word, "add"), 1, up=(east,)).result(PATIENT) == 2


def test_values_of_shared_types_go_both_ways() -> None:
    """As they do between nodes (B100)."""

    def heavier(parcel: Parcel) -> Parcel:
        return Parcel(parcel.weight + 1, parcel.to)

    with pair() as (west, east):
        east.expose("heavier", step(heavier, name="heavier"))
        again = step(heavier, name="again")
        run = executing(
            west, remote_node("east", "heavier") >> again, Parcel(1, ("a", "b")), up=(east,)
        )
        assert run.result(PATIENT) == Parcel(3, ("a", "b"))


def test_a_failure_as_a_value_is_just_a_result() -> None:
    """It goes downstream here too (B008, B020)."""
    with pair() as (west, east):
        east.expose("no", fail("not today"))
        run = executing(west, remote_node("east", "no") >> failed, 1, up=(east,))
        assert run.result(PATIENT) is True


def test_a_node_can_be_exposed_by_its_name() -> None:
    """It becomes a flow of that name (B100)."""
    with pair() as (west, east):
        expose(plus_one, "increment", registry=east.registry)
        assert executing(west, remote_node("east", "increment"), 1, up=(east,)).result(PATIENT) == 2


def test_the_peers_own_failure_is_raised_here_with_its_origin() -> None:
    """And without its traceback, which is nobody else's business (B100)."""
    with pair() as (west, east):
        east.expose("break", step(breaks, name="breaks"))
        error = failure(executing(west, remote_node("east", "break"), 7, up=(east,)))
        assert error.is_a(RemoteFailed)
        assert error.data == {
            "peer": "east",
            "function": "break",
            "run": east.executed()[0],
            "origin": east.identity.id,
        }
        cause = error.others[0]
        assert (cause.type, cause.message, cause.trace) == ("LookupError", "nothing at 7", "")
        assert cause.is_a(LookupError)


def test_an_error_from_far_away_names_where_it_began() -> None:
    """However many peers are between (B100)."""
    with instances("west", "east", "north") as (west, east, north):
        west.knows(east)
        east.knows(west, "*")
        east.knows(north)
        north.knows(east, "*")
        north.expose("break", step(breaks, name="breaks"))
        east.expose("pass", remote_node("north", "break"))
        error = failure(executing(west, remote_node("east", "pass"), 7, up=(north, east)))
        assert error.data["origin"] == north.identity.id
        assert [each.type for each in error.others] == ["RemoteFailed", "LookupError"]


def test_an_unknown_peer_is_unreachable() -> None:
    """At once (B100)."""
    with instances("west") as (west,):
        error = failure(executing(west, remote_node("nowhere", "f")))
        assert error.is_a(RemoteUnreachable)
        quiet(west)


def test_a_peer_that_is_down_is_unreachable_once_patience_is_over() -> None:
    """Not before, since it may come up (B100)."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        run = executing(west, remote_node("east", "add", patience=60), 1)
        until(lambda: any(each.tries >= 3 for each in errands(west)))
        assert run.status == "waiting"
        west.clock.jump(61)
        assert failure(run).is_a(RemoteUnreachable)


def test_what_is_not_exposed_can_not_be_called() -> None:
    """Though the peer has a flow of that name, and is allowed all (B100, B101)."""
    with pair() as (west, east):
        east.flow("hidden", plus_one)
        error = failure(executing(west, remote_node("east", "hidden"), 1, up=(east,)))
        assert error.is_a(RemoteNoFunction)
        assert east.executed() == []
        quiet(west, east)


def test_what_a_peer_is_not_allowed_is_refused() -> None:
    """By name (B101)."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        east.peers.change("west", allowed=("other",))
        assert failure(executing(west, remote_node("east", "add"), 1, up=(east,))).is_a(
            RemoteRefused
        )
        assert east.executed() == []


def test_who_is_not_known_is_refused() -> None:
    """The peer has never heard of this server (B101)."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        east.peers.remove("west")
        error = failure(executing(west, remote_node("east", "add"), 1, up=(east,)))
        assert error.is_a(RemoteRefused)


def test_a_value_that_does_not_fit_is_refused_before_it_is_begun() -> None:
    """Tried again it wouldn't fit either (B100)."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        error = failure(executing(west, remote_node("east", "add"), ["no number"], up=(east,)))
        assert error.is_a(RemoteRefused)
        assert "isn't taken" in error.message
        assert east.executed() == []


def test_a_peers_flow_may_wait_for_a_person_for_days() -> None:
    """Meanwhile the caller costs a record (B103)."""
    with pair() as (west, east):
        east.expose("approve", suspend("approval"))
        run = executing(west, remote_node("east", "approve"), "draft", up=(east,))
        until(lambda: bool(east.engine.questions()))
        until(lambda: any(each.accepted for each in errands(west)))
        west.clock.jump(3 * DAY)
        assert run.status == "waiting"
        east.engine.resume(east.executed()[0], "yes")
        assert run.result(PATIENT) == "yes"
        assert len(east.executed()) == 1


def test_a_cancel_goes_down_to_the_peer() -> None:
    """And is the outcome here once the peer's run has ended (B103)."""
    with pair() as (west, east):
        east.expose("approve", suspend("approval"))
        run = executing(west, remote_node("east", "approve"), 1, up=(east,))
        until(lambda: bool(east.engine.questions()))
        west.engine.cancel(run)
        assert run.wait(PATIENT) == "cancelled"
        assert [str(row.status) for row in east.engine.runs()] == ["cancelled"]
        quiet(west, east)


def test_a_timeout_around_it_stops_the_peers_run() -> None:
    """As it stops any other extent (B103)."""
    with pair() as (west, east):
        east.expose("approve", suspend("approval"))
        body = try_catch(timeout(timedelta(days=1), remote_node("east", "approve")), codes)
        run = executing(west, body, 1, up=(east,))
        until(lambda: bool(east.engine.questions()))
        west.clock.jump(1.1 * DAY)
        assert run.result(PATIENT) == "flow_timeout"
        until(lambda: [str(row.status) for row in east.engine.runs()] == ["cancelled"])


def test_a_peer_that_is_away_does_not_hold_up_a_cancel_for_ever() -> None:
    """It hears of it when it is back (B103)."""
    with pair() as (west, east):
        east.expose("approve", suspend("approval"))
        run = executing(west, remote_node("east", "approve", patience=60), 1, up=(east,))
        until(lambda: bool(east.engine.questions()))
        until(lambda: any(each.accepted for each in errands(west)))
        east.down()
        west.engine.cancel(run)
        until(lambda: bool(west.store.records("errand-stop")))
        west.clock.jump(61)
        assert run.wait(PATIENT) == "cancelled"
        east.up()
        until(lambda: [str(row.status) for row in east.engine.runs()] == ["cancelled"])
        quiet(west, east)


def test_a_cancel_at_the_peer_is_an_error_here() -> None:
    """Which says whose it was (B100)."""
    with pair() as (west, east):
        east.expose("approve", suspend("approval"))
        run = executing(west, remote_node("east", "approve"), 1, up=(east,))
        until(lambda: bool(east.engine.questions()))
        east.engine.cancel(east.executed()[0])
        assert failure(run).message == "east cancelled its run of approve"


def test_a_new_attempt_is_a_new_call() -> None:
    """Each is executed once (B102)."""
    with pair() as (west, east):
        tries: list[int] = []

        def second_time(value: int) -> int:
            tries.append(value)
            if len(tries) == 1:
                raise OSError("not yet")
            return value

        east.expose("try", step(second_time))
        run = executing(west, retry(3, remote_node("east", "try")), 5, up=(east,))
        assert run.result(PATIENT) == 5
        assert len(east.executed()) == len(tries) == 2


def test_failover_asks_the_next_on_transport_trouble() -> None:
    """In order, and nobody after the first success (B104)."""
    with instances("west", "east", "north") as (west, east, north):
        for each in (east, north):
            west.knows(each)
            each.knows(west, "*")
            each.expose("who", const(each.name))
        body = remote_failover(["nowhere", "east", "north"], "who", const("here"))
        assert executing(west, body, 1, up=(east, north)).result(PATIENT) == "east"
        assert (len(east.executed()), len(north.executed())) == (1, 0)


def test_local_is_for_when_nobody_can_be_reached() -> None:
    """And nobody's own failure makes it move on, unless told (B104)."""
    with pair() as (west, east):
        east.expose("break", step(breaks, name="breaks"))
        body = fallback(
            try_catch(remote_failover(["nowhere"], "break", const("here")), codes)
            >> const("then")
            >> remote_failover(["east"], "break", const("never")),
            const("after all"),
        )
        assert executing(west, body, 1, up=(east,)).result(PATIENT) == "after all"


def test_a_circle_of_calls_ends() -> None:
    """The depth goes along, so that two peers can't call each other for ever (B101)."""
    with instances("west", "east", "north") as (west, east, north):
        west.knows(east)
        east.knows(west, "*")
        east.knows(north)
        north.knows(east, "*")
        north.expose("add", plus_one)
        east.expose("pass", remote_node("north", "add"))
        run = executing(west, remote_node("east", "pass"), 7, up=(north, east))
        assert run.result(PATIENT) == 8
        ((_, _, begun, _), *_) = north.store.journal(north.engine.runs()[0].no)
        assert decode_body(begun).ticks == 2
        deep = Ask(
            function="add", input=Raw(b"1"), expires=north.clock.wall() + 1_000_000, depth=101
        )
        promises = Promises(north.engine.client, north.clock, 1000)
        said = promises.take(north.peers.require("east"), "0" * 26, deep)
        assert (said.status, said.code) == (403, "remote_refused")
