"""What the server's tests share: real servers on real sockets, and clients that talk to them."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from everflow import Config, Engine, NodeRun, Registry, ask, flow, node, receive
from everflow.server import Access, Limits, Part, Scope, Server, Tokens, bind, create_app
from everflow.stores.memory import MemoryStore

PATIENT = 20.0
GENEROUS = Limits(rate=100_000.0, burst=100_000)
_INSIDE = re.compile(r"Traceback|\.py\b|\.db\b|site-packages|object at 0x|File \"")


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of the problem that it is; it must be a whole one."""
        assert self.headers["content-type"] == "application/problem+json", self.text
        problem = self.json
        assert problem["status"] == self.status
        assert problem["type"] == f"urn:everflow:error:{problem['code']}"
        assert problem["title"]
        assert problem["detail"]
        assert not _INSIDE.search(str(problem)), problem
        return str(problem["code"])


@dataclass
class Served:
    """A server that runs in a thread."""

    engine: Engine
    server: Server
    token: str = ""
    seen: list[Any] = field(default_factory=list)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Reply:
        """A request on a connection of its own; ``body`` is bytes, or a value sent as JSON."""
        given = dict(headers or {})
        bears = self.token if token is None else token
        if bears:
            given.setdefault("Authorization", f"Bearer {bears}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            given.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENT)
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            text = answer.read()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, text)
        finally:
            connection.close()

    def api(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        """The same below the API's own path."""
        return self.ask(method, f"/api/v1{path}", body, **more)

    def make(self, scope: Scope, name: str = "") -> str:
        """The text of a new token."""
        client = self.engine.client
        return Tokens(client.store, client.clock).create(name or str(scope), scope)[1]

    def raw(self, text: bytes, *, seconds: float = PATIENT) -> bytes:
        """Send bytes as they are; give all that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=seconds) as made:
            made.sendall(text)
            parts = []
            while part := made.recv(65536):
                parts.append(part)
            return b"".join(parts)


def shout(text: str) -> str:
    """In capitals."""
    return text.upper()


def fail(_: Any) -> str:
    """Never gives a result."""
    raise ValueError("no such luck")


GO_ON = threading.Event()  # what a flow `slow` waits for


def slow(text: str, run: NodeRun) -> str:
    """Says how far it is until it may go on."""
    while not GO_ON.wait(0.01):
        run.progress(0.25, "reading")
        run.heartbeat()
    return text


def flows() -> Registry:
    """A few flows, in a registry of their own."""
    registry = Registry()
    flow("shouted", node(shout), registry=registry)
    flow("failed", node(fail), registry=registry)
    flow("approved", node(shout) >> ask("approval", bool), registry=registry)
    flow("received", receive("parcel"), registry=registry)
    flow("slow", node(slow), registry=registry)
    return registry


@contextmanager
def serving(
    *,
    access: Access | None = None,
    limits: Limits | None = None,
    parts: tuple[Part, ...] = (),
    store: Any = None,
) -> Iterator[Served]:
    """A server on a free port of this machine, open to it unless said otherwise."""
    engine = Engine(
        store or MemoryStore(), registry=flows(), config=Config(poll_s=0.005, threads=4)
    )
    with engine:
        chosen = access or Access(open=True)
        app = create_app(engine, access=chosen, limits=limits or GENEROUS, parts=parts)
        server = Server(app, bind("127.0.0.1", 0))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
        thread.start()
        try:
            yield Served(engine, server)
        finally:
            server.stop()
            thread.join(PATIENT)
            assert not thread.is_alive()


def until(holds: Callable[[], Any], what: str) -> Any:
    """Look until it holds; give what it gave."""
    pause = threading.Event()
    for _ in range(round(PATIENT / 0.01)):
        found = holds()
        if found:
            return found
        pause.wait(0.01)
    raise AssertionError(f"never: {what}")
