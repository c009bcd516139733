"""Messages that are lost, doubled or garbled, and sides that go away: never a second execution.

Reliability 15; B102. Everything here goes over real sockets, with a proxy before the peer.
"""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from everflow import remote_node, retry, suspend, try_catch
from everflow.engine.records.errands import read_errand
from everflow.errors import RemoteFailed, RemoteUnreachable
from everflow.store import Put
from tests.engine.support import PATIENT, plus_one, step, until
from tests.federation.support import errands, executing, failure, pair, quiet


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("act", ["lose", "drop", "double"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_each_message_may_be_lost_or_doubled(act: str, at: int) -> None:
    """The request or its answer, be it the call, a look or the acknowledgement."""
    with pair(between=True) as (west, east):
        east.expose("approve", suspend("approval"))
        east.proxy.script = ["pass"] * at + [act]
        run = executing(west, remote_node("east", "approve"), 1, up=(east,))
        until(lambda: bool(east.engine.questions()))
        east.engine.resume(east.executed()[0], "yes")
        assert run.result(PATIENT) == "yes"
        quiet(west, east)
        assert len(east.executed()) == 1


def test_whatever_is_lost_each_call_is_executed_once() -> None:
    """Half of all messages, of twenty calls in a row."""
    with pair(between=True) as (west, east):
        dice = random.Random(7)
        acts: list[Any] = [
            "pass",
            "pass",
            "pass",
            "lose",
            "drop",
            "double",
            b"HTTP/1.1 200 OK\r\n\r\n{",
        ]
        east.proxy.script = [dice.choice(acts) for _ in range(400)]
        east.expose("add", plus_one)
        calls = remote_node("east", "add")
        for _ in range(19):
            calls = calls >> remote_node("east", "add")
        run = executing(west, retry(3, calls), 0, up=(east,))
        assert run.result(PATIENT) == 20
        assert len(east.executed()) == 20


def test_the_caller_is_restarted_in_the_middle() -> None:
    """Its next courier goes on with what it finds."""
    with pair(between=True) as (west, east):
        east.expose("approve", suspend("approval"))
        run = executing(west, remote_node("east", "approve"), 1, up=(east,))
        until(lambda: bool(east.engine.questions()))
        west.down()
        east.engine.resume(east.executed()[0], "yes")
        west.up()
        assert west.engine.run(run.id).result(PATIENT) == "yes"
        quiet(west, east)
        assert len(east.executed()) == 1


def test_the_caller_dies_before_it_hears_that_the_call_was_accepted() -> None:
    """The call is made again, and is the same."""
    with pair(between=True) as (west, east):
        east.expose("approve", suspend("approval"))
        east.proxy.always = "drop"
        run = executing(west, remote_node("east", "approve"), 1, up=(east,))
        until(lambda: bool(east.engine.questions()))
        west.down()
        east.proxy.always = "pass"
        west.up()
        until(lambda: any(each.accepted for each in errands(west)))
        east.engine.resume(east.executed()[0], "yes")
        assert west.engine.run(run.id).result(PATIENT) == "yes"
        assert len(east.executed()) == 1


def test_an_errand_whose_courier_died_is_anybodys_after_a_while() -> None:
    """What it was taken with runs out by itself."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        run = executing(west, remote_node("east", "add", patience=3600), 1)
        until(lambda: any(each.tries for each in errands(west)))
        west.down()
        (record,) = west.store.records("errand")
        taken = Put(kind="errand", key=record.key, body=record.body, due=record.at + 20_000_000)
        west.store.write([taken], at=record.at)
        east.up()
        west.up()
        assert west.engine.run(run.id).status == "waiting"
        west.clock.jump(21)
        assert west.engine.run(run.id).result(PATIENT) == 2


def test_an_errand_in_the_hands_of_a_process_that_died_is_carried_at_once() -> None:
    """Nobody waits for what it was taken with: the store knows that its worker is gone."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        run = executing(west, remote_node("east", "add", patience=3600), 1)
        until(lambda: any(each.tries for each in errands(west)))
        worker = west.engine.worker
        west.down()
        (record,) = west.store.records("errand")
        body = msgspec.json.encode(replace(read_errand(record.body), carrier=worker)).decode()
        taken = Put(kind="errand", key=record.key, body=body, due=record.at + 20_000_000)
        west.store.write([taken], at=record.at)
        east.up()
        west.up()
        assert west.engine.run(run.id).result(PATIENT) == 2
        assert [each.carrier for each in errands(west)] in ([], [0])
        assert len(east.executed()) == 1


def test_the_peer_dies_after_it_accepted() -> None:
    """Once accepted, only the peer's own word ends the waiting, whenever it is back."""
    with pair() as (west, east):
        east.expose("approve", suspend("approval"))
        run = executing(west, remote_node("east", "approve", patience=1), 1, up=(east,))
        until(lambda: any(each.accepted for each in errands(west)))
        east.down()
        west.clock.jump(86_400)
        until(lambda: any(each.tries > 1 for each in errands(west)))
        assert run.status == "waiting"
        east.up()
        east.engine.resume(east.executed()[0], "yes")
        assert run.result(PATIENT) == "yes"
        assert len(east.executed()) == 1


def test_the_peer_is_restarted_while_it_executes() -> None:
    """Its run goes on there as any run does."""
    with pair() as (west, east):
        east.expose("both", suspend("one") >> suspend("other"))
        run = executing(west, remote_node("east", "both"), 1, up=(east,))
        until(lambda: bool(east.engine.questions()))
        east.engine.resume(east.executed()[0], 1, tag="one")
        east.down()
        east.up()
        until(lambda: [each.tag for each in east.engine.questions()] == ["other"])
        east.engine.resume(east.executed()[0], 2, tag="other")
        assert run.result(PATIENT) == 2
        assert len(east.executed()) == 1


def test_what_the_peer_accepted_unheard_is_stopped_when_it_is_given_up() -> None:
    """The caller goes on without it, and tells the peer as soon as it can."""
    with pair(between=True) as (west, east):
        east.expose("approve", suspend("approval"))
        east.proxy.always = "drop"
        caught = step(lambda caught: caught.error.code, name="code")
        body = try_catch(remote_node("east", "approve", patience=60), caught)
        run = executing(west, body, 1, up=(east,))
        until(lambda: bool(east.engine.questions()))
        west.clock.jump(61)
        assert run.result(PATIENT) == "remote_unreachable"
        east.proxy.always = "pass"
        until(lambda: [str(row.status) for row in east.engine.runs()] == ["cancelled"])
        quiet(west, east)
        assert len(east.executed()) == 1


def test_a_call_that_comes_too_late_is_not_begun() -> None:
    """Unreachable is final: past its expiry the peer refuses it."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        west.pace = west.pace.__class__(**{**vars(west.pace), "first": 3600.0, "longest": 3600.0})
        run = executing(west, remote_node("east", "add", patience=60), 1)
        until(lambda: any(each.tries for each in errands(west)))
        east.up()
        west.clock.jump(61)
        assert failure(run).is_a(RemoteUnreachable)
        quiet(west, east)
        assert east.executed() == []


GARBAGE: list[Any] = [
    b"",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    b'HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{"state":"flying"}',
    b'HTTP/1.1 202 OK\r\ncontent-length: 4\r\n\r\n"\xff\xff"',
    b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n" + b"[" * 9000,
    b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{}",
    b"HTTP/1.1 204 OK\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 404 No\r\ncontent-length: 9\r\n\r\nnot found",
    b'HTTP/1.1 404 No\r\ncontent-length: 20\r\n\r\n{"code":"not_found"}',
    b'HTTP/1.1 500 No\r\ncontent-length: 23\r\n\r\n{"code":"remote_no_fn"}',
    b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",
]


@pytest.mark.parametrize("answer", GARBAGE, ids=range(len(GARBAGE)))
def test_an_answer_that_makes_no_sense_says_nothing(answer: bytes) -> None:
    """It is asked again, and the call is made once."""
    with pair(between=True) as (west, east):
        east.expose("add", plus_one)
        east.proxy.script = [answer, answer]
        run = executing(west, remote_node("east", "add"), 1, up=(east,))
        assert run.result(PATIENT) == 2
        assert len(east.executed()) == 1


VALUES = [
    b'{"$":"aside","v":"abc"}',
    b'{"x":[{"\\u0024":"sealed","v":"abc"}]}',
    b"1e999",
    b"[" * 300 + b"]" * 300,
]


@pytest.mark.parametrize("value", VALUES, ids=["aside", "sealed", "infinite", "deep"])
def test_a_value_that_is_none_never_gets_into_the_journal(value: bytes) -> None:
    """Least of all one that stands for something in this store (B101)."""
    with pair(between=True) as (west, east):
        body = b'{"state":"done","value":' + value + b"}"
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        east.proxy.always = head + body
        error = failure(executing(west, remote_node("east", "f", patience=60), 1, up=(east,)))
        assert error.is_a(RemoteFailed)
        assert "can't be taken" in error.message
