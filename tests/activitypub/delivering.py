"""What the tests of delivery share: an instance that delivers, and receivers that say as told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from everflow import RunQuery
from everflow.activitypub.actors import Local
from everflow.activitypub.circle import Follower, follower_put
from everflow.activitypub.delivery import deliveries, outbox_of
from everflow.activitypub.outbox import Outbox
from everflow.activitypub.parcels import DELIVER
from everflow.store import RunRow
from tests.activitypub.support import KEYS, Listener, Site
from tests.engine.support import JumpClock
from tests.federation.support import Loop


@dataclass
class Arrived:
    """A delivery as it came: where, how signed, and its body."""

    path: str
    signed: str
    headers: Mapping[str, str]
    body: bytes

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
        signed = "rfc9421" if "signature-input" in request.headers else "cavage"
        came = Arrived(request.url.path, signed, dict(request.headers), await request.body())
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


class Sending(Site):
    """An instance whose engine delivers."""

    def provided(self) -> dict[type[Any], Any]:
        self.keys["zoe"] = KEYS  # of an actor who may reach nothing inside
        return deliveries(self.store, registry=self.registry, keys=self.keys, clock=self.clock)

    @property
    def outbox(self) -> Outbox:
        return outbox_of(self.engine.client)

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
def sending() -> Iterator[Sending]:
    """An instance that delivers, and is up."""
    loop = Loop()
    made = Sending(loop, JumpClock())
    try:
        yield made.up()
    finally:
        made.down()
        loop.close()
