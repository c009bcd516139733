"""The nodes of the flows that are simulated: functions of input and attempt alone."""

from __future__ import annotations

from typing import Any

from everflow.core.faults import Caught, Failure, Settled
from everflow.core.node import node
from everflow.engine.calling.noderun import NodeRun, tick, wait_for

__all__ = [
    "PATIENT",
    "away",
    "back",
    "both",
    "broken",
    "broken_back",
    "counted",
    "enough",
    "firm",
    "first_kept",
    "hitch",
    "inquiring",
    "kept",
    "more",
    "odd",
    "odd_only",
    "pardon",
    "read",
    "remainder",
    "rescue",
    "rows",
    "settled_list",
    "shaky",
    "shaky_back",
    "spell",
    "spread",
    "summed",
    "texts",
    "thrice",
    "thrice_asked",
    "ticking",
    "total",
    "unspelled",
    "up",
    "winner",
]

ENOUGH = 40
PATIENT = 3  # attempts


@node(inline=True)
def up(x: int) -> int:
    """One more, in place."""
    return x + 1


@node(pure=True)
def more(x: int) -> int:
    """Seven more, purely."""
    return x + 7


@node
def thrice(x: int) -> int:
    """Three times as many, on a thread."""
    return x * 3


@node
async def away(x: int) -> int:
    """Two more, on a loop."""
    return x + 2


@node
def shaky(x: int, run: NodeRun) -> int:
    """Raise but at the third attempt."""
    if run.attempt < PATIENT:
        raise ConnectionError(f"attempt {run.attempt} of {PATIENT}")
    return x + 3


@node(inline=True)
def firm(x: int, run: NodeRun) -> int:
    """Raise at the first attempt, in place."""
    if run.attempt == 1:
        raise ConnectionError("the first attempt")
    return x + 4


@node
def broken(x: int) -> int:
    """Raise."""
    raise ValueError(f"{x} is never right")


@node(inline=True)
def rescue(caught: Caught[int]) -> int:
    """A hundred more than what had gone in."""
    return caught.value + 100


@node(pure=True)
def enough(x: int) -> bool:
    """Whether it is time to leave a loop."""
    return x >= ENOUGH


@node(inline=True)
def total(xs: tuple[int, ...]) -> int:
    """The sum."""
    return sum(xs)


@node(inline=True)
def spread(x: int) -> list[int]:
    """A list of some numbers."""
    return [x + step for step in range(x % 4 + 2)]


@node
def texts(x: int) -> list[str]:
    """Texts too long to be carried along by a reference."""
    return [f"{'so many: ' * 30}{x + step}" for step in range(3)]


@node(inline=True)
def rows(x: int) -> list[list[int]]:
    """A list of lists."""
    return [[x, x + 1], [], [x + 2]]


@node
def settled_list(ends: list[Settled[int]]) -> int:
    """The sum of what went well; a thousand for each that didn't."""
    return sum(end.value if end.ok and end.value is not None else 1000 for end in ends)


@node
def odd_only(x: int) -> int:
    """The number if it is odd."""
    if x % 2 == 0:
        raise ValueError(f"{x} is even")
    return x


@node(inline=True)
def both(values: dict[str, int]) -> int:
    """The sum of a dict's values."""
    return sum(values.values())


@node(inline=True)
def summed(xs: list[int]) -> int:
    """The sum of a list."""
    return sum(xs)


@node(inline=True)
def winner(won: tuple[str, int]) -> int:
    """Who won, and with what, as one number."""
    return won[1] * 10 + len(won[0])


@node(pure=True)
def kept(pair: tuple[int, int]) -> int:
    """The value and its answer, as one number."""
    return pair[0] * 10 + pair[1]


@node(inline=True)
def unspelled(pair: tuple[str, int]) -> int:
    """What a long text and its answer come to."""
    return read(pair[0]) + pair[1]


@node(pure=True)
def first_kept(pair: tuple[str, int]) -> int:
    """The number that was read, of (text, number)."""
    return pair[1]


@node
def counted(ends: tuple[Settled[int], ...]) -> int:
    """The sum of what went well; a thousand for each that didn't."""
    return sum(end.value if end.ok and end.value is not None else 1000 for end in ends)


@node
def spell(x: int) -> str:
    """A text too long to be carried along by a reference."""
    return f"{'so many: ' * 30}{x}"


@node(inline=True)
def read(text: str) -> int:
    """The number at the text's end, and one more."""
    return int(text.rpartition(" ")[2]) + 1


@node
def inquiring(x: int) -> int:
    """Ask twice from inside; run again from the start for each answer."""
    first: int = wait_for("inner", x)
    second: int = wait_for("inner", first)
    return x + first * 10 + second


@node
def ticking(x: int) -> int:
    """Spend as many ticks as the remainder by three says."""
    for _ in range(x % 3):
        tick()
    return x + 1


@node(inline=True)
def pardon(value: int | Failure) -> int:
    """Fifty for a failure, one more for a number."""
    return 50 if isinstance(value, Failure) else value + 1


@node(inline=True)
def remainder(x: int) -> int:
    """The remainder by three."""
    return x % 3


@node(pure=True)
def odd(x: int) -> bool:
    """Whether it is odd."""
    return x % 2 == 1


@node
def thrice_asked(question: Any) -> int:
    """Notify somebody, who doesn't care."""
    return 0


@node
def back(pair: tuple[int, int]) -> int:
    """Undo what gave the second of the first."""
    return pair[0]


@node
def shaky_back(pair: tuple[int, int], run: NodeRun) -> int:
    """Raise but at the third attempt."""
    if run.attempt < PATIENT:
        raise ConnectionError(f"attempt {run.attempt} of {PATIENT}")
    return pair[0]


@node(inline=True)
def broken_back(pair: tuple[int, int]) -> int:
    """Raise."""
    raise ValueError(f"{pair[0]} can't be undone")


@node(inline=True)
def hitch(x: int) -> int:
    """Raise for odd numbers."""
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x
