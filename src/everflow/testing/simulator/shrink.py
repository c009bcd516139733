"""Shrinking: the smallest part of a plan that still breaks the same claim.

Any part of a plan is a plan, so steps are left out in ever smaller chunks (source: Zeller and
Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002), then faults one by one.
"""

from __future__ import annotations

from collections.abc import Callable

from everflow.testing.simulator.plan import Fault, Step

__all__ = ["shrunk"]

Breaks = Callable[[list[Step]], bool]


class _Budget:
    """Counts trials down: shrinking ends when they are used up."""

    def __init__(self, breaks: Breaks, trials: int) -> None:
        self._breaks = breaks
        self.left = trials

    def __call__(self, steps: list[Step]) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        return self._breaks(steps)


def shrunk(steps: list[Step], breaks: Breaks, *, trials: int = 300) -> list[Step]:
    """A smaller plan for which ``breaks`` is true; the same one when none was found."""
    budget = _Budget(breaks, trials)
    size = max(len(steps) // 2, 1)
    while size and budget.left > 0:
        smaller = _without(steps, size, budget)
        size = size if len(smaller) < len(steps) and size > 1 else size // 2
        steps = smaller
    for index, step in enumerate(steps):
        calm = [*steps[:index], step._replace(fault=Fault.NONE), *steps[index + 1 :]]
        if step.fault is not Fault.NONE and budget(calm):
            steps = calm
    return steps


def _without(steps: list[Step], size: int, breaks: Breaks) -> list[Step]:
    """Leave out each chunk of that size that isn't needed, from the end."""
    start = len(steps) - size
    while start > -size:
        rest = steps[: max(start, 0)] + steps[start + size :]
        if breaks(rest):
            steps = rest
        start -= size
    return steps
