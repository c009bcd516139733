"""Two instances that know each other, each with a server: one here, one in another process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.scene import Scene
from everflow import Engine, Registry
from everflow.clock import SystemClock
from everflow.federation import PREFIX, Federation, Identity, Peers, create_identity
from everflow.federation.carrying.policies import Policy
from everflow.server import Access, Part, Server, bind, create_app

__all__ = ["HOST", "Sides", "now", "sides"]

HOST = "127.0.0.1"


def now() -> int:
    """Microseconds since the epoch."""
    return SystemClock().wall()


@dataclass(frozen=True)
class Sides:
    """What is here, and where the other one listens."""

    engine: Engine
    own: Identity
    federation: Federation
    callee: str


@contextmanager
def sides(scene: Scene, registry: Registry, replicate: Sequence[Policy] = ()) -> Iterator[Sides]:
    """Two instances that know each other, each with a server of its own."""
    listening = bind(HOST, 0)
    address = f"http://{HOST}:{listening.getsockname()[1]}"
    with Engine(scene.store(), registry=registry) as engine:
        store = engine.client.store
        own = create_identity(store, address, at=now())
        with _callee(scene, own) as (callee, word), closing(listening):
            Peers(store, now).add("callee", callee, word, inside=True)
            opened = Federation(engine, replicate=replicate)
            part = Part(path=PREFIX, app=opened.app, lifespan=lambda: opened)
            app = create_app(engine, access=Access(open=True), parts=[part])
            server = Server(app, listening)
            serving = threading.Thread(target=lambda: asyncio.run(server.serve()))
            serving.start()
            try:
                yield Sides(engine, own, opened, callee)
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
