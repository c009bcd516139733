"""Whatever a server does, it costs a bounded time and number of bytes, and is told by its name."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable

import pytest

from everflow.errors import BadReply, EverflowError, TooLarge, TooSlow
from everflow.net.message import Message
from tests.net.serving import SHORT, Script, Visit, reply_of, visiting

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
        reply_of(LARGE[what], reply_bytes=1_000)


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

    assert len(reply_of(gzipped, reply_bytes=1_000).body) == 1_000
    with pytest.raises(TooLarge):
        reply_of(gzipped, reply_bytes=999)


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
        reply_of(SLOW[what], total_seconds=SHORT, redirects=10)


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
        reply_of(_saying(BAD[what]))


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
