"""Flows for the command line's tests."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from everflow import NodeRun, ask, call, flow, need, node, parallel, sleep, suspend


@dataclass(frozen=True)
class Verdict:
    """What the editor says."""

    approved: bool
    note: str = ""


class Greeting:
    """Something that is provided."""

    word = "Hello"


provide = {Greeting: Greeting}


@node
def greeted(name: str, *, greeting: Greeting = need(Greeting)) -> str:
    """Say hello."""
    return f"{greeting.word} {name}"


@node
def broken(value: int) -> int:
    """Fail."""
    raise ValueError(f"no {value} \x1b[31mhere")


@node
def slow(path: str, run: NodeRun) -> str:
    """Say that it began, and wait until it is let go."""
    with Path(path, "begun").open("a") as file:
        file.write(f"{run.idempotency_key}\n")
    go = Path(path, "go")
    wait(go.exists)
    return "went"


@node
def counting(name: str, run: NodeRun) -> str:
    """Tell how far it is, and end at once."""
    run.heartbeat()
    run.progress(0.5, "half [bold]way")
    return name


@node
def killing(path: str) -> str:
    """Kill the worker, as long as it is deadly."""
    if Path(path, "deadly").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return "mended"


def wait(holds: Callable[[], bool]) -> None:
    """Look until it holds, for ten seconds at most."""
    pause = threading.Event()
    for _ in range(1000):
        if holds():
            return
        pause.wait(0.01)
    raise TimeoutError


greet = flow("cli.greet", greeted)
fails = flow("cli.fails", broken)
approve = flow("cli.approve", greeted >> ask("approval", Verdict))
sure = flow("cli.sure", greeted >> ask("sure", bool))
named = flow("cli.named", greeted >> ask("name", str))
two = flow("cli.two", parallel(suspend("left"), suspend("right")))
sleepy = flow("cli.sleepy", sleep(timedelta(days=2)) >> greeted)
counted = flow("cli.counted", counting)
deadly = flow("cli.deadly", killing)
gated = flow("cli.gated", slow)
unnamed = greeted >> greeted
flow("cli.calls", call("cli.approve"))
