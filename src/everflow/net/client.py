"""The one client for whatever is outside: no address, size, pace or redirect of others harms us.

Three rules hold. Every hop is a request of its own: its URL is read anew, its address is checked
when it is connected, and it is signed for where it goes. Only what changes nothing (GET, HEAD) is
ever sent on by a redirect, never from HTTPS to HTTP, and what identifies us isn't sent to another
host. Each request has one budget of time for all of it, names and redirects included, and one of
bytes; whoever drips, floods or stalls uses up no more than that.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

import httpcore2
import httpx2

from everflow.errors import (
    AddressRefused,
    BadReply,
    CallerError,
    EngineClosed,
    TooLarge,
    TooSlow,
    Unreachable,
)
from everflow.net.addresses import literal
from everflow.net.guard import Guard, Resolver, SystemResolver
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.reading import Reply, body_of, fields_of

__all__ = ["Outside", "Sign"]

Sign = Callable[[Message], Mapping[str, str]]

_SAFE = frozenset({"GET", "HEAD"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OURS_ALONE = frozenset({"authorization", "cookie", "proxy-authorization"})
_LAST_PORT = 65_535
_NOT_OF_A_URL = re.compile(
    r"%(?![0-9A-Fa-f]{2})|[][\\^`{|}]"
)  # strict readers of signatures refuse
_IDLE_SECONDS = 15.0  # that a connection is kept for the next request
_TOO_LONG = 431  # what h11 would answer, were it the server, to headers without an end


class Outside:
    """A client of other servers; ``async with`` opens it, on one event loop.

    ``resolver`` gives the addresses of a name (``SystemResolver`` where it is None).
    """

    def __init__(self, policy: Policy | None = None, *, resolver: Resolver | None = None) -> None:
        self.policy = Policy() if policy is None else policy
        self._resolver = resolver
        self._names: SystemResolver | None = None
        self._pools: dict[str, httpcore2.AsyncConnectionPool] = {}
        self._rooms: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def __aenter__(self) -> Self:
        resolver = self._resolver
        if resolver is None:
            resolver = self._names = SystemResolver()
        self._pools = {
            scheme: httpcore2.AsyncConnectionPool(
                ssl_context=self.policy.tls or _authorities(),
                max_connections=self.policy.connections,
                keepalive_expiry=_IDLE_SECONDS,
                network_backend=Guard(self.policy, resolver, plain=scheme == "http"),
            )
            for scheme in ("http", "https")
        }
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()
        if self._names is not None:
            self._names.close()

    async def send(
        self,
        message: Message,
        *,
        sign: Sign | None = None,
        seconds: float | None = None,
        most: int | None = None,
    ) -> Reply:
        """Send a request, and read the whole reply, whatever its status.

        ``sign`` gives the headers to add to a request that is otherwise complete; it is asked again
        for each redirect. ``seconds`` and ``most`` (bytes of the body) take the policy's place.

        Raises:
            AddressRefused: the URL can't be one, or leads to where the policy doesn't let it.
            Unreachable, TooSlow, TooLarge, BadReply: what the names say, each an OutsideError.
            CallerError: a method or header that HTTP has no way to say.
            EngineClosed: the client isn't open.
        """
        if not self._pools:
            raise EngineClosed("the client isn't open", hint="async with Outside(policy) as ...")
        limit = self.policy.total_seconds if seconds is None else seconds
        most = self.policy.reply_bytes if most is None else most
        host = message.url[:80]
        try:
            async with asyncio.timeout(limit):
                return await self._follow(message, sign, most)
        except (TimeoutError, httpcore2.TimeoutException) as error:
            raise TooSlow(f"no whole reply from {host} within {limit:g} s") from error
        except httpcore2.RemoteProtocolError as error:
            if any(getattr(each, "error_status_hint", 0) == _TOO_LONG for each in error.args):
                raise TooLarge(f"the headers of {host} have no end") from error
            raise BadReply(f"{host} doesn't answer in HTTP, or only half: {error}") from error
        except (httpcore2.NetworkError, OSError) as error:
            said = str(error) or type(error).__name__
            raise Unreachable(f"no connection to {host}: {said}") from error
        except (httpcore2.LocalProtocolError, UnicodeEncodeError) as error:
            raise CallerError(f"the request can't be written as HTTP: {error}") from error

    async def _follow(self, message: Message, sign: Sign | None, most: int) -> Reply:
        for _ in range(self.policy.redirects + 1):
            url = _read(message.url)
            message = replace(message, url=str(url))
            async with self._room(url):
                reply = await self._exchange(url, message, sign, most)
            location = reply.value("location")
            if message.method not in _SAFE or reply.status not in _REDIRECTS or not location:
                return reply
            message = _redirected(message, url, location)
        raise BadReply(f"more than {self.policy.redirects} redirects, the last to {message.url}")

    def _room(self, url: httpx2.URL) -> asyncio.Semaphore:
        """What lets in as many exchanges with one server as there may be."""
        server = f"{url.scheme}://{url.netloc.decode()}"
        room = self._rooms.get(server)
        if room is None:
            room = self._rooms[server] = asyncio.Semaphore(self.policy.per_host)
        return room

    async def _exchange(
        self, url: httpx2.URL, message: Message, sign: Sign | None, most: int
    ) -> Reply:
        defaults = {"host": url.netloc.decode(), "user-agent": "everflow", "accept": "*/*"}
        asked = {name.lower() for name, _ in message.headers}
        fixed = {"host": defaults["host"], "accept-encoding": "gzip"}
        if message.body or message.method not in _SAFE:
            fixed["content-length"] = str(len(message.body))
        missing = {name: text for name, text in defaults.items() if name not in asked}
        message = message.having({**missing, **fixed})
        if sign is not None:
            message = message.having(sign(message))
        async with self._pools[url.scheme].stream(
            message.method,
            httpcore2.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=[(name.encode("ascii"), _latin(text)) for name, text in message.headers],
            content=message.body,
            extensions={"timeout": {"connect": self.policy.connect_seconds}},
        ) as answer:
            fields = fields_of(answer.headers, self.policy.header_bytes)
            reply = Reply(answer.status, fields, b"", message.url)
            if reply.status in _REDIRECTS and message.method in _SAFE:
                return reply  # its body is nobody's business
            return replace(reply, body=await body_of(answer.aiter_stream(), reply, most))


@cache
def _authorities() -> ssl.SSLContext:
    """The machine's own: read once, since each connection would read them anew."""
    return httpcore2.default_ssl_context()


def _latin(text: str) -> bytes:
    return text.encode("latin-1")


def _read(text: str) -> httpx2.URL:
    """The URL of a text, in its usual form; AddressRefused for what isn't one for us."""
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise AddressRefused(f"{text!r:.80} isn't a URL: {error}") from error
    if url.scheme not in {"http", "https"}:
        raise AddressRefused(f"{text!r:.80} isn't a URL of HTTP")
    if url.userinfo:
        raise AddressRefused("a URL with a name and a password in it is refused")
    if url.port is not None and not 0 < url.port <= _LAST_PORT:
        raise AddressRefused(f"{text!r:.80} names a port that there isn't")
    literal(url.raw_host.decode("ascii"))
    target = _NOT_OF_A_URL.sub(lambda found: f"%{ord(found[0]):02X}", url.raw_path.decode("ascii"))
    return url.copy_with(fragment=None, raw_path=target.encode("ascii"))


def _redirected(message: Message, url: httpx2.URL, location: str) -> Message:
    try:
        leads = url.join(location)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise BadReply(f"{message.url:.80} redirects to what isn't a URL") from error
    if url.scheme == "https" and leads.scheme != "https":
        raise BadReply(f"{message.url:.80} redirects to {leads.scheme}, out of TLS")
    headers = message.headers
    if (leads.host, leads.port, leads.scheme) != (url.host, url.port, url.scheme):
        headers = tuple(pair for pair in headers if pair[0].lower() not in _OURS_ALONE)
    return replace(message, url=str(leads), headers=headers)
