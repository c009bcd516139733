"""What the tests of delivery share: an instance that delivers, and receivers that say as told."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from everflow import Config, Engine, RunQuery
from everflow.activitypub.actors import Local
from everflow.activitypub.circle import Follower, follower_put
from everflow.activitypub.delivery import deliveries, outbox_of
from everflow.activitypub.outbox import Outbox
from everflow.activitypub.parcels import DELIVER
from everflow.store import RunRow
from tests.activitypub.support import KEYS, Listener, Site
from tests.engine.support import QUICK, JumpClock
from tests.federation.support import Loop


@dataclass
class Arrived:
    """A delivery as it came: where, how signed, and its body."""

    path: str
    signed: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, request: Request, body: bytes) -> Arrived:
        signed = "rfc9421" if "signature-input" in request.headers else "cavage"
        ours = {"connection", "content-length", "transfer-encoding"}  # the connection's own
        headers = {name: text for name, text in request.headers.items() if name not in ours}
        return cls(request.url.path, signed, headers, body)

    @property
    def value(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """A server with inboxes; ``says`` is what it answers, by default that it took it."""

    listener: Listener
    says: Callable[[Arrived], Response] = lambda _: Response(status_code=202)
    arrived: list[Arrived] = field(default_factory=list)

    def inbox(self, name: str = "") -> str:
        return f"{self.listener.address}/{name}/inbox" if name else f"{self.listener.address}/inbox"

    def paths(self) -> list[str]:
        return [each.path for each in self.arrived]

    async def receive(self, request: Request) -> Response:
        came = Arrived.of(request, await request.body())
        self.arrived.append(came)
        return self.says(came)


@contextmanager
def receiver(loop: Loop) -> Iterator[Receiver]:
    """A receiver that is up."""
    made = Receiver(Listener(loop, None))
    made.listener.app = Starlette(
        routes=[
            Route("/inbox", made.receive, methods=["POST"]),
            Route("/{name}/inbox", made.receive, methods=["POST"]),
        ]
    )
    loop.run(made.listener.listen())
    try:
        yield made
    finally:
        loop.run(made.listener.deaf())
        made.listener.held.close()


def status(code: int, **headers: str) -> Callable[[Arrived], Response]:
    """Always that answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Response(status_code=code, headers=named)


class Taping(Listener):
    """A listener that writes down what is posted, as it came."""

    came: list[Arrived]

    async def listen(self) -> None:
        self.came, inner = [], self.app

        async def taped(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["method"] == "POST":
                request = Request(scope, receive)
                body = await request.body()
                self.came.append(Arrived.of(request, body))
                whole: Message = {"type": "http.request", "body": body, "more_body": False}
                receive = partial(_given, iter([whole]), receive)
            await inner(scope, receive, send)

        self.app = taped
        await super().listen()


async def _given(first: Iterator[Message], then: Receive) -> Message:
    """What was read already, and then what comes."""
    return next(first, None) or await then()


def redigested(came: Arrived, body: bytes) -> dict[str, str]:
    """The headers of a delivery with the digest of another body."""
    made = b64encode(sha256(body).digest()).decode()
    name, text = "content-digest", f"sha-256=:{made}:"
    if came.signed == "cavage":
        name, text = "digest", f"SHA-256={made}"
    return {**came.headers, name: text}


class Sending(Site):
    """An instance whose engine delivers."""

    listens = Taping

    @property
    def came(self) -> list[Arrived]:
        """What was posted to it."""
        assert isinstance(self.listener, Taping)
        return self.listener.came

    def provided(self) -> dict[type[Any], Any]:
        self.keys["zoe"] = KEYS  # of an actor who may reach nothing inside
        return deliveries(self.store, registry=self.registry, keys=self.keys, clock=self.clock)

    @property
    def outbox(self) -> Outbox:
        return outbox_of(self.engine.client)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Its engine alone works for a while, without a server."""
        provide, config = self.provided(), Config(poll_s=QUICK)
        self.engine = Engine(
            self.store, provide=provide, registry=self.registry, config=config, clock=self.clock
        )
        with self.engine:
            yield

    def tell(self, actor: Local, activity: Mapping[str, Any], to: Sequence[str]) -> None:
        self.outbox.tell(actor, activity, to)

    def follows(self, name: str, inbox: str, shared: str = "") -> str:
        """Somebody follows ines; gives who."""
        who = f"https://{name}.example/users/{name}"
        follower = Follower(id=who, inbox=inbox, shared=shared, follow=f"{who}#follow", at=0)
        self.store.write([follower_put(self.ines, follower)], at=0)
        return who

    def deliveries(self) -> list[RunRow]:
        return self.engine.runs(RunQuery(flow=DELIVER))


@contextmanager
def sending(declare: Callable[[Sending], None] = lambda _: None) -> Iterator[Sending]:
    """An instance that delivers, and is up; ``declare`` is given it before."""
    loop = Loop()
    made = Sending(loop, JumpClock())
    try:
        declare(made)
        yield made.up()
    finally:
        made.down()
        loop.close()
