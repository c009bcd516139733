"""What the engine's tests share: a world with a clock that jumps, and engines on one store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

from everflow import Config, Engine, Flow, Registry, Run, flow, node
from everflow.clock import SystemClock
from everflow.engine.faces.connect import Connection
from everflow.store import Store

PATIENT = 20.0  # seconds that a test waits for what takes milliseconds
QUICK = 0.005  # seconds between an engine's looks at its store
DAY = 86_400.0


class JumpClock:
    """The machine's clocks, ahead by what was jumped. A jump in boot time is one in wall time."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self._ahead = 0
        self._wall = 0

    def jump(self, seconds: float) -> None:
        self._ahead += round(seconds * 1_000_000)

    def set_wall(self, seconds: float) -> None:
        """Move the wall clock alone, as somebody who sets it does."""
        self._wall += round(seconds * 1_000_000)

    def wall(self) -> int:
        return self._real.wall() + self._ahead + self._wall

    def boot(self) -> int:
        return self._real.boot() + self._ahead


class World:
    """One store, the code that is there today, and the time."""

    def __init__(self, where: Store | Path | str) -> None:
        self.where = where
        self.clock = JumpClock()
        self.registry = Registry()
        self.seen: list[Any] = []

    @property
    def durable(self) -> bool:
        return isinstance(self.where, Path)

    def deploy(self) -> None:
        """From now on there is other code: nothing is registered yet."""
        self.registry = Registry()

    def flow(self, name: str, body: Any) -> Flow[Any, Any]:
        return flow(name, body, registry=self.registry)

    def engine(
        self,
        provide: Mapping[type[Any], Any] | None = None,
        progress: Callable[[str, str, float, str], None] | None = None,
        **settings: Any,
    ) -> Engine:
        config = Config(**{"poll_s": QUICK, **settings})
        return Engine(
            self.where,
            provide=provide,
            registry=self.registry,
            config=config,
            clock=self.clock,
            progress=progress,
        )

    def connect(self) -> Connection:
        return Connection(self.where, registry=self.registry, clock=self.clock)


def step(fn: Callable[..., Any] | None = None, **options: Any) -> Any:
    """A local function as a node under its own name, so that a durable engine takes it."""
    if fn is None:
        return lambda given: step(given, **options)
    return node(fn, name=options.pop("name", fn.__name__), **options)


@node(name="plus_one", inline=True)
def plus_one(x: int) -> int:
    return x + 1


@node(name="see_all", inline=True)
def see_all(x: Any) -> Any:
    return x


def seen_by(world: World) -> Callable[[Any], Any]:
    """A node's function that leaves its input in the world's list, and gives it."""

    def sees(x: Any) -> Any:
        world.seen.append(x)
        return x

    return sees


def settle(run: Run[Any]) -> str:
    """Wait until the run is finished or waits for somebody."""
    return str(run.wait(PATIENT))


def until(true: Callable[[], bool]) -> None:
    """Wait until something holds that nobody tells."""
    for _ in range(4_000):
        if true():
            return
        Event().wait(0.005)
    raise AssertionError("it never came to hold")


def run_python(code: str, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        check=check,
        timeout=50,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or "." for entry in sys.path)},
    )


def kinds(engine: Any, run: str) -> list[str]:
    no = engine.run(run).row().no
    return [body.split('"')[1] for _, _, body, _ in engine.client.store.journal(no)]
