"""What the tests of peers share: instances with real servers, and what stands between them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.routing import Mount

from everflow import Config, Engine, Flow, Registry, expose, flow
from everflow.federation import Federation, Identity, Pace, Peer, Peers, create_identity
from everflow.net.keys import make_ed25519
from everflow.store import Store
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, QUICK, JumpClock

T = TypeVar("T")
SWIFT = Pace(first=0.01, longest=0.05, wait=0.05, seldom=0.05, answer=5.0, look=QUICK)
HOST = "127.0.0.1"


class Loop:
    """An event loop on a thread of its own, for the servers of a test."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENT)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENT)
        self.loop.close()


@contextmanager
def looping() -> Iterator[Loop]:
    """A loop for a test."""
    loop = Loop()
    try:
        yield loop
    finally:
        loop.close()


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


class Instance:
    """An engine with its store, its server and its courier; ``up`` and ``down`` as often as told.

    ``address``: what peers call it, its own where nothing stands in between.
    """

    def __init__(
        self, name: str, loop: Loop, clock: JumpClock, *, address: str = "", pace: Pace = SWIFT
    ) -> None:
        self.name, self.loop, self.clock, self.pace = name, loop, clock, pace
        self.registry = Registry()
        self.store: Store = MemoryStore()
        self.port = free_port()
        self.key: Ed25519PrivateKey = make_ed25519()
        self.address = address or f"http://{HOST}:{self.port}"
        self.wrap: Callable[[Any], Any] = lambda app: app
        self.identity: Identity = create_identity(
            self.store, self.address, self.key, at=clock.wall(), save=False
        )
        self.peers = Peers(self.store, clock.wall)
        self.engine: Engine
        self.federation: Federation
        self._server: uvicorn.Server | None = None
        self._serving: Any = None

    def flow(self, name: str, body: Any) -> Flow[Any, Any]:
        return flow(name, body, registry=self.registry)

    def expose(self, name: str, body: Any) -> Flow[Any, Any]:
        return expose(self.flow(name, body), registry=self.registry)

    def knows(self, other: Instance, *allowed: str, **more: Any) -> Peer:
        """Make another known here under its name, and let it call these."""
        word = other.identity.word
        self.peers.add(other.name, other.address, word, inside=True)
        return self.peers.change(other.name, allowed=allowed, **more)

    def up(self) -> Instance:
        self.engine = Engine(
            self.store, registry=self.registry, config=Config(poll_s=QUICK), clock=self.clock
        )
        self.engine.open()
        self.loop.run(self._up())
        return self

    def down(self) -> None:
        if self._server is not None:
            self.loop.run(self._down())
            self.engine.close()

    async def _up(self) -> None:
        self.federation = Federation(self.engine, key=self.key, pace=self.pace, clock=self.clock)
        await self.federation.__aenter__()
        await self.listen()

    async def listen(self) -> None:
        """Serve what peers ask."""
        app = self.wrap(Starlette(routes=[Mount("/peer/v1", self.federation.app)]))
        config = uvicorn.Config(
            app, host=HOST, port=self.port, log_config=None, lifespan="off", ws="none"
        )
        self._server = server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        self._serving = asyncio.ensure_future(server.main_loop())

    async def deaf(self) -> None:
        """Serve nobody any more."""
        server, self._server = self._server, None
        if server is not None:
            server.should_exit = server.force_exit = True
            await self._serving
            await server.shutdown()

    async def _down(self) -> None:
        await self.deaf()
        await self.federation.__aexit__(None, None, None)


@contextmanager
def instances(*names: str, **settings: Any) -> Iterator[list[Instance]]:
    """Instances that aren't up yet; whatever is up at the end is taken down."""
    with looping() as loop:
        clock = JumpClock()
        made = [Instance(name, loop, clock, **settings) for name in names]
        try:
            yield made
        finally:
            for each in made:
                each.down()


@contextmanager
def pair(**settings: Any) -> Iterator[tuple[Instance, Instance]]:
    """West, who calls, and east, who is called and allows all; both know each other."""
    with instances("west", "east", **settings) as (west, east):
        west.knows(east)
        east.knows(west, "*")
        yield west, east
