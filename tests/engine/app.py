"""An application that tests run in processes of their own: some flows, and a ledger of effects."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

from everflow import (
    Config,
    Engine,
    NodeRun,
    Registry,
    Run,
    ask,
    flow,
    node,
    parallel,
    sequence,
    suspend,
    value,
)

value(bool)
registry = Registry()


def note(where: str, word: str) -> None:
    """One word into the ledger, whole: an append of one line."""
    with Path(where).open("a") as ledger:
        ledger.write(f"{word}\n")


@node
def effect(where: str, run: NodeRun) -> str:
    note(where, run.idempotency_key)
    return where


@node
def kills_once(where: str, run: NodeRun) -> str:
    """Ends its worker on its first try, with the effect done and the result not recorded."""
    tried = Path(where).exists() and run.idempotency_key in Path(where).read_text().split()
    note(where, run.idempotency_key)
    if not tried:
        os.kill(os.getpid(), 9)
    return where


@node
def kills_always(where: str) -> str:
    note(where, "deadly")
    os.kill(os.getpid(), 9)
    return where


@node(inline=True)
def kills_in_place(where: str, run: NodeRun) -> str:
    return str(kills_once(where, run))


@node
def hangs(where: str) -> str:
    note(where, "hanging")
    Event().wait()
    return where


steps = flow("steps", sequence(*[effect] * 5), registry=registry)
deadly_once = flow("deadly_once", effect >> kills_once >> effect, registry=registry)
deadly_inline = flow("deadly_inline", effect >> kills_in_place >> effect, registry=registry)
deadly = flow("deadly", effect >> kills_always, registry=registry)
waits = flow("waits", effect >> suspend("go") >> effect, registry=registry)
stuck = flow("stuck", parallel(hangs, effect), registry=registry)
dated = flow("dated", ask("ok", bool, within=timedelta(days=3), default=False), registry=registry)


def opened(path: str, **settings: Any) -> Engine:
    config = Config(**{"poll_s": 0.005, "lease_s": 1.0, **settings})
    return Engine(path, registry=registry, config=config)


def start_all(path: str, name: str, ledger: str, count: int) -> list[Run[Any]]:
    """Start runs without an engine of one's own: a later engine takes them."""
    from everflow import connect

    with connect(path, registry=registry, create=True) as flows:
        return [flows.start(name, ledger) for _ in range(count)]


def told(*words: str) -> None:
    """Say something to the test."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def main(command: str, path: str, *rest: str) -> None:
    """What a process of the application does."""
    if command == "run":  # start runs and be killed by one of them, or go on for ever
        name, ledger, count = rest
        engine = opened(path)
        engine.open()
        for _ in range(int(count)):
            run: Run[Any] = engine.start(name, ledger)
            told(run.id)
        Event().wait()
    elif command == "work":  # take what there is
        engine = opened(path)
        engine.open()
        told("working")
        Event().wait()
    elif command == "vanish":  # be gone in the middle, once every run stands where it waits
        name, ledger, count = rest
        engine = opened(path)
        engine.open()
        runs: list[Run[Any]] = [engine.start(name, ledger) for _ in range(int(count))]
        for run in runs:
            run.wait(20)
        told(*[run.id for run in runs])
        os.kill(os.getpid(), 9)


if __name__ == "__main__":
    main(*sys.argv[1:])
