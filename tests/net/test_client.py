"""The client speaks to whom it may, and takes from them no more than it must."""

from __future__ import annotations

import asyncio
import gzip
import socket

import pytest

from everflow.errors import (
    CallerError,
    EngineClosed,
    TooSlow,
    Unreachable,
)
from everflow.net.client import Outside
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.reading import Reply
from everflow.net.signatures import rfc9421
from tests.net.serving import HERE, SHORT, Visit, names, reply_of, serving, visiting
from tests.net.signing import NOW, key


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


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("/a[1]?b[]={c}|d", "/a%5B1%5D?b%5B%5D=%7Bc%7D%7Cd"),
        ("/100%?%2f%zz", "/100%25?%2f%25zz"),
        ("/bücher/\\`^", "/b%C3%BCcher/%5C%60%5E"),
        ("/a/../b/./c", "/b/c"),
        ("?", "/?"),
    ],
)
def test_a_sloppy_url_is_sent_in_its_usual_form_and_signed_so(target: str, sent: str) -> None:
    """What others write in a URL can be signed whatever it is, and is sent as it was signed."""

    async def main() -> str:
        def sign(message: Message) -> dict[str, str]:
            signed = rfc9421.sign(message, key("ed25519"), key_id="me", now=NOW, nonce="n")
            rfc9421.verify(message.having(signed), key("ed25519").public_key(), now=NOW)
            assert message.place().target == sent
            return signed

        async with visiting(lambda visit: visit.reply()) as (outside, server):
            await outside.send(Message("GET", server.url(target)), sign=sign)
            return server.visits[0].line()

    assert asyncio.run(main()) == f"GET {sent} HTTP/1.1"


def test_a_connection_is_used_again() -> None:
    """Ten requests to one server are one connection."""

    async def main() -> tuple[int, int]:
        async with visiting(lambda visit: visit.reply(b"x")) as (outside, server):
            for _ in range(10):
                await outside.send(Message("GET", server.url()))
            return server.connections, len(server.visits)

    assert asyncio.run(main()) == (1, 10)


def test_one_server_gets_so_many_requests_at_once() -> None:
    """However many there are for it: the rest waits, and another server's don't wait for them."""

    async def main() -> tuple[int, int]:
        going, most, enough = 0, 0, asyncio.Event()

        async def slow(visit: Visit) -> None:
            nonlocal going, most
            going += 1
            most = max(most, going)
            await enough.wait()
            going -= 1
            await visit.reply(b"x")

        async with visiting(slow, per_host=2) as (outside, server), serving(good) as other:
            asked = [outside.send(Message("GET", server.url(f"/{n}"))) for n in range(6)]
            waiting = asyncio.gather(*asked)
            await outside.send(Message("GET", other.url()))
            enough.set()
            await waiting
            return most, len(server.visits)

    async def good(visit: Visit) -> None:
        await visit.reply(b"x")

    assert asyncio.run(main()) == (2, 6)


def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    """It is asked before each request: what is sent there would be lost."""

    async def once(visit: Visit) -> None:
        await visit.reply(b"x")
        visit.writer.close()
        gone.set()

    async def main() -> int:
        async with visiting(once) as (outside, server):
            for _ in range(3):
                gone.clear()
                await outside.send(Message("GET", server.url()))
                await gone.wait()
                for _ in range(10):  # the end of the connection is on its way
                    await asyncio.sleep(0)
            return server.connections

    gone = asyncio.Event()
    assert asyncio.run(main()) == 3


def test_a_packed_reply_is_unpacked() -> None:
    """Replies packed by gzip are asked for, and understood."""

    async def packed(visit: Visit) -> None:
        assert visit.header("accept-encoding") == ["gzip"]
        await visit.reply(gzip.compress(b"hello" * 100), content_encoding="gzip")

    assert reply_of(packed).body == b"hello" * 100


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
