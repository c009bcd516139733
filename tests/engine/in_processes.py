"""Nodes that tests have run in processes of their own, which import this module to find them."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from everflow import Caught, ErrorData, NodeRun, Registry, flow, need, node, tick, wait_for

_engine = os.environ.setdefault("EVERFLOW_TEST_ENGINE", str(os.getpid()))
_registry = Registry()


@dataclass
class Point:
    x: int
    y: int


@node(process=True)
def turn(point: Point) -> tuple[int, Point]:
    return os.getpid(), Point(point.y, point.x)


@node(inline=True)
def anything(x: Any) -> Any:
    return x


@node(process=True)
def pid() -> int:
    return os.getpid()


@node(process=True)
def also_pid(other: int) -> tuple[int, int]:
    return other, os.getpid()


doubled = node(lambda x: 2 * x, name="doubled", process=True)
_held = flow("held", node(lambda x: 3 * x, name="hidden", process=True), registry=_registry)
hidden_in_a_flow = _registry.node("hidden")


@node(name="by another name", process=True)
def by_its_name(x: int) -> int:
    return 4 * x


def plain_add(x: int, more: int) -> int:
    return x + more


@node(process=True)
def add(x: int, more: int) -> int:
    return x + more


@node(process=True)
def fails(x: int) -> int:
    raise ValueError(f"no {x}")


@node(process=True)
def gives_an_object(x: int) -> object:
    return object()


@node(process=True)
def dies(x: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return x


@node(inline=True)
def of_error(caught: Caught[Any]) -> ErrorData:
    return caught.error


@node(process=True)
def dies_once(path: str) -> str:
    if not Path(path).exists():
        Path(path).touch()
        os.abort()
    return "alive"


@node(process=True)
def ends(x: int) -> int:
    os._exit(3)


@node(process=True)
def hangs(path: str) -> int:
    half = Path(f"{path}.{os.getpid()}")
    half.write_text(str(os.getpid()))
    half.rename(path)
    threading.Event().wait()
    return 0


class Ledger:
    path: Path | None = None

    def write(self, word: str) -> None:
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(f"{word} ")


@contextmanager
def open_ledger() -> Iterator[Ledger]:
    ledger = Ledger()
    yield ledger
    ledger.write("closed")


@node(process=True)
def with_ledger(path: str, *, ledger: Ledger = need(Ledger)) -> int:
    if ledger.path is None:
        ledger.path = Path(path)
        ledger.write("opened")
    ledger.write("used")
    return os.getpid()


class Impossible:
    pass


def make_impossible() -> Impossible:
    if str(os.getpid()) != _engine:
        raise OSError("not in a child")
    return Impossible()


@node(process=True)
def needs_the_impossible(x: int, *, it: Impossible = need(Impossible)) -> int:
    return x


@node(process=True)
def tells(x: int, run: NodeRun) -> int:
    run.progress(0.5, "half")
    run.heartbeat()
    run.log.info("hello %s", x)
    run.log.debug("quiet")
    try:
        x / 0
    except ZeroDivisionError:
        logging.getLogger("everflow.node").exception("oh no")
    return x


@node(process=True)
def ticks(n: int) -> list[int]:
    return [tick() for _ in range(n)]


@node(process=True)
def waits(x: int) -> int:
    return int(wait_for("go"))


@node(process=True)
def dies_oddly(number: int) -> int:
    os.kill(os.getpid(), number)
    return number
