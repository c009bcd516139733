"""Flows that ask, and a process of clients that all answer at once.

``python -m tests.faults.asking STORE NAME`` reads a token a line, answers it from four threads at
the same moment, and says a line ``VALUE:REPLY ...``. It ends with its input.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from everflow import ask, connect, flow, loop, node, sleep

THREADS = 4


@node(inline=True)
def answer_of(pair: tuple[int, int]) -> int:
    return pair[1]


@node(inline=True)
def collect(pair: tuple[list[int], int]) -> list[int]:
    return [*pair[0], pair[1]]


@node(inline=True)
def is_enough(answers: list[int]) -> bool:
    return len(answers) == 4


once = flow("ask-once", ask("go", int) >> answer_of)
again = flow("ask-again", loop(ask("go", int) >> collect, until=is_enough))
patient = flow("ask-an-hour", ask("go", int, within=timedelta(hours=1), default=-1) >> answer_of)
sleeper = flow("sleep-an-hour", sleep(timedelta(hours=1)))


def main(store: str, name: str) -> None:
    barrier = Barrier(THREADS)

    def answer(token: str, value: str) -> str:
        barrier.wait(30)
        return f"{value}:{client.answer(token, int(value))}"

    with connect(store) as client, ThreadPoolExecutor(THREADS) as threads:
        print("ready", flush=True)  # noqa: T201 - the parent reads it
        for line in sys.stdin:
            values = [f"{name}{index}" for index in range(THREADS)]
            said = threads.map(answer, [line.strip()] * THREADS, values)
            print(*said, flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
