"""The other side of ``remote`` and ``replicated``: prints where it listens and its key.

Beside the endpoints of peers it serves two plain ones through the same application and server:
``/plain/open`` takes what a call says and answers what a call is answered, ``/plain/proven``
verifies the signature before. Neither touches a store. ``/plain/copies`` tells how many entries
the copies have that are here.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.scene import settle
from everflow import Engine, Registry, expose, flow, identity
from everflow.clock import SystemClock
from everflow.federation import PREFIX, Federation, Peers, create_identity
from everflow.federation.words import Ask, Standing
from everflow.net.keys import public_key
from everflow.net.message import Message
from everflow.net.signatures import rfc9421
from everflow.server import Access, Part, Server, bind, create_app

__all__ = ["main", "plain_app"]

HOST = "127.0.0.1"
ROOM = 1 << 40  # bytes of copies
OPEN = 1_000_000  # calls: no quota is to be measured


def plain_app(address: str, word: str, copied: Callable[[], int]) -> Starlette:
    """What does with a request's body what a call does, and no more."""
    key = public_key(word)

    async def plain(request: Request) -> Response:
        return _echo(await request.body())

    async def proven(request: Request) -> Response:
        body = await request.body()
        headers = tuple((n.decode(), v.decode()) for n, v in request.scope["headers"])
        message = Message("PUT", f"{address}{request.scope['path']}", headers, body)
        rfc9421.verify(message, key, now=SystemClock().wall())
        return _echo(body)

    async def copies(_request: Request) -> Response:
        return Response(str(await asyncio.to_thread(copied)))

    return Starlette(
        routes=[
            Route("/copies", copies),
            Route("/open/{call}", plain, methods=["PUT"]),
            Route("/proven/{call}", proven, methods=["PUT"]),
        ]
    )


def _echo(body: bytes) -> Response:
    ask = msgspec.json.decode(body, type=Ask)
    said = Standing(state="done", run="0" * 26, value=ask.input)
    return Response(msgspec.json.encode(said), media_type="application/json")


def main(folder: Path, caller: str, word: str) -> None:
    """Serve until the standard input ends."""
    settle()
    registry = Registry()
    expose(flow("bench_echo", identity, registry=registry), registry=registry)
    listening = bind(HOST, 0)
    address = f"http://{HOST}:{listening.getsockname()[1]}"
    with Engine(folder / "callee.db", registry=registry) as engine:
        store, clock = engine.client.store, engine.client.clock
        own = create_identity(store, address, at=clock.wall())
        peers = Peers(store, clock.wall)
        peers.add("caller", caller, word, inside=True)
        peers.change("caller", allowed=("*",), calls=OPEN, per_minute=OPEN, keep=ROOM)
        opened = Federation(engine)

        def copied() -> int:
            return sum(held.entries for held in opened.holdings() if held.whole)

        parts = [
            Part(path=PREFIX, app=opened.app, lifespan=lambda: opened),
            Part(path="/plain", app=plain_app(address, word, copied)),
        ]
        server = Server(create_app(engine, access=Access(open=True), parts=parts), listening)
        print(msgspec.json.encode([address, own.word]).decode(), flush=True)

        async def serve() -> None:
            ending = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
            ending.add_done_callback(lambda _: server.stop())
            await server.serve()

        asyncio.run(serve())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
