"""The door: who may come in, by which name, and from which page.

A server on a loopback address lets everybody in while its store never had a token: whoever can
connect to it is at this machine. Then two things are looked at that a page in a browser can't
choose: the name by which it was reached (a foreign name that resolves to this machine is how a page
gets around the browser's rules), and the page that asks.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from starlette.requests import HTTPConnection

from everflow.errors import BadRequest, OriginRefused, RequestTooLarge, Unauthenticated
from everflow.server.backing import Backing
from everflow.server.limits import Limits
from everflow.server.tokens import Grant, Scope, Tokens

__all__ = ["Access", "Door", "is_loopback", "look_at"]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
EVERYBODY: Final = Grant("", Scope.ADMIN)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ufffd]")
_ENCODED = re.compile(rb"%(2f|5c|2e|00)", re.IGNORECASE)
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]/@\s]+)(?::\d{1,5})?")
_VERSION = re.compile(r"1\.[0-9]|[23]")
_ONCE = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"host",
        b"last-event-id",
        b"origin",
        b"sec-fetch-site",
        b"transfer-encoding",
    }
)
Admit = Callable[[HTTPConnection], Awaitable[Grant | None]]


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may come in.

    ``open``: whoever reaches the server by a loopback name, while the store never had a token; for
    servers on loopback alone. ``origins``: pages besides the server's own that may ask for changes,
    as "https://desk.example". ``admit``: an application's own way to tell who asks, where a request
    bears no token of this store: it gives a Grant, or None.
    """

    open: bool = False
    origins: frozenset[str] = field(default_factory=frozenset)
    admit: Admit | None = None


def is_loopback(host: str) -> bool:
    """Whether a host's name or address means this machine alone."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def look_at(asked: HTTPConnection, limits: Limits) -> None:
    """Refuse a request whose headers or path nobody who means well would send."""
    if not _VERSION.fullmatch(asked.scope["http_version"]):
        raise BadRequest("the request is in a version of HTTP that isn't spoken here")
    headers = asked.scope["headers"]
    raw: bytes = asked.scope.get("raw_path") or b""
    size = len(raw) + sum(len(name) + len(value) for name, value in headers)
    if len(headers) > limits.headers or size > limits.header_bytes:
        raise RequestTooLarge(
            f"a request has {limits.headers} headers and {limits.header_bytes:,} bytes of them"
            " at most"
        )
    names = [name for name, _ in headers if name in _ONCE]
    if len(set(names)) != len(names):
        raise BadRequest("a header is there twice that says one thing")
    if _CONTROL.search(asked.scope["path"]) or _ENCODED.search(raw):
        raise BadRequest("the path has characters that no path of this server has")
    if b"%00" in asked.scope["query_string"]:
        raise BadRequest("the query has a character that no text has")


class Door:
    """Lets requests in. Every rule that isn't public asks it for a grant."""

    def __init__(self, backing: Backing, access: Access) -> None:
        self._backing = backing
        self._access = access

    def judge_origin(self, asked: HTTPConnection, method: str) -> None:
        """Refuse what another page has a browser do."""
        host, origin = asked.headers.get("host", ""), asked.headers.get("origin")
        if origin is None:
            foreign = asked.headers.get("sec-fetch-site") == "cross-site"
        else:
            own = origin.partition("://")[2].lower() or "null"  # a page may have none, as a request
            foreign = own != host.lower() and origin not in self._access.origins
        if foreign and method not in SAFE:
            raise OriginRefused(
                f"a page of {origin or 'another site'!s:.80} can't ask for that",
                hint="name its origin when the server is made, if it is yours",
            )

    async def grant(self, asked: HTTPConnection) -> Grant:
        """Who asks; Unauthenticated for nobody who may."""
        kind, _, text = asked.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            found = await self._backing.thread(self._tokens().grant, text.strip())
            if found is not None:
                return found
            raise Unauthenticated(
                "the token isn't valid", hint="everflow token list shows which are"
            )
        if self._access.admit is not None:
            admitted = await self._access.admit(asked)
            if admitted is not None:
                return admitted
        if self._access.open and not await self._backing.thread(self._tokens().exist):
            _require_loopback(asked)
            return EVERYBODY
        raise Unauthenticated(
            "the request bears no token",
            hint="send the header Authorization: Bearer TOKEN; everflow token create makes one",
        )

    def _tokens(self) -> Tokens:
        client = self._backing.client
        return Tokens(client.store, client.clock)


def _require_loopback(asked: HTTPConnection) -> None:
    """Refuse a request without a token by a name that isn't this machine's own."""
    host = asked.headers.get("host", "")
    named = _HOST.fullmatch(host)
    if named is None or not is_loopback(named[1]):
        raise OriginRefused(
            f"without a token this server isn't known as {host!r:.80}",
            hint="reach it as localhost, or make a token: everflow token create NAME",
        )
