"""What the tests of ActivityPub share: an instance and strangers, on real sockets both."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from everflow import Config, Engine, Registry
from everflow.activitypub import ActivityPub, Actors, Keys, Limits, Local
from everflow.activitypub.multikey import multibase
from everflow.net.keys import PrivateKey, public_pem
from everflow.net.message import Message
from everflow.net.signatures import cavage, rfc9421
from everflow.store import Store
from everflow.stores.memory import MemoryStore
from everflow.triggers import Activity, Trigger, Triggers
from tests.engine.support import PATIENT, QUICK, JumpClock
from tests.federation.support import HOST, Loop, bound, port_of, turns
from tests.net.signing import key

AP = "application/activity+json"
INSIDE = (HOST,)
KEYS = Keys(key("rsa", 100), key("ed25519", 100))  # type: ignore[arg-type]  # of these kinds


class Listener:
    """An application on a port that stays its own."""

    def __init__(self, loop: Loop, app: Any) -> None:
        self.loop, self.app = loop, app
        self.held = bound()
        self.port = port_of(self.held)
        self.address = f"http://{HOST}:{self.port}"
        self._server: uvicorn.Server | None = None

    async def listen(self) -> None:
        config = uvicorn.Config(self.app, log_config=None, lifespan="off", ws="none")
        self._server = server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup([bound(self.port)])  # its main loop would only look for signals

    async def deaf(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            for listening in server.servers:
                listening.close()
            await turns()
            for visitor in list(server.server_state.connections):
                visitor.transport.abort()
            for answering in server.server_state.tasks:
                answering.cancel()
            await asyncio.gather(*server.server_state.tasks, return_exceptions=True)


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the problem that it is; it must be a whole one."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        said = self.json
        assert said["status"] == self.status
        assert said["type"] == f"urn:everflow:error:{said['code']}"
        assert said["title"]
        assert said["detail"]
        return str(said["code"])


def ask(
    url: str, method: str = "GET", body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Reply:
    """A request by a plain client, byte for byte."""
    _, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    connection = http.client.HTTPConnection(host, timeout=PATIENT)
    try:
        connection.putrequest(method, f"/{path}", skip_host=True, skip_accept_encoding=True)
        given = {"host": host, **(headers or {})}
        if body or method == "POST":
            given.setdefault("content-length", str(len(body)))
        for name, value in given.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return Reply(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


class Site:
    """An instance with one actor, ines, and its server; ``public``: what others call it."""

    listens: type[Listener] = Listener

    def __init__(
        self,
        loop: Loop,
        clock: JumpClock,
        *,
        fetch_s: float = PATIENT,
        limits: Limits | None = None,
        public: str = "",
    ) -> None:
        self.loop, self.clock = loop, clock
        self.registry = Registry()
        self.declared: list[Trigger] = []
        self.store: Store = MemoryStore()
        self.fetch_s, self.limits = fetch_s, limits
        self.troubles = 0  # deliveries that can't be begun
        self.told: list[tuple[str, Any, list[str]]] = []
        self.listener = self.listens(loop, None)
        self.address = public or self.listener.address
        self.keys: dict[str, Keys] = {"ines": KEYS}
        self.actors = Actors(self.store, clock.wall, self.keys)
        self.ines = self.actors.create("ines", address=self.address, inside=INSIDE)
        self.engine: Engine
        self.triggers: Triggers
        self.pub: ActivityPub

    def provided(self) -> dict[type[Any], Any]:
        """What its engine provides."""
        return {}

    def up(self) -> Self:
        self.engine = Engine(
            self.store,
            provide=self.provided(),
            registry=self.registry,
            config=Config(poll_s=QUICK),
            clock=self.clock,
        )
        self.engine.open()
        self.triggers = Triggers(self.engine, self.declared)
        self.triggers.__enter__()
        self.loop.run(self._up())
        return self

    def down(self) -> None:
        self.loop.run(self._down())
        self.triggers.__exit__(None, None, None)
        self.engine.close()
        self.listener.held.close()

    def tell(self, actor: Local, activity: Mapping[str, Any], to: Sequence[str]) -> None:
        """What is to be delivered, as deliveries are: an activity once."""
        if self.troubles:
            self.troubles -= 1
            raise RuntimeError("no luck")
        told = (actor.name, dict(activity), list(to))
        if told not in self.told:
            self.told.append(told)

    def log(self) -> list[Activity]:
        """What was appended."""
        return list(self.triggers.activities.after())

    async def _up(self) -> None:
        self.pub = ActivityPub(
            self.engine,
            self.triggers,
            tell=self.tell,
            keys=self.keys,
            limits=self.limits,
            fetch_s=self.fetch_s,
            clock=self.clock,
        )
        await self.pub.__aenter__()
        self.listener.app = Starlette(
            routes=[
                Mount("/ap", self.pub.app),
                Mount("/.well-known", self.pub.well_known),
            ]
        )
        self.listener.app.router.redirect_slashes = False
        await self.listener.listen()

    async def _down(self) -> None:
        await self.listener.deaf()
        await self.pub.__aexit__(None, None, None)


@contextmanager
def site(**settings: Any) -> Iterator[Site]:
    """An instance that isn't up yet."""
    loop = Loop()
    made = Site(loop, JumpClock(), **settings)
    try:
        yield made
    finally:
        made.down()
        loop.close()


Way = Callable[[Message, PrivateKey, str, int], dict[str, str]]


def new_way(message: Message, private: PrivateKey, key_id: str, now: int) -> dict[str, str]:
    return rfc9421.sign(message, private, key_id=key_id, now=now, nonce="n")


def old_way(message: Message, private: PrivateKey, key_id: str, now: int) -> dict[str, str]:
    return cavage.sign(message, private, key_id=key_id, now=now)


WAYS: dict[str, Way] = {"rfc9421": new_way, "cavage": old_way}
Say = Callable[[Request], Response]


@dataclass
class Stranger:
    """An actor of another server, who has keys and shows a document as told.

    ``say`` answers in the document's place, and nobody where it is ``silent``; ``asked`` are the
    paths that were asked for.
    """

    listener: Listener
    name: str = "otto"
    number: int = 1
    say: Say | None = None
    silent: bool = False
    asked: list[str] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    received: list[Any] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.listener.address}/users/{self.name}"

    def document(self) -> dict[str, Any]:
        rsa, ed = self.key("rsa").public_key(), self.key("ed25519").public_key()
        return {
            "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
            "id": self.id,
            "type": "Person",
            "preferredUsername": self.name,
            "inbox": f"{self.id}/inbox",
            "endpoints": {"sharedInbox": f"{self.listener.address}/inbox"},
            "publicKey": {
                "id": f"{self.id}#main-key",
                "owner": self.id,
                "publicKeyPem": public_pem(rsa),
            },
            "assertionMethod": [
                {
                    "id": f"{self.id}#ed25519-key",
                    "type": "Multikey",
                    "controller": self.id,
                    "publicKeyMultibase": multibase(ed),  # type: ignore[arg-type]  # it is of Ed25519
                }
            ],
            **self.changes,
        }

    def key(self, kind: str) -> PrivateKey:
        return key(kind, self.number)

    def note(self, number: int | str = 1, **fields: Any) -> dict[str, Any]:
        """An activity by which it published a note."""
        return {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": f"{self.id}/activities/{number}",
            "type": "Create",
            "actor": self.id,
            "object": {"type": "Note", "content": f"note {number}"},
            **fields,
        }

    def signed_by(
        self,
        url: str,
        body: bytes,
        *,
        now: int,
        way: str = "cavage",
        kind: str = "rsa",
        key_id: str = "",
        number: int | None = None,
        media: str = AP,
    ) -> dict[str, str]:
        """The headers of a delivery."""
        message = Message("POST", url, (("content-type", media),), body)
        mark = "main-key" if kind == "rsa" else "ed25519-key"
        private = self.key(kind) if number is None else key(kind, number)
        made = WAYS[way](message, private, key_id or f"{self.id}#{mark}", now)
        return {"content-type": media, **made}

    def answer(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        self.signed.append(request.headers.get("signature", ""))
        if self.say is not None:
            return self.say(request)
        return Response(json.dumps(self.document()), media_type=AP)


@contextmanager
def stranger(loop: Loop, **settings: Any) -> Iterator[Stranger]:
    """A stranger whose server is up."""
    listener = Listener(loop, None)
    made = Stranger(listener, **settings)

    async def answer(request: Request) -> Response:
        if made.silent:
            await asyncio.Event().wait()
        return made.answer(request)

    async def receive(request: Request) -> Response:
        made.received.append(await request.json())
        return Response(status_code=202)

    listener.app = Starlette(
        routes=[
            Route("/users/{name}", answer),
            Route("/users/{name}/inbox", receive, methods=["POST"]),
            Route("/inbox", receive, methods=["POST"]),
            Route("/.well-known/webfinger", answer),
            Route("/elsewhere", answer),
        ]
    )
    loop.run(listener.listen())
    try:
        yield made
    finally:
        loop.run(listener.deaf())
        listener.held.close()


def deliver(
    to: Site, by: Stranger, activity: Mapping[str, Any] | bytes, *, inbox: str = "", **how: Any
) -> Reply:
    """Deliver an activity, signed as told, to an actor's inbox."""
    body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
    url = inbox or to.ines.inbox
    how.setdefault("now", to.clock.wall())
    return ask(url, "POST", body, by.signed_by(url, body, **how))


def local(name: str = "ines", **fields: Any) -> Local:
    """An actor that no store has."""
    return Local(
        **{
            "name": name,
            "address": "https://blog.example",
            "rsa": public_pem(KEYS.rsa.public_key()),
            "ed25519": "",
            "at": 0,
            **fields,
        }
    )


def refused(here: Site, said: Reply, status: int = 401, code: str = "signature_refused") -> None:
    """It was refused, in few words."""
    assert (said.status, said.code) == (status, code), said.body
    if status == 401:
        assert said.json["detail"].startswith("the delivery isn't signed by its actor")
