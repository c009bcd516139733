"""What the tests of peers share: instances with real servers, and what stands between them."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import warnings
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.routing import Mount

from everflow import Config, Engine, ErrorData, Flow, Registry, Run, RunQuery, expose, flow
from everflow.engine.records.errands import Errand, read_errand
from everflow.errors import RunFailed
from everflow.federation import Federation, Identity, Pace, Peer, Peers, create_identity
from everflow.net.keys import make_ed25519
from everflow.store import Store
from everflow.stores.memory import MemoryStore
from tests.engine.support import PATIENT, QUICK, JumpClock, until
from tests.net.serving import message_of

T = TypeVar("T")
OWED = ("errand", "errand-stop", "promise")
SWIFT = Pace(first=0.01, longest=0.05, wait=0.05, seldom=0.5, answer=5.0, look=QUICK)
HOST = "127.0.0.1"


class Loop:
    """An event loop on a thread of its own, for the servers of a test."""

    def __init__(self) -> None:
        gc.freeze()  # what was there before this test needn't be looked through as it ends
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENT)

    def close(self) -> None:
        self.run(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENT)
        self.loop.close()
        with warnings.catch_warnings():
            # A courier that is taken down amid a connect leaves a socket that only the collector
            # closes: here, not in the middle of somebody else's test.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    async def _end(self) -> None:
        """As ``asyncio.run`` ends a loop: nothing is left that was begun on it."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.loop.shutdown_asyncgens()
        await self.loop.shutdown_default_executor()
        await turns()  # what was closed is gone then


async def turns() -> None:
    """Let the loop do what it has begun."""
    for _ in range(4):
        await asyncio.sleep(0)


@contextmanager
def looping() -> Iterator[Loop]:
    """A loop for a test."""
    loop = Loop()
    try:
        yield loop
    finally:
        loop.close()


def bound(port: int = 0) -> socket.socket:
    """A socket at a port, which it may share; at one that nobody has, for 0.

    As long as one is open, nobody else is given the port: so a server may go and come back there.
    """
    # Without its protocol, asyncio leaves Nagle's algorithm on: 40 ms for each answer.
    made = socket.socket(proto=socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((HOST, port))
    return made


def port_of(held: socket.socket) -> int:
    """Where it is."""
    return int(held.getsockname()[1])


class Instance:
    """An engine with its store, its server and its courier; ``up`` and ``down`` as often as told.

    ``between``: a proxy stands at the address that peers call. ``stores``: those of the instances
    that aren't in memory, by name; ``folder``: where their keys lie.
    """

    def __init__(
        self,
        name: str,
        loop: Loop,
        clock: JumpClock,
        *,
        between: bool = False,
        pace: Pace = SWIFT,
        stores: Mapping[str, Store] | None = None,
        folder: str = "",
    ) -> None:
        self.name, self.loop, self.clock, self.pace = name, loop, clock, pace
        self.registry = Registry()
        self.settings: dict[str, Any] = {}
        self.store: Store = (stores or {}).get(name) or MemoryStore()
        self.held = [bound() for _ in range(1 + between)]
        self.port = port_of(self.held[0])
        self.key: Ed25519PrivateKey | None = make_ed25519()  # given, where it is in no file
        if not isinstance(self.store, MemoryStore):
            self.key, self.settings["signing_keys"] = None, folder
        self.proxy = Proxy(self.port, port_of(self.held[1]) if between else 0)
        self.address = f"http://{HOST}:{self.proxy.port or self.port}"
        self.identity: Identity = create_identity(
            self.store, self.address, self.key, at=clock.wall(), folder=folder
        )
        self.peers = Peers(self.store, clock.wall)
        self.engine: Engine
        self.federation: Federation
        self._server: uvicorn.Server | None = None

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
            self.store,
            registry=self.registry,
            config=Config(**{"poll_s": QUICK, **self.settings}),
            clock=self.clock,
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
        await self.proxy.open()

    async def listen(self) -> None:
        """Serve what peers ask."""
        app = Starlette(routes=[Mount("/peer/v1", self.federation.app)])
        config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
        self._server = server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup([bound(self.port)])  # its main loop would only look for signals

    async def deaf(self) -> None:
        """Serve nobody any more."""
        server, self._server = self._server, None
        if server is not None:
            # Who was accepted just now must be known before the rest is closed: else it never is.
            loop = asyncio.get_running_loop()
            for listening in server.servers:
                for each in listening.sockets:
                    loop.remove_reader(each.fileno())
            await turns()
            for listening in server.servers:
                listening.close()
            for visitor in list(server.server_state.connections):
                visitor.transport.abort()
            for answering in server.server_state.tasks:
                answering.cancel()
            await asyncio.gather(*server.server_state.tasks, return_exceptions=True)

    def executed(self, flow: str = "") -> list[str]:
        """The runs that there are, of one flow or of all, oldest first."""
        return [row.id for row in self.store.runs(RunQuery(flow=flow or None))]

    async def _down(self) -> None:
        await self.proxy.close()
        await self.deaf()
        await self.federation.__aexit__(None, None, None)


class Proxy:
    """What stands before a server, and does to each request what ``script`` says next.

    ``pass``; ``lose`` (the server never gets it); ``drop`` (the server answers, and nobody hears
    that); ``double`` (the server gets it twice); or bytes, which are the answer.
    """

    def __init__(self, target: int, port: int) -> None:
        self.target, self.port = target, port
        self.script: list[Any] = []
        self.always: str | bytes = "pass"
        self.seen: list[str] = []
        self._server: asyncio.Server | None = None
        self._visits: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        if self.port and self._server is None:
            at = bound(self.port)
            self._server = await asyncio.start_server(self._visit, sock=at, limit=1 << 22)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for visit in self._visits:
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = asyncio.current_task()
        assert mine is not None
        self._visits.add(mine)
        mine.add_done_callback(self._visits.discard)
        try:
            while request := await message_of(reader):
                act = self.script.pop(0) if self.script else self.always
                if isinstance(act, bytes):
                    writer.write(act)
                    break
                answer = b""
                for _ in range({"lose": 0, "double": 2}.get(act, 1)):
                    answer = await self._forward(request)
                self.seen.append(f"{request.split(b' ', 1)[0].decode()} {act}")
                if act in {"lose", "drop"}:
                    break
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            return  # either side hung up, or the test is over
        finally:
            if mine.cancelling():
                writer.transport.abort()
            writer.close()

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(HOST, self.target, limit=1 << 22)
        try:
            writer.write(request)
            return await message_of(reader)
        finally:
            writer.transport.abort()


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
                for held in each.held:
                    held.close()


@contextmanager
def pair(**settings: Any) -> Iterator[tuple[Instance, Instance]]:
    """West, who calls, and east, who is called and allows all; both know each other."""
    with instances("west", "east", **settings) as (west, east):
        west.knows(east)
        east.knows(west, "*")
        yield west, east


def executing(
    west: Instance, body: Any, value: Any = None, *, up: tuple[Instance, ...] = ()
) -> Run[Any]:
    """A run of a flow of that body at west, once it and the others are up."""
    flow = west.flow("f", body)
    for each in (*up, west):
        each.up()
    return west.engine.start(flow, value)


def failure(run: Run[Any]) -> ErrorData:
    """The error by which a run failed."""
    with pytest.raises(RunFailed) as caught:
        run.result(PATIENT)
    error = caught.value.error
    assert isinstance(error, ErrorData)
    return error


def errands(of: Instance) -> list[Errand]:
    """What its courier has to carry."""
    return [read_errand(record.body) for record in of.store.records("errand")]


def quiet(*each: Instance) -> None:
    """Wait until all that was carried is seen to: nobody owes anybody anything."""
    until(lambda: not any(one.store.records(kind) for one in each for kind in OWED))
