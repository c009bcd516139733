"""A worker process that is killed: it starts runs, executes them, and answers their questions.

What it was told (started, answered) and what its nodes did (effect) are lines of the ledger; the
idempotency key is part of each effect. The answer is another one at each try, so that an answer
that was acknowledged and then lost would show.

``python -m tests.faults.errands STORE LEDGER start`` goes on until it is killed; with ``finish`` it
starts nothing and ends when every run is done.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import SystemRandom
from threading import Event, Thread

from everflow import (
    Config,
    Engine,
    EverflowError,
    NodeRun,
    Registry,
    RunQuery,
    Status,
    ask,
    flow,
    need,
    node,
    parallel,
)
from everflow.errors import EngineClosed
from tests.faults.outside import Ledger, until

MAX_UNRECORDED, BATCH = 8, 20
REGISTRY = Registry()  # of its own: its flows need a ledger
CONFIG = Config(max_unrecorded=MAX_UNRECORDED, batch=BATCH)
EFFECTS = 5  # nodes of an errand that leave a line


@node
def fetch(x: int, *, run: NodeRun, ledger: Ledger = need(Ledger)) -> int:
    ledger.note("effect", os.getpid(), run.idempotency_key)
    return x + 1


@node(inline=True)
def weigh(x: int, *, run: NodeRun, ledger: Ledger = need(Ledger)) -> int:
    ledger.note("effect", os.getpid(), run.idempotency_key)
    return x * 2


@node
async def send(x: int, *, run: NodeRun, ledger: Ledger = need(Ledger)) -> int:
    ledger.note("effect", os.getpid(), run.idempotency_key)
    return x + 3


@node(inline=True)
def pack(x: int, *, run: NodeRun, ledger: Ledger = need(Ledger)) -> int:
    ledger.note("effect", os.getpid(), run.idempotency_key)
    return x * 10


@node(pure=True)
def total(parts: tuple[int, int]) -> int:
    return parts[0] + parts[1]


@node
def deliver(parts: tuple[int, int], *, run: NodeRun, ledger: Ledger = need(Ledger)) -> list[int]:
    ledger.note("effect", os.getpid(), run.idempotency_key)
    return [*parts]


errand = flow(
    "errand",
    fetch >> weigh >> parallel(send, pack) >> total >> ask("go", int) >> deliver,
    registry=REGISTRY,
)


def expected(x: int) -> int:
    """What an errand brings beside the answer."""
    weight = (x + 1) * 2
    return weight + 3 + weight * 10


def _start(engine: Engine, ledger: Ledger) -> None:
    """Start one run after the other; the one that wasn't acknowledged is asked for again."""
    told = len({key for key, _ in ledger.of("started")})
    for number in count(told):
        run = engine.start(errand, number, key=f"k{number}")
        ledger.note("started", f"k{number}", run.id)


def _answer(engine: Engine, ledger: Ledger) -> None:
    """Answer whatever is asked, each time in another way."""
    random, never = SystemRandom(), Event()
    while True:
        asked = engine.questions()
        for question in asked:
            value = random.randrange(1 << 40)
            ledger.note("tried", question.run, value)
            reply = engine.resume(question.run, value)
            ledger.note("told", question.run, value, reply)
        never.wait(0.001 if asked else 0.01)


def _work(engine: Engine, ledger: Ledger, work: Callable[[Engine, Ledger], None]) -> None:
    """The engine may close under it, which ends it; any other refusal is the end of the process."""
    try:
        work(engine, ledger)
    except EngineClosed:
        return
    except EverflowError:
        traceback.print_exc()
        os._exit(3)


def main(store: str, ledger_path: str, how: str) -> None:
    ledger = Ledger(Path(ledger_path))
    given = {Ledger: lambda: ledger}
    with Engine(store, provide=given, registry=REGISTRY, config=CONFIG) as engine:
        work = [_answer] if how == "finish" else [_answer, _start]
        for each in work:
            Thread(target=_work, args=(engine, ledger, each), daemon=True).start()
        if how == "finish":
            until(lambda: _finished(engine), 120.0, 0.02)
        else:
            sys.stdin.read()


def _finished(engine: Engine) -> bool:
    ended = (Status.DONE, Status.FAILED, Status.CANCELLED)
    going = tuple(status for status in Status if status not in ended)
    return not engine.runs(RunQuery(status=going, limit=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
