"""The client speaks to whom it may, and takes from them no more than it must."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import Awaitable, Callable

import pytest

from everflow.errors import (
    BadReply,
    CallerError,
    EngineClosed,
    EverflowError,
    TooLarge,
    TooSlow,
    Unreachable,
)
from everflow.net.client import Outside
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.reading import Reply
from tests.net.serving import HERE, SHORT, Script, Visit, names, serving, visiting


def _get(script: Script, **settings: object) -> Reply:
    """What the client makes of a server."""

    async def main() -> Reply:
        async with visiting(script, **settings) as (outside, server):
            return await outside.send(Message("GET", server.url()))

    return asyncio.run(main())


def test_a_request_goes_out_whole_and_its_reply_comes_back() -> None:
    """Method, path, query, headers and body as given; Host and length as HTTP wants them."""

    async def echo(visit: Visit) -> None:
        await visit.reply(visit.request, 201, x_seen="yes", content_type="text/plain")

    async def main() -> tuple[Reply, int]:
        async with visiting(echo) as (outside, server):
            message = Message("POST", server.url("/a%20b?c=d#e"), (("X-Mine", "1"),), b"body")
            return await outside.send(message), server.port

    reply, port = asyncio.run(main())
    assert (reply.status, reply.value("x-seen")) == (201, "yes")
    assert reply.url.endswith(f":{port}/a%20b?c=d")
    head, _, body = reply.body.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    assert (first, body) == ("POST /a%20b?c=d HTTP/1.1", "body")
    assert {"X-Mine: 1", f"host: 127.0.0.1:{port}", "content-length: 4"} <= set(lines)


def test_a_connection_is_used_again() -> None:
    """Ten requests to one server are one connection."""

    async def main() -> tuple[int, int]:
        async with visiting(lambda visit: visit.reply(b"x")) as (outside, server):
            for _ in range(10):
                await outside.send(Message("GET", server.url()))
            return server.connections, len(server.visits)

    assert asyncio.run(main()) == (1, 10)


def test_a_packed_reply_is_unpacked() -> None:
    """Replies packed by gzip are asked for, and understood."""

    async def packed(visit: Visit) -> None:
        assert visit.header("accept-encoding") == ["gzip"]
        await visit.reply(gzip.compress(b"hello" * 100), content_encoding="gzip")

    assert _get(packed).body == b"hello" * 100


def test_a_client_that_is_not_open_says_so() -> None:
    """Before `async with` and after it there is nothing to send by."""
    with pytest.raises(EngineClosed):
        asyncio.run(Outside().send(Message("GET", "https://peer.example/")))


@pytest.mark.parametrize(
    ("method", "header"),
    [
        ("GET /x", ("x", "1")),
        ("GET", ("x\r\nevil", "1")),
        ("GET", ("x", "1\r\nevil: 2")),
        ("GET", ("x", "€")),
        ("GET", ("ä", "1")),
    ],
)
def test_what_http_cannot_say_is_refused(method: str, header: tuple[str, str]) -> None:
    """A value of somebody else's in a header can't become a second one."""

    async def main() -> int:
        async with visiting(lambda visit: visit.reply()) as (outside, server):
            with pytest.raises(CallerError, match="can't be written as HTTP"):
                await outside.send(Message(method, server.url(), (header,)))
            return len(server.visits)

    assert asyncio.run(main()) == 0


HEAD = b"HTTP/1.1 200 OK\r\n"

# Each server is told from the others by what it does, and each is bounded (RELIABILITY 15).


async def _endless(visit: Visit) -> None:
    await visit.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await visit.say(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


async def _endless_without_length(visit: Visit) -> None:
    await visit.say(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        await visit.say(b"x" * 65_536)


async def _bomb(visit: Visit) -> None:
    await visit.reply(gzip.compress(bytes(5_000_000)), content_encoding="gzip")


async def _packed_nothing(visit: Visit) -> None:
    """Blocks of gzip that unpack to nothing, for ever."""
    await visit.say(HEAD, b"transfer-encoding: chunked\r\ncontent-encoding: gzip\r\n\r\n")
    await visit.say(b"a\r\n" + gzip.compress(b"")[:10] + b"\r\n")
    while True:
        await visit.say(b"1388\r\n" + b"\x00\x00\x00\xff\xff" * 1_000 + b"\r\n")


async def _header_flood(visit: Visit) -> None:
    await visit.say(b"HTTP/1.1 200 OK\r\n")
    while True:
        await visit.say(b"x-a: b\r\n" * 1_000)


async def _many_headers(visit: Visit) -> None:
    await visit.say(HEAD, b"x-a: b\r\n" * 5_000, b"\r\n")


async def _long_header(visit: Visit) -> None:
    await visit.reply(x_a="v" * 90_000)


async def _says_it_is_large(visit: Visit) -> None:
    await visit.say(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nx")


async def _a_byte_too_many(visit: Visit) -> None:
    await visit.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    await visit.say(b"3E9\r\n" + b"x" * 1_001 + b"\r\n0\r\n\r\n")


LARGE = {
    "endless": _endless,
    "endless without length": _endless_without_length,
    "gzip bomb": _bomb,
    "packed nothing": _packed_nothing,
    "header flood": _header_flood,
    "many headers": _many_headers,
    "long header": _long_header,
    "says it is large": _says_it_is_large,
    "a byte too many": _a_byte_too_many,
}


@pytest.mark.parametrize("what", LARGE)
def test_too_much_is_refused(what: str) -> None:
    """Bodies, packed and unpacked, and headers: read to the limit and no further."""
    with pytest.raises(TooLarge):
        _get(LARGE[what], reply_bytes=1_000)


def test_a_reply_may_be_as_long_as_the_limit() -> None:
    """The limit itself is allowed, for what is unpacked too; a call may set its own."""

    async def main() -> list[int]:
        async with visiting(lambda visit: visit.reply(b"x" * 1_000), reply_bytes=1_000) as (
            outside,
            server,
        ):
            found = [len((await outside.send(Message("GET", server.url()))).body)]
            with pytest.raises(TooLarge):
                await outside.send(Message("GET", server.url()), most=999)
            return found

    assert asyncio.run(main()) == [1_000]
    packed = gzip.compress(b"x" * 1_000)

    async def gzipped(visit: Visit) -> None:
        await visit.reply(packed, content_encoding="gzip")

    assert len(_get(gzipped, reply_bytes=1_000).body) == 1_000
    with pytest.raises(TooLarge):
        _get(gzipped, reply_bytes=999)


async def _silent(visit: Visit) -> None:
    await visit.gone()


async def _drip(visit: Visit) -> None:
    await visit.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        await visit.say(b"x")
        await asyncio.sleep(0.01)


async def _slow_headers(visit: Visit) -> None:
    await visit.say(b"HTTP/1.1 200 OK\r\n")
    while True:
        await visit.say(b"x: y\r\n")
        await asyncio.sleep(0.01)


async def _patience(visit: Visit) -> None:
    while True:
        await visit.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.001)


async def _circles(visit: Visit) -> None:
    await asyncio.sleep(SHORT / 2)
    await visit.reply(status=302, location="/again")


SLOW = {
    "silent": _silent,
    "drip": _drip,
    "slow headers": _slow_headers,
    "nothing but patience": _patience,
    "slow circles": _circles,
}


@pytest.mark.parametrize("what", SLOW)
def test_too_slow_is_given_up(what: str) -> None:
    """One budget of time for all of it: a byte now and then doesn't renew it."""
    with pytest.raises(TooSlow):
        _get(SLOW[what], total_seconds=SHORT, redirects=10)


def test_a_call_may_have_its_own_time() -> None:
    """A long poll waits longer, a quick look less, than the policy says."""

    async def main() -> None:
        async with visiting(_silent) as (outside, server):
            await outside.send(Message("GET", server.url()), seconds=SHORT)

    with pytest.raises(TooSlow, match=r"0\.3 s"):
        asyncio.run(main())


def _saying(data: bytes) -> Script:
    async def say(visit: Visit) -> None:
        await visit.say(data)
        visit.writer.close()

    return say


ZIPPED = gzip.compress(b"hello")
BAD: dict[str, bytes] = {
    "nothing": b"",
    "garbage": b"\x16\x03\x01\x02\x00 hello\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9\r\n",
    "half a head": HEAD + b"content-le",
    "half a body": HEAD + b"content-length: 10\r\n\r\nhalf",
    "half a chunk": HEAD + b"transfer-encoding: chunked\r\n\r\n10\r\nhalf",
    "no last chunk": HEAD + b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "no number": HEAD + b"content-length: many\r\n\r\nx",
    "two lengths": HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxx",
    "bad chunk": HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\nx",
    "status": b"HTTP/1.1 9999 No\r\n\r\n",
    "not packed": HEAD + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello",
    "half packed": HEAD
    + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % (len(ZIPPED) - 4)
    + ZIPPED[:-4],
    "more behind": HEAD
    + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % (len(ZIPPED) + 4)
    + ZIPPED
    + b"more",
    "deflate": HEAD
    + b"content-encoding: deflate\r\ncontent-length: 9\r\n\r\n"
    + zlib.compress(b"x"),
    "packed twice": HEAD + b"content-encoding: gzip, gzip\r\ncontent-length: 1\r\n\r\nx",
}


@pytest.mark.parametrize("what", BAD)
def test_half_an_answer_is_none(what: str) -> None:
    """Cut, garbled, or packed in a way that wasn't asked for: said, and nothing of it is taken."""
    with pytest.raises(BadReply):
        _get(_saying(BAD[what]))


def test_the_client_goes_on_after_all_of_them() -> None:
    """One client, every misbehaviour in turn, and then a good answer from the same server."""
    scripts: list[Callable[[Visit], Awaitable[None]]] = [
        *LARGE.values(),
        *map(_saying, BAD.values()),
    ]

    async def turns(visit: Visit) -> None:
        number = int(visit.line().split("/")[1].split()[0])
        await (scripts[number](visit) if number < len(scripts) else visit.reply(b"good"))

    async def main() -> bytes:
        async with visiting(turns, reply_bytes=1_000, connections=3) as (outside, server):
            for number in range(len(scripts)):
                with pytest.raises(EverflowError):
                    await outside.send(Message("GET", server.url(f"/{number}")))
            return (await outside.send(Message("GET", server.url(f"/{len(scripts)}")))).body

    assert asyncio.run(main()) == b"good"


def test_a_request_that_is_given_up_gives_its_place_back() -> None:
    """Out of time or cancelled: its connection is closed, and the next request gets the place."""
    asked = asyncio.Event()

    async def nothing_or_good(visit: Visit) -> None:
        if visit.line().startswith("GET /cancelled"):
            asked.set()
        await (visit.reply(b"good") if visit.line().startswith("GET / ") else visit.gone())

    async def main() -> tuple[bytes, int]:
        async with visiting(nothing_or_good, connections=1) as (outside, server):
            with pytest.raises(TooSlow):
                await outside.send(Message("GET", server.url("/late")), seconds=SHORT)
            message = Message("GET", server.url("/cancelled"))
            asking = asyncio.create_task(outside.send(message))
            await asked.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            replies = [outside.send(Message("GET", server.url())) for _ in range(20)]
            return b"".join([each.body for each in await asyncio.gather(*replies)]), len(replies)

    assert asyncio.run(main()) == (b"good" * 20, 20)


def test_nobody_there_is_unreachable() -> None:
    """No name, nobody listens: there is no connection."""

    async def main(host: str, port: int) -> None:
        policy = Policy(allow=(HERE, "gone.example", "none.example"), total_seconds=20.0)
        table = {"gone.example": ["127.0.0.1"] * 9, "none.example": []}
        async with Outside(policy, resolver=names(table)) as outside:
            await outside.send(Message("GET", f"http://{host}:{port}/"))

    with socket.socket() as taken:  # bound, so that nobody else takes it, and not listening
        taken.bind(("127.0.0.1", 0))
        for host in ("127.0.0.1", "gone.example", "none.example", "unknown.example"):
            with pytest.raises(Unreachable):
                asyncio.run(main(host, taken.getsockname()[1]))


def test_a_name_server_that_hangs_is_too_slow() -> None:
    """Finding the address counts: connecting has a limit of its own."""

    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async def main() -> None:
        policy = Policy(connect_seconds=SHORT, total_seconds=20.0)
        async with Outside(policy, resolver=never) as outside:
            await outside.send(Message("GET", "https://peer.example/"))

    with pytest.raises(TooSlow):
        asyncio.run(main())


def test_the_first_address_that_answers_is_taken() -> None:
    """A name with several addresses is tried in their order."""

    async def main() -> int:
        async with serving(lambda visit: visit.reply()) as server:
            table = {"peer.example": ["127.0.0.9", "127.0.0.1"]}
            async with Outside(Policy(allow=(HERE,)), resolver=names(table)) as outside:
                url = server.url(host="peer.example")
                return (await outside.send(Message("GET", url))).status

    assert asyncio.run(main()) == 200
