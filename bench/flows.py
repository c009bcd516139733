"""The flows that are measured: nodes that do nothing, so that what is left is Everflow."""

from __future__ import annotations

import os
import time
from typing import Any

from everflow import (
    continue_with,
    each,
    flow,
    identity,
    it,
    loop,
    node,
    parallel,
    sequence,
    step,
    suspend,
)

__all__ = ["CARD", "LEDGER", "MARKS", "NAMES", "TAG", "token"]

LEDGER = "BENCH_LEDGER"  # the environment's name for the file that tells what was really run

TAG = "go"
# 200 bytes of JSON, as a form or a message might be.
CARD: dict[str, Any] = {
    "id": 48_213,
    "title": "A walk along the river in early spring",
    "tags": ["walks", "spring", "river"],
    "author": {"name": "Ada", "mail": "ada@example.org"},
    "score": 4.5,
    "draft": False,
    "parent": None,
    "lead": "Water",
}


@node(inline=True)
def inline(number: int) -> int:
    return number


@node(inline=True)
def inline_card(card: dict[str, Any]) -> dict[str, Any]:
    return card


@node
def threaded(number: int) -> int:
    return number


@node
async def awaited(number: int) -> int:
    return number


@node
def told(number: int) -> int:
    """Leave a byte outside, so that repeats can be counted; the system adds it whole or not."""
    ledger = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND)
    os.write(ledger, b"x")
    os.close(ledger)
    return number


@node
def slowly_told(number: int) -> int:
    """The same, after a while."""
    time.sleep(0.02)
    return told(number)


@node(inline=True)
def burning(number: int) -> int:
    """A millisecond of a processor's time."""
    end = time.thread_time() + 0.001
    while time.thread_time() < end:
        pass
    return number


@node(inline=True)
def ended(_: Any) -> int:
    return 1


@flow("bench_body")
async def body(awaits: int) -> int:
    """So many awaits of a node, one after the other."""
    number = 1
    for _ in range(awaits):
        number = await step(inline, number)
    return number


@flow("bench_body_asks")
async def body_asks(awaits: int) -> None:
    """The same, and then a question again and again."""
    number = 1
    for _ in range(awaits):
        number = await step(inline, number)
    while True:
        await suspend(TAG, bool)


@flow("bench_body_flat")
async def body_flat(left: int) -> None:
    """The same, but its log is forgotten after each 100 awaits."""
    for _ in range(min(left, 100)):
        await step(inline, left)
    if left > 0:
        continue_with(left - 100)
    while True:
        await suspend(TAG, bool)


MARKS: list[float] = []  # when each round of a loop was


@node(inline=True)
def one_less(state: dict[str, Any]) -> dict[str, Any]:
    MARKS.append(time.perf_counter())
    return {**CARD, "left": state["left"] - 1}


@node(inline=True)
def many_cards(number: int) -> list[dict[str, Any]]:
    return [CARD] * number


FLOWS = [
    body,
    body_asks,
    body_flat,
    flow("bench_thousand", sequence(*[inline] * 1_000)),
    flow("bench_five", sequence(*[inline] * 5)),
    flow("bench_five_cards", sequence(*[inline_card] * 5)),
    flow("bench_five_threaded", sequence(*[threaded] * 5)),
    flow("bench_five_awaited", sequence(*[awaited] * 5)),
    flow("bench_ten_told", sequence(*[told] * 10)),
    flow("bench_slowly_told", sequence(*[slowly_told] * 500)),
    flow("bench_five_burning", sequence(*[burning] * 5)),
    flow("bench_wide", parallel(*[inline] * 1_000)),
    flow("bench_one", inline),
    flow("bench_each", many_cards >> each(inline_card)),
    flow("bench_rounds", loop(one_less, until=it["left"] <= 0)),
    flow("bench_asked", inline >> suspend(TAG, bool) >> ended),
    flow("bench_asked_often", loop(suspend(TAG, bool), until=identity)),
    flow("bench_asked_at_once", parallel(*[suspend(TAG, bool)] * 2_000)),
]
NAMES = [one.name_of_flow for one in FLOWS]


def token(run: str, occurrence: int) -> str:
    """The token of a question of these flows."""
    return f"{run}.{TAG}.{occurrence}"
