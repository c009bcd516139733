"""Running a sequence against two sides, and making the sequence that tells them apart short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from everflow.testing.differential.operations import Operation, operations
from everflow.testing.differential.side import Side

Sides = Callable[[], tuple[Side, Side]]


class Difference(msgspec.Struct, frozen=True):
    """The first operation whose answers differ; ``index`` past the end stands for what is held."""

    index: int
    operation: Operation
    left: Any
    right: Any


def differ(sequence: Sequence[Operation], left: Side, right: Side) -> Difference | None:
    """Apply the sequence to both sides; the first difference, or none."""
    for index, operation in enumerate(sequence):
        answers = left.apply(operation), right.apply(operation)
        if answers[0] != answers[1]:
            return Difference(index, operation, *answers)
    held = left.everything(), right.everything()
    if held[0] != held[1]:
        return Difference(len(sequence), Operation("everything"), *held)
    return None


def shrink(
    sequence: Sequence[Operation], differs: Callable[[Sequence[Operation]], bool]
) -> list[Operation]:
    """Leave out what can be left out, in halving pieces (Zeller's ddmin, complements only)."""
    kept = list(sequence)
    piece = max(len(kept) // 2, 1)
    while True:
        at = 0
        while at < len(kept):
            shorter = kept[:at] + kept[at + piece :]
            if differs(shorter):
                kept = shorter
            else:
                at += piece
        if piece == 1:
            return kept
        piece //= 2


def compare(seed: int, count: int, sides: Sides) -> None:
    """Raise ``AssertionError`` with the seed and the shortest sequence found if the sides differ.

    ``sides`` makes two sides over new, empty stores each time that it is called.
    """

    def difference(sequence: Sequence[Operation]) -> Difference | None:
        left, right = sides()
        try:
            return differ(sequence, left, right)
        finally:
            left.store.close()
            right.store.close()

    found = difference(operations(seed, count))
    if found is None:
        return
    cut = operations(seed, count)[: found.index + 1]
    short = shrink(cut, lambda sequence: difference(sequence) is not None)
    shown = difference(short) or found
    lines = [f"  {operation}" for operation in short]
    raise AssertionError(
        "\n".join(
            [
                f"seed {seed}: the stores differ after",
                *lines,
                f"{shown.left}",
                "!=",
                f"{shown.right}",
            ]
        )
    )
