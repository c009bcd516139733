"""Every write of a life: the same life lived again with each fault at each of its writes in turn.

A plan without faults is lived first and the writes of each step are counted. Then, for each write
and each way in which one goes wrong, the plan is lived again with that one fault in it.
Source: the "fail the n-th operation" method of SQLite's own tests, applied to a store's verbs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from everflow.testing.simulator.plan import Fault, Step

__all__ = ["WAYS", "faulted", "plain_life"]

ROUND = ("turn", "commit", "perform", "turn", "commit", "answer")
WAYS = (Fault.DIE_BEFORE, Fault.DIE_AFTER, Fault.LIE)


def plain_life(dice: Random, rounds: int) -> list[Step]:
    """A plan in which a run is started and then gets all that it asks for, without a fault."""
    verbs = ["start", *ROUND * rounds]
    return [Step(verb, dice.getrandbits(16), dice.getrandbits(32)) for verb in verbs]


def faulted(plan: Sequence[Step], writes: Sequence[int]) -> Iterator[list[Step]]:
    """The plans with one fault each; ``writes`` is how many writes each step of the plan made."""
    for index, (step, count) in enumerate(zip(plan, writes, strict=True)):
        for nth in range(1, count + 1):
            for way in WAYS:
                again = list(plan)
                again[index] = step._replace(fault=way, at=-nth)
                yield again
