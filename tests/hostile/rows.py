"""A row of the corpus: one bad request, as the bytes that are sent, and what is right to say to it.

A table's row is data: its name says what is wrong with it. ``right`` lists the answers that may be
given, as "400 bad_request"; a status alone is for what HTTP itself is refused by, and "closed" for
a connection that is ended without a word.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

PATIENT = 20.0  # seconds within which each is answered; milliseconds are usual
HERE = "127.0.0.1"
CLOSED = "closed"


class Aim(Protocol):
    """What rows are sent to: where it is, and the tokens that there are."""

    port: int
    tokens: dict[str, str]


Sends = Callable[[Any], bytes]


@dataclass(frozen=True)
class Row:
    """One bad request. ``alone``: on a connection of its own, until that ends."""

    name: str
    sends: Sends
    right: tuple[str, ...]
    alone: bool = False


@dataclass(frozen=True)
class Group:
    """Rows of one face and vector, the number of which RELIABILITY.md has."""

    face: str
    vector: int
    rows: tuple[Row, ...]
    proven: bool = False  # whether their sender is a known peer, whose nonces are remembered

    @property
    def name(self) -> str:
        return f"{self.face}-{self.vector}"


@dataclass
class Answer:
    """What came back; ``text`` is the body."""

    status: int
    text: bytes = b""
    media: str = ""
    more: bytes = b""  # what came after it, on a connection of its own

    @property
    def said(self) -> str:
        """Its status, with the code of the problem that it is."""
        if self.status == 0:
            return CLOSED
        code = ""
        if self.media == "application/problem+json":
            code = str(json.loads(self.text)["code"])
        return f"{self.status} {code}".strip()


def target(site: Aim) -> str:
    """What the server is called, in a Host header."""
    return f"{HERE}:{site.port}"


def request(
    method: str,
    path: str,
    body: bytes | str | None = None,
    *headers: str,
    token: str = "operate",
    version: str = "1.1",
    host: str | None = None,
    media: str = "application/json",
    length: str | None = None,
) -> Sends:
    """A request line, headers and a body. ``token`` names one of the site's; "" sends none."""
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body

    def sends(site: Aim) -> bytes:
        lines = [f"{method} {path} HTTP/{version}"]
        if host != "":
            lines.append(f"Host: {host or target(site)}")
        if token:
            lines.append(f"Authorization: Bearer {site.tokens[token]}")
        if data is not None:
            if media:
                lines.append(f"Content-Type: {media}")
            lines.append(f"Content-Length: {len(data) if length is None else length}")
        lines += headers
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (data or b"")

    return sends


def raw(*parts: bytes) -> Sends:
    """Bytes as they are, but for ``HOST`` and ``TOKEN`` in them."""
    text = b"".join(parts)

    def sends(site: Aim) -> bytes:
        told = text.replace(b"HOST", target(site).encode())
        return told.replace(b"TOKEN", site.tokens["operate"].encode())

    return sends


def start(text: str) -> Sends:
    """A start of a flow, with that text as the input in its JSON."""
    return request("POST", "/api/v1/runs", '{"flow": "shouted", "input": ' + text + "}")


def rows(table: Iterable[tuple[str, Sends, str]], *, alone: bool = False) -> tuple[Row, ...]:
    """Rows of (name, what is sent, what is right: answers with commas between them)."""
    return tuple(
        Row(name, sends, tuple(each.strip() for each in right.split(",")), alone)
        for name, sends, right in table
    )


@dataclass
class Line:
    """A connection that is kept, and opened anew when the server has ended it."""

    port: int
    _made: socket.socket | None = field(default=None, repr=False)

    def ask(self, text: bytes) -> Answer:
        """Send one request on the kept connection, and read its answer."""
        made = self._made or socket.create_connection((HERE, self.port), PATIENT)
        self._made = made
        sent(made, text)
        method = text.split(b" ", 1)[0].decode("latin-1")
        found = http.client.HTTPResponse(made, method=method)
        try:
            found.begin()
            answer = Answer(found.status, found.read(), found.headers.get_content_type())
        except (http.client.HTTPException, ConnectionError):
            answer = Answer(0)
        if answer.status == 0 or found.will_close:
            self.close()
        return answer

    def close(self) -> None:
        if self._made is not None:
            self._made.close()
            self._made = None


def opened(port: int, text: bytes) -> socket.socket:
    """A connection of its own, on which that is sent."""
    made = socket.create_connection((HERE, port), PATIENT)
    sent(made, text)
    return made


def ended(made: socket.socket) -> Answer:
    """What came on it until the server ended it."""
    with made:
        return first_of(all_of(made))


def sent(made: socket.socket, text: bytes) -> None:
    """Send, as far as the server listens."""
    try:
        made.sendall(text)
    except ConnectionError:
        return  # it has said what it thinks of it, or hung up: that is read next


def all_of(made: socket.socket) -> bytes:
    """All that comes until the other side ends it."""
    parts = []
    try:
        while part := made.recv(65_536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def first_of(text: bytes) -> Answer:
    """The first answer of those that came; what follows it stands beside it."""
    if not text:
        return Answer(0)
    file = _Kept(text)
    found = http.client.HTTPResponse(_Heard(file), method="GET")  # type: ignore[arg-type]  # all that it asks of a socket
    found.begin()
    body = found.read()
    return Answer(found.status, body, found.headers.get_content_type(), file.read())


class _Kept(io.BytesIO):
    """Bytes that came; what is behind the answer can be read when that is over."""

    def close(self) -> None:
        """Stay open."""


@dataclass
class _Heard:
    """They, as a socket that is read."""

    file: _Kept

    def makefile(self, _mode: str) -> io.BytesIO:
        return self.file
