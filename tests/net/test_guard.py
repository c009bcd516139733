"""No connection to where none may be: at connect time, on each hop, whatever a name says when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from everflow.errors import AddressRefused, BadReply, EverflowError
from everflow.net.client import Outside
from everflow.net.guard import SystemResolver
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.reading import Reply
from tests.net.serving import Visit, names, serving


async def _secret(visit: Visit) -> None:
    await visit.reply(b"secret")


# {port} is where a server with a secret listens, on this machine: none of these may reach it.
VECTORS = [
    "http://127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/",
    "http://127.0.0.2:{port}/",
    "http://localhost:{port}/",
    "http://localhost.:{port}/",
    "http://LOCALHOST:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[64:ff9b:1::127.0.0.1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://[::1%lo]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://2130706433:{port}/",
    "http://017700000001:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0.0.1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://0:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://127.0.0.%31:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://\uff11\uff12\uff17.0.0.1:{port}/",
    "http://127\u30020\u30020\u30021:{port}/",
    "http://\u24db\u24de\u24d2alhost:{port}/",
    "http://public.example@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@public.example/",
    "http://user:word@localhost:{port}/",
    "http://public.example\\@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@public.example/",
    "http://public.example#@127.0.0.1:{port}/",
    "http://inside.example:{port}/",
    "http://mixed.example:{port}/",
    "http:127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_GET%20/",
    "unix:///run/x.sock",
    "http+unix://%2Frun%2Fx.sock/",
    "data:text/plain,secret",
    "http://127.0.0.1:{port} /",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\r\nx: y/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:-1/",
    "http://:{port}/",
    "",
]
INSIDE = {
    "localhost": ["::1", "127.0.0.1"],
    "localhost.": ["127.0.0.1"],
    "inside.example": ["127.0.0.1"],
    "mixed.example": ["10.0.0.1", "127.0.0.1", "fe80::1%lo", "::ffff:127.0.0.1"],
    # A resolver that knows what disguised numbers mean, as that of some systems does.
    **{host: ["127.0.0.1"] for host in ("2130706433", "0x7f.0.0.1", "127.1", "127.0.1", "0")},
}


def test_no_address_of_this_machine_is_reached() -> None:
    """Sixty ways to write it, each refused, and nobody was connected (RELIABILITY 18)."""

    async def main() -> tuple[list[str], int]:
        reached = []
        async with serving(_secret) as server, Outside(resolver=names(INSIDE)) as outside:
            for vector in VECTORS:
                url = vector.replace("{port}", str(server.port))
                try:
                    await outside.send(Message("GET", url), seconds=20.0)
                except EverflowError:
                    continue
                reached.append(vector)
            return reached, server.connections

    assert asyncio.run(main()) == ([], 0)


@pytest.mark.parametrize("vector", VECTORS[:17])
def test_an_address_of_this_machine_is_called_that(vector: str) -> None:
    """The refusal says so, and that nothing was connected."""

    async def main() -> None:
        async with Outside(resolver=names(INSIDE)) as outside:
            await outside.send(Message("GET", vector.replace("{port}", "9")))

    with pytest.raises(AddressRefused, match="isn't public"):
        asyncio.run(main())


@pytest.mark.parametrize("port", ["0", "65536", "99999"])
def test_a_port_that_there_is_not_is_refused(port: str) -> None:
    """Where everything is allowed, too."""

    async def main() -> None:
        async with Outside(POLICY) as outside:
            await outside.send(Message("GET", f"http://127.0.0.1:{port}/"))

    with pytest.raises(AddressRefused, match="port"):
        asyncio.run(main())


def test_the_names_of_the_machine_are_judged_too() -> None:
    """With the machine's own resolver `localhost` leads where it always does."""

    async def main() -> int:
        async with serving(_secret) as server, Outside() as outside:
            with pytest.raises(AddressRefused):
                await outside.send(Message("GET", server.url(host="localhost")))
            return server.connections

    assert asyncio.run(main()) == 0


def test_the_resolver_of_the_machine_gives_addresses() -> None:
    """A name that is allowed is found, and so reached."""

    async def main() -> int:
        policy = Policy(allow=("localhost",))
        async with serving(_secret) as server, Outside(policy) as outside:
            return (await outside.send(Message("GET", server.url(host="localhost")))).status

    assert asyncio.run(main()) == 200


def test_a_name_that_cannot_be_one_leads_nowhere() -> None:
    """The machine's resolver may choke on a name: that is the name's fault."""

    async def main() -> Sequence[str]:
        names = SystemResolver()
        try:
            return await names("a" * 64 + ".example", 80)
        finally:
            names.close()

    with pytest.raises((OSError, UnicodeError)):
        asyncio.run(main())


class Rebinding:
    """A name server that gives a harmless address when it is looked at, and another one later."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> list[str]:
        self.asked += 1
        return [self.answers[min(self.asked, len(self.answers)) - 1]]


# 127.0.0.1 plays the public address here, and 127.0.0.2 the private one.
HARMLESS, PRIVATE = "127.0.0.1", "127.0.0.2"
POLICY = Policy(allow=(HARMLESS,), total_seconds=20.0)


def test_a_name_is_resolved_once_for_each_connection() -> None:
    """What was judged is what is connected: there is no second question to answer otherwise."""
    rebinding = Rebinding(HARMLESS, PRIVATE)

    async def main() -> tuple[bytes, int]:
        async with serving(_secret) as server, Outside(POLICY, resolver=rebinding) as outside:
            reply = await outside.send(Message("GET", server.url(host="rebind.example")))
            return reply.body, server.connections

    assert asyncio.run(main()) == (b"secret", 1)
    assert rebinding.asked == 1


def test_a_name_that_turns_inside_is_refused_from_then_on() -> None:
    """The next connection judges anew, and a private address gets none (DNS rebinding)."""

    async def hang_up(visit: Visit) -> None:
        await visit.reply(b"public", connection="close")

    async def main() -> tuple[bytes, int]:
        rebinding = Rebinding(HARMLESS, PRIVATE)
        async with (
            serving(hang_up) as public,
            _beside(public.port) as private,
            Outside(POLICY, resolver=rebinding) as outside,
        ):
            url = public.url(host="rebind.example")
            reply = await outside.send(Message("GET", url))
            with pytest.raises(AddressRefused, match=r"127\.0\.0\.2, which isn't public"):
                await outside.send(Message("GET", url))
            return reply.body, len(private)

    assert asyncio.run(main()) == (b"public", 0)


class _beside:  # noqa: N801 - used as a function is
    """A listener on the private address, at the same port: whoever connects is counted."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.came: list[object] = []

    async def __aenter__(self) -> list[object]:
        async def visit(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.came.append(writer)
            writer.close()

        self._listener = await asyncio.start_server(visit, PRIVATE, self.port)
        return self.came

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()


def test_an_address_beside_a_private_one_is_taken() -> None:
    """Of a name with both only the public address is ever connected."""

    async def main() -> tuple[bytes, int]:
        table = {"mixed.example": [PRIVATE, HARMLESS]}
        async with (
            serving(_secret) as server,
            _beside(server.port) as private,
            Outside(POLICY, resolver=names(table)) as outside,
        ):
            reply = await outside.send(Message("GET", server.url(host="mixed.example")))
            return reply.body, len(private)

    assert asyncio.run(main()) == (b"secret", 0)


def _redirected(
    location: str, *, method: str = "GET", status: int = 302
) -> tuple[Reply, list[str]]:
    """The reply to a request that the first server sends on, and what came to the second."""

    async def main() -> tuple[Reply, list[str]]:
        async with serving(_secret) as second:

            async def first(visit: Visit) -> None:
                if visit.line().split()[1] == "/":
                    await visit.reply(
                        b"moved", status, location=location.replace("{second}", str(second.port))
                    )
                else:
                    await visit.reply(b"local")

            async with (
                serving(first) as server,
                Outside(POLICY, resolver=names({"a.example": [HARMLESS]})) as outside,
            ):
                reply = await outside.send(Message(method, server.url(), (("cookie", "c"),)))
                return reply, [each.line() + str(each.header("cookie")) for each in second.visits]

    return asyncio.run(main())


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{second}/",
        "http://localhost:{second}/",
        "http://[::1]:{second}/",
        "http://[::ffff:127.0.0.2]:{second}/",
        "http://169.254.169.254/latest/meta-data/",
        "//127.0.0.2:{second}/",
        "http://2130706434:{second}/",
        "file:///etc/passwd",
        "http://a:b@127.0.0.1:{second}/",
    ],
)
def test_a_redirect_to_the_inside_is_refused(location: str) -> None:
    """Each hop passes the same gate (RELIABILITY 18)."""
    with pytest.raises(EverflowError) as caught:
        _redirected(location)
    assert caught.value.code in {"address_refused", "unreachable"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(status: int) -> None:
    """To another server, without what was meant for the first alone."""
    reply, came = _redirected("http://a.example:{second}/x", status=status)
    assert (reply.body, came) == (b"secret", ["GET /x HTTP/1.1[]"])
    assert reply.url.startswith("http://a.example:")


def test_a_redirect_within_a_server_keeps_what_it_was_given() -> None:
    """A relative one stays; cookies and authorization do too."""
    reply, came = _redirected("next")
    assert (reply.body, came) == (b"local", [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_post_is_never_sent_on(status: int) -> None:
    """The reply is the redirect itself: who asked decides."""
    reply, came = _redirected("http://127.0.0.1:{second}/", method="POST", status=status)
    assert (reply.status, reply.body, came) == (status, b"moved", [])


@pytest.mark.parametrize("location", ["http://[", "http://a:b:c/", "http://\x7f/", "http://ä .x/"])
def test_a_redirect_to_nowhere_is_refused(location: str) -> None:
    """What isn't a URL leads nowhere."""
    with pytest.raises((BadReply, AddressRefused)):
        _redirected(location)


def test_redirects_have_an_end() -> None:
    """Three are followed, and each is signed for where it goes."""
    signed: list[str] = []

    def sign(message: Message) -> dict[str, str]:
        signed.append(message.place().target)
        return {"signature": f"for {message.place().target}"}

    async def circles(visit: Visit) -> None:
        assert visit.header("signature") == [f"for {visit.line().split()[1]}"]
        await visit.reply(status=302, location=visit.line().split()[1] + "x")

    async def main() -> int:
        async with serving(circles) as server, Outside(POLICY) as outside:
            with pytest.raises(BadReply, match="more than 3 redirects"):
                await outside.send(Message("GET", server.url()), sign=sign)
            return len(server.visits)

    assert asyncio.run(main()) == 4
    assert signed == ["/", "/x", "/xx", "/xxx"]


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would connect in our place, to wherever it likes."""

    async def main() -> tuple[bytes, int]:
        async with serving(_secret) as server, serving(_secret) as proxy:
            for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url())
            async with Outside(POLICY) as outside:
                return (await outside.send(Message("GET", server.url()))).body, proxy.connections

    assert asyncio.run(main()) == (b"secret", 0)
