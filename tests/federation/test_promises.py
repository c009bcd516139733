"""What peers asked of this instance, where it meets trouble; and what their words are worth."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from everflow import suspend
from everflow.core.faults import ErrorData
from everflow.errors import StoreUnavailable, ValueMismatch
from everflow.federation.promises import Promises
from everflow.federation.words import Answer, Ask, Standing, payload_of_peer, taken_error
from everflow.store import Put
from tests.engine.support import plus_one, step, until
from tests.federation.asking import CALL, ask, request, send, signed
from tests.federation.support import Instance, pair

LIMIT = 1000


def asked(of: Instance, function: str = "add", value: bytes = b"1") -> Ask:
    return Ask(function=function, input=Raw(value), expires=of.clock.wall() + 60_000_000)


def promises(of: Instance) -> Promises:
    return Promises(of.engine.client, of.clock, LIMIT)


def standing(answer: Answer) -> Standing:
    return msgspec.json.decode(answer.body, type=Standing)


def test_two_who_begin_one_call_at_once_begin_one_run() -> None:
    """Who writes second finds the first one's promise, or that it was given up."""
    with pair() as (_, east):
        east.expose("wait", suspend("answer"))
        east.up()
        mine, west = promises(east), east.peers.require("west")
        wait = asked(east, "wait")
        assert mine.take(west, CALL, wait).status == 202
        looks = blinded(east.store, 1)
        assert mine.take(west, CALL, wait).status == 202
        assert (len(looks), len(east.executed())) == (0, 1)
        blinded(east.store, 1)
        assert mine.forget(west, CALL).status == 204  # it was begun after it was looked at
        assert east.store.records("promise") == []
        until(lambda: [str(row.status) for row in east.engine.runs()] == ["cancelled"])


def blinded(store: Any, times: int) -> list[str]:
    """As often as that the store has no promises yet; what is left of that."""
    left, records = ["promise"] * times, type(store).records

    def look(kind: str, **rest: Any) -> Any:
        if kind in left:
            left.remove(kind)
            return []
        return records(store, kind, **rest)

    store.records = look
    return left


def test_a_run_of_a_flow_with_a_queue_waits_there() -> None:
    """As any run of it does (B101)."""
    with pair() as (_, east):
        east.up()
        east.engine.queues.declare("narrow", limit=1)
        east.expose("slow", suspend("answer")).queue_of_flow = "narrow"
        said = promises(east).take(east.peers.require("west"), CALL, asked(east, "slow"))
        assert said.status == 202
        assert [row.queue for row in east.engine.runs()] == ["narrow"]


def test_a_run_that_is_gone_is_told_as_a_failure() -> None:
    """Its caller doesn't wait for ever (B100)."""
    with pair() as (_, east):
        east.expose("wait", suspend("answer"))
        east.up()
        mine, west = promises(east), east.peers.require("west")
        mine.take(west, CALL, asked(east, "wait"))
        (record,) = east.store.records("promise")
        body = record.body.replace(east.executed()[0], "0" * 26)
        east.store.write([Put(kind="promise", key=record.key, body=body)], at=1)
        said = standing(mine.look(west, CALL))
        assert said.error is not None
        assert (said.state, said.error.code) == ("failed", "no_such_run")


def test_trouble_of_the_store_is_no_failure_of_the_run() -> None:
    """The caller is told to come again, and hears the outcome once it can be read."""
    with pair() as (west, east):
        east.expose("add", step(lambda value: f"{value}" * 5000, name="long"))
        east.up()
        body = ask(expires=east.clock.wall() + 60_000_000)
        send(east, signed(request(east, body=body), west))
        until(lambda: [str(row.status) for row in east.engine.runs()] == ["done"])
        store: Any = east.store
        entries, store.entries = store.entries, unavailable
        assert send(east, signed(request(east, "GET"), west)).status == 503
        store.entries = entries
        assert send(east, signed(request(east, "GET"), west)).state == "done"


def unavailable(*_given: Any) -> Any:
    raise StoreUnavailable("the disk is away")


def test_a_flow_that_is_gone_is_no_function() -> None:
    """Though its name is exposed still."""
    with pair() as (_, east):
        east.up()
        east.registry.exposed.add("gone")
        said = promises(east).take(east.peers.require("west"), CALL, asked(east, "gone"))
        assert said.code == "remote_no_fn"


def test_a_value_is_no_longer_than_it_may_be() -> None:
    """Nor anything but JSON."""
    with pair() as (_, east):
        east.expose("add", plus_one)
        east.up()
        long = asked(east, value=b'"' + b"x" * LIMIT + b'"')
        assert promises(east).take(east.peers.require("west"), CALL, long).code == "remote_refused"
    with pytest.raises(ValueMismatch):
        payload_of_peer(b"\xff", LIMIT)
    assert payload_of_peer(b' {"a": [1, "\\u0041"]} ', LIMIT) == '{"a":[1,"A"]}'
    mark = b'"{\\"$\\":\\"aside\\"}"'  # a text that looks like a tag is a text
    assert payload_of_peer(mark, LIMIT) == mark.decode()


def test_an_error_from_a_peer_is_cut_to_size() -> None:
    """Its data is left out where it isn't a value."""
    error = ErrorData(type="E" * 99_999, message="m", data={"$": "aside", "v": "x"}, trace="secret")
    made = taken_error(error, LIMIT)
    assert (len(made.type), made.data, made.trace) == (10_000, None, "")
