"""Calls of a peer in another process, signed and durable on both sides, beside plain requests."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from bench.goals import Goal, Workload
from bench.scene import PATIENCE, Figures, Scene, clock
from everflow import Engine, Registry, Run, flow, remote_node
from everflow.clock import SystemClock
from everflow.federation import PREFIX, Federation, Identity, Peers, create_identity
from everflow.federation.words import Ask
from everflow.net.client import Outside
from everflow.net.message import Message
from everflow.net.policy import Policy
from everflow.net.signatures import rfc9421
from everflow.server import Access, Part, Server, bind, create_app

__all__ = ["WORKLOADS"]

HOST = "127.0.0.1"
AT_ONCE = 100  # as many as a courier has under way
VALUE = {"title": "x" * 100, "n": 1}
FAR = 1 << 60
Sign = Callable[[Message], dict[str, str]]


@dataclass(frozen=True)
class Sides:
    """The caller, and where the callee listens."""

    engine: Engine
    own: Identity
    callee: str


def measure(scene: Scene) -> Figures:
    """Plain requests, signed requests, and runs of one remote call each, by the same two servers.

    The plain ones pass the same client, server and application and carry the same bytes.
    """
    many = scene.many(2_000, 40)
    with _sides(scene) as sides:
        plain = _requests(sides, "open", many, None)
        signed = _requests(sides, "proven", many, partial(_signed, sides.own))
        started = partial(_calls, sides.engine)
        started(scene.many(100, 4))
        calls = many / clock(lambda: started(many))
    return {"plain": plain, "signed": signed, "calls": calls}


def _calls(engine: Engine, many: int) -> None:
    runs: list[Run[Any]] = engine.start_all("bench_remote", [VALUE] * many)
    for run in runs:
        if run.result(PATIENCE) != VALUE:
            raise AssertionError("a call gave something else")


def _requests(sides: Sides, path: str, many: int, sign: Sign | None) -> float:
    """Requests a second, so many at once as a courier has."""
    body = msgspec.json.encode(
        Ask(function="bench_echo", input=msgspec.Raw(msgspec.json.encode(VALUE)), expires=FAR)
    )
    headers = (("content-type", "application/json"),)
    made = (
        Message("PUT", f"{sides.callee}/plain/{path}/{no:026}", headers, body) for no in count()
    )

    async def sender(client: Outside, each: int) -> None:
        for _ in range(each):
            reply = await client.send(next(made), sign=sign)
            if reply.status != 200:
                raise AssertionError(f"a request was answered {reply.status}")

    async def all_of_them() -> float:
        async with Outside(Policy(allow=(HOST,), redirects=0)) as client:
            await asyncio.gather(*(sender(client, 1) for _ in range(AT_ONCE)))
            loop = asyncio.get_running_loop()
            begun = loop.time()
            await asyncio.gather(*(sender(client, many // AT_ONCE or 1) for _ in range(AT_ONCE)))
            return loop.time() - begun

    return max(many, AT_ONCE) / asyncio.run(all_of_them())


def _now() -> int:
    return SystemClock().wall()


def _signed(own: Identity, message: Message) -> dict[str, str]:
    nonce = message.url[-26:]
    return rfc9421.sign(message, own.key, key_id=own.key_id, now=_now(), nonce=nonce)


@contextmanager
def _sides(scene: Scene) -> Iterator[Sides]:
    """Two instances that know each other, each with a server of its own."""
    registry, listening = Registry(), bind(HOST, 0)
    flow("bench_remote", remote_node("callee", "bench_echo"), registry=registry)
    address = f"http://{HOST}:{listening.getsockname()[1]}"
    with Engine(scene.store(), registry=registry) as engine:
        store = engine.client.store
        own = create_identity(store, address, at=_now())
        with _callee(scene, own) as (callee, word), closing(listening):
            Peers(store, _now).add("callee", callee, word, inside=True)
            opened = Federation(engine)
            part = Part(path=PREFIX, app=opened.app, lifespan=lambda: opened)
            app = create_app(engine, access=Access(open=True), parts=[part])
            server = Server(app, listening)
            serving = threading.Thread(target=lambda: asyncio.run(server.serve()))
            serving.start()
            try:
                yield Sides(engine, own, callee)
            finally:
                server.stop()
                serving.join()


@contextmanager
def _callee(scene: Scene, caller: Identity) -> Iterator[tuple[str, str]]:
    folder = Path(scene.store()).with_suffix("")
    folder.mkdir()
    command = [sys.executable, "-m", "bench.callee", str(folder), caller.address, caller.word]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=scene.environment()
    ) as callee:
        if callee.stdout is None or callee.stdin is None:
            raise AssertionError("the callee has no pipes")
        try:
            address, word = msgspec.json.decode(callee.stdout.readline(), type=tuple[str, str])
            yield address, word
        finally:
            callee.stdin.close()


WORKLOADS = [
    Workload(
        "remote",
        measure,
        (
            Goal("unsigned requests, 100 at once", "plain", "1/s", None),
            Goal("the same, signed and verified", "signed", "1/s", None, over="plain"),
            Goal("remote calls, durable on both sides", "calls", "1/s", None, over="plain"),
        ),
    ),
]
