"""Requests that are forged, replayed, edited, stale or too many: 401, the first answer, or a no.

Reliability 17; B101.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from everflow import const, suspend
from everflow.federation.http import ROUTES
from everflow.net.keys import make_ed25519
from everflow.net.message import Message
from tests.engine.support import plus_one, until
from tests.federation.asking import CALL, ask, edited, request, send, signed
from tests.federation.support import Instance, pair

MINUTE = 60_000_000
Pair = tuple[Instance, Instance]


@pytest.fixture(scope="module")
def both() -> Iterator[Pair]:
    """West and east, who is up; what is refused leaves nothing behind."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        east.expose("wait", suspend("answer"))
        east.up()
        yield west, east


def forged(west: Instance, east: Instance) -> Message:
    return signed(request(east, body=ask()), west, key=make_ed25519())


def unknown(west: Instance, east: Instance) -> Message:
    return signed(request(east, body=ask()), west, key_id="nobody#nothing")


def other_key(west: Instance, east: Instance) -> Message:
    key_id = f"{west.identity.id}#{'0' * 43}"
    return signed(request(east, body=ask()), west, key_id=key_id)


def edited_body(west: Instance, east: Instance) -> Message:
    return edited(signed(request(east, body=ask(value=1)), west), body=ask(value=2))


def edited_digest(west: Instance, east: Instance) -> Message:
    other = signed(request(east, body=ask(value=2)), west).values("content-digest")[0]
    made = signed(request(east, body=ask(value=1)), west)
    return edited(made.having({"content-digest": other}), body=ask(value=2))


def edited_path(west: Instance, east: Instance) -> Message:
    made = signed(request(east, body=ask()), west)
    return edited(made, url=made.url.replace(CALL, "1" * 26))


def edited_query(west: Instance, east: Instance) -> Message:
    made = signed(request(east, body=ask()), west)
    return edited(made, url=f"{made.url}?wait=30")


def edited_method(west: Instance, east: Instance) -> Message:
    return edited(signed(request(east, "GET"), west), method="DELETE")


def stale(west: Instance, east: Instance) -> Message:
    return signed(request(east, body=ask()), west, now=west.clock.wall() - 6 * MINUTE)


def from_the_future(west: Instance, east: Instance) -> Message:
    return signed(request(east, body=ask()), west, now=west.clock.wall() + 6 * MINUTE)


def for_another(west: Instance, east: Instance) -> Message:
    made = signed(edited(request(east, body=ask()), url=f"http://other{'/peer/v1/x'}"), west)
    return edited(made, url=request(east).url)


def unsigned(_west: Instance, east: Instance) -> Message:
    return request(east, body=ask())


def long_nonce(west: Instance, east: Instance) -> Message:
    return signed(request(east, body=ask()), west, nonce="n" * 300)


def half_signed(west: Instance, east: Instance) -> Message:
    made = signed(request(east, body=ask()), west)
    return edited(made, headers=tuple(p for p in made.headers if p[0] != "signature"))


WRONG: list[Callable[[Instance, Instance], Message]] = [
    forged,
    unknown,
    other_key,
    edited_body,
    edited_digest,
    edited_path,
    edited_query,
    edited_method,
    stale,
    from_the_future,
    for_another,
    unsigned,
    long_nonce,
    half_signed,
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_what_does_not_prove_its_sender_is_refused(
    both: Pair, wrong: Callable[[Instance, Instance], Message]
) -> None:
    """Whatever is wrong with it, the sender learns no more than that."""
    said = send(both[1], wrong(*both))
    assert (said.status, said.code) == (401, "signature_refused")
    assert b"nonce" not in said.body
    assert both[1].executed() == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_no_endpoint_does_anything_unsigned(both: Pair, route: tuple[str, str, object]) -> None:
    """All of them pass one gate."""
    method, path, _ = route
    message = request(both[1], method, path.replace("{call}", CALL), b"{}")
    assert send(both[1], message).status == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PATCH", f"/calls/{CALL}", 405),
        ("POST", f"/calls/{CALL}", 405),
        ("GET", "/calls/..%2f..%2fetc", 404),
        ("GET", "/calls/short", 404),
        ("GET", f"/calls/{CALL.upper()}", 404),
        ("GET", f"/calls/{CALL}/stop/more", 404),
        ("GET", "/", 404),
    ],
)
def test_there_is_nothing_elsewhere(both: Pair, method: str, path: str, status: int) -> None:
    """Neither under another method nor under an id that is none (reliability 22)."""
    assert send(both[1], signed(request(both[1], method, path), both[0])).status == status


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b"[" * 5000, b'{"function":1,"input":1,"expires":1}', b"null"],
    ids=range(7),
)
def test_a_body_that_says_nothing_is_refused(both: Pair, body: bytes) -> None:
    """By its sender's own fault."""
    west, east = both
    assert send(east, signed(request(east, body=body), west)).status == 400


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b'{"$":"aside","v":"x"}', "remote_refused"),
        (b'[{"$":"sealed","v":"x"}]', "remote_refused"),
        (b"[" * 300 + b"]" * 300, "remote_refused"),
        (b'"no number"', "remote_refused"),
    ],
    ids=["aside", "sealed", "deep", "unfit"],
)
def test_a_value_that_can_not_be_taken_is_refused(both: Pair, value: bytes, code: str) -> None:
    """Before anything is begun (reliability 21)."""
    west, east = both
    body = b'{"function":"add","expires":%d,"input":%s}' % (east.clock.wall() + MINUTE, value)
    said = send(east, signed(request(east, body=body), west))
    assert (said.status, said.code) == (403, code)
    assert east.executed() == []


def test_too_long_a_body_is_not_read() -> None:
    """Not even of a peer that is known (reliability 21)."""
    with pair() as (west, east):
        east.settings = {"value_limit": 1000}
        east.up()
        said = send(east, signed(request(east, body=ask(value="x" * 9000)), west))
        assert (said.status, said.code) == (413, "too_large")


def soon(east: Instance) -> int:
    return east.clock.wall() + MINUTE


def test_a_replay_gets_the_first_answer() -> None:
    """However things stand by then; it executes nothing."""
    with pair() as (west, east):
        east.expose("wait", suspend("answer"))
        east.up()
        message = signed(request(east, body=ask("wait", expires=soon(east))), west)
        first = send(east, message)
        assert (first.status, first.state) == (202, "going")
        until(lambda: bool(east.engine.questions()))
        east.engine.resume(east.executed()[0], 5)
        look = signed(request(east, "GET"), west)
        until(lambda: send(east, signed(request(east, "GET"), west)).state == "done")
        assert send(east, message) == first
        forget = signed(request(east, "DELETE"), west)
        assert send(east, forget).status == 204
        assert send(east, look).code == "no_such_call"
        assert send(east, message) == first
        assert len(east.executed()) == 1


def test_what_is_asked_for_again_and_again_does_not_fill_the_store() -> None:
    """Of a large answer it is only remembered that it was given; each nonce is still good once."""
    with pair() as (west, east):
        east.expose("tale", const("x" * 100_000))
        east.up()
        body = ask("tale", expires=soon(east))
        until(lambda: send(east, signed(request(east, body=body), west)).state == "done")
        for _ in range(5):
            look = signed(request(east, "GET"), west, nonce="")
            first = send(east, look)
            assert len(first.body) > 100_000
            assert send(east, look) == first
        assert sum(len(record.body) for record in east.store.records("heard")) < 20_000
        one = signed(request(east, "GET"), west, nonce="once")
        assert send(east, one).status == 200
        other = signed(request(east, "DELETE"), west, nonce="once")
        assert send(east, other).code == "signature_refused"


def test_a_nonce_is_good_for_one_request() -> None:
    """Another one with the same is refused, well signed as it may be."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        east.up()
        one = signed(request(east, body=ask(expires=soon(east))), west, nonce="once")
        assert send(east, one).status in {200, 202}
        other = signed(request(east, "DELETE"), west, nonce="once")
        assert send(east, other).code == "signature_refused"


def test_a_call_that_was_acknowledged_is_not_begun_again() -> None:
    """Nor one that was given up before it came, as long as it has not expired."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        east.up()
        body = ask(expires=soon(east))

        def said(method: str, path: str = f"/calls/{CALL}", body: bytes = b"") -> tuple[int, str]:
            found = send(east, signed(request(east, method, path, body), west))
            return found.status, found.code if found.status >= 400 else ""

        assert said("DELETE") == (204, "")
        assert said("PUT", body=body) == (410, "call_expired")
        assert said("GET") == (404, "no_such_call")
        other = f"/calls/{CALL[:-1]}1"
        assert said("POST", f"{other}/stop") == (200, "")
        assert said("POST", f"{other}/stop") == (200, "")
        assert said("PUT", other, body) == (410, "call_expired")
        late = ask(expires=east.clock.wall())
        assert said("PUT", f"/calls/{CALL[:-1]}2", late) == (410, "call_expired")
        far = ask(expires=soon(east) + 500 * 86_400_000_000)
        assert said("PUT", f"/calls/{CALL[:-1]}3", far) == (403, "remote_refused")
        assert east.executed() == []


def test_the_same_call_asks_the_same() -> None:
    """Another value under its id is refused."""
    with pair() as (west, east):
        east.expose("add", plus_one)
        east.up()
        one, other = (ask(value=value, expires=soon(east)) for value in (1, 2))
        assert send(east, signed(request(east, body=one), west)).status in {200, 202}
        assert send(east, signed(request(east, body=other), west)).code == "call_differs"


def test_calls_over_quota_wait() -> None:
    """Open ones are counted, and how many come in a minute; others aren't touched."""
    with pair() as (west, east):
        east.expose("wait", suspend("answer"))
        east.peers.change("west", calls=2)
        east.up()

        def call(number: int) -> int:
            path = f"/calls/{CALL[:-1]}{number}"
            body = ask("wait", expires=soon(east))
            return send(east, signed(request(east, "PUT", path, body), west)).status

        assert [call(number) for number in (1, 2, 3, 1)] == [202, 202, 429, 202]
        send(east, signed(request(east, "DELETE", f"/calls/{CALL[:-1]}1"), west))
        assert call(3) == 202
        east.peers.change("west", calls=10, per_minute=1)
        assert [call(4), call(5)] == [202, 429]
        east.clock.jump(61)
        assert call(6) == 202


VISITS: dict[str, tuple[str, str, bytes]] = {
    "looks": ("GET", f"/calls/{CALL}", b""),
    "stops": ("POST", f"/calls/{CALL}/stop", b""),
    "acknowledges": ("DELETE", f"/calls/{CALL}", b""),
    "nudges": ("POST", "/nudges", b'{"calls":[]}'),
    "announces": ("PUT", "/key", b"{}"),
}


@pytest.mark.parametrize("what", VISITS)
def test_requests_of_each_kind_have_an_end(what: str) -> None:
    """A known peer that asks without end is told to come later, and nothing more is written."""
    with pair() as (west, east):
        east.peers.change("west", per_minute=1)
        east.up()
        method, path, body = VISITS[what]

        def once() -> Message:
            return signed(request(east, method, path, body), west)

        first = once()
        statuses = [send(east, first).status]
        while statuses[-1] != 429:
            statuses.append(send(east, once()).status)
            assert len(statuses) < 30
        assert len(statuses) > 5
        answered = sum(status in {200, 204, 404} for status in statuses)
        assert len(east.store.records("heard")) == answered
        # What was answered gets its answer again; a while later there is room for more.
        assert send(east, first).status in {statuses[0], 429 if statuses[0] == 400 else 0}
        east.clock.jump(61)
        assert send(east, once()).status == statuses[0]
