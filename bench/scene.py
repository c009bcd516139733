"""What a sample is taken in: a folder of its own, a size, and a process set up as is said."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from everflow import Engine
from everflow.cli.lasting import SWITCH_INTERVAL, YOUNGEST

__all__ = ["DEFAULT_SWITCH", "Figures", "Scene", "busy", "clock", "done", "settle"]

Figures = dict[str, float]
DEFAULT_SWITCH = 0.005  # seconds: Python's own switch interval
PATIENCE = 300.0  # seconds
_numbers = count()


@dataclass(frozen=True)
class Scene:
    """Where a sample writes, and whether it is to be quick rather than exact."""

    folder: Path
    quick: bool

    def many(self, full: int, quick: int) -> int:
        """How many of something: the issue's number, or a small one to try the benchmark out."""
        return quick if self.quick else full

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process whose modules are compiled once, as installed ones are."""
        cache = {"PYTHONPYCACHEPREFIX": str(self.folder / "cache"), "PYTHONDONTWRITEBYTECODE": ""}
        return os.environ | cache | more

    def store(self) -> Path:
        """The path of a store that isn't there yet."""
        return self.folder / f"{next(_numbers)}.db"


def settle() -> None:
    """Set the process up as ``everflow worker`` does."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNGEST, 20, 100)


def clock(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def done(engine: Engine) -> None:
    """Wait until an engine has nothing to do."""
    if not engine.join(PATIENCE):
        raise TimeoutError("the engine didn't come to rest")
    if engine.fault is not None:
        raise engine.fault


@contextmanager
def busy(threads: int, interval: float = SWITCH_INTERVAL) -> Iterator[None]:
    """Have so many threads of this process burn CPU in plain Python meanwhile."""
    stop = threading.Event()
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    burning = [threading.Thread(target=_burn, args=(stop,)) for _ in range(threads)]
    for thread in burning:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in burning:
            thread.join()
        sys.setswitchinterval(before)


def _burn(stop: threading.Event) -> None:
    total = 0
    while not stop.is_set():
        for number in range(1_000):
            total += number * number
