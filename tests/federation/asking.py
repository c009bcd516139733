"""Requests to a peer as anybody may send them: well signed, or wrong in one way."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, replace
from typing import Any

from everflow.federation.wire import PREFIX
from everflow.net.message import Message
from everflow.net.signatures import rfc9421
from tests.federation.support import HOST, Instance

CALL = "01kays0000" + "0" * 16


@dataclass
class Said:
    """What came back."""

    status: int
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])

    @property
    def state(self) -> str:
        return str(json.loads(self.body)["state"])


def ask(function: str = "add", value: Any = 1, *, expires: int = 1 << 62, depth: int = 1) -> bytes:
    """The body of a call."""
    said = {"function": function, "input": value, "expires": expires, "depth": depth}
    return json.dumps(said).encode()


def request(
    to: Instance, method: str = "PUT", path: str = f"/calls/{CALL}", body: bytes = b""
) -> Message:
    """A request that isn't signed."""
    return Message(method, f"{to.address}{PREFIX}{path}", (), body)


def signed(
    message: Message, by: Instance, *, nonce: str = "", now: int | None = None, **wrong: Any
) -> Message:
    """The same with a signature; ``key`` and ``key_id`` may be others than the sender's."""
    key, key_id = wrong.get("key", by.identity.key), wrong.get("key_id", by.identity.key_id)
    at = by.clock.wall() if now is None else now
    nonce = nonce or f"n{next(_count)}"
    return message.having(rfc9421.sign(message, key, key_id=key_id, now=at, nonce=nonce))


_count = iter(range(1 << 30))


def send(to: Instance, message: Message) -> Said:
    """Send it, as it is."""
    connection = http.client.HTTPConnection(HOST, to.port, timeout=20)
    try:
        path = "/" + message.url.split("/", 3)[3]
        connection.request(message.method, path, message.body, dict(message.headers))
        answer = connection.getresponse()
        return Said(answer.status, answer.read())
    finally:
        connection.close()


def edited(message: Message, **changes: Any) -> Message:
    """The same but for what was changed after it was signed."""
    return replace(message, **changes)
