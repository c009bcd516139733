"""A workload is measured as figures by name, a goal is what one is to reach: a row of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from bench.scene import Figures, Scene

__all__ = ["Goal", "Judged", "Workload", "judge"]


@dataclass(frozen=True)
class Goal:
    """What a figure should reach: at least ``bound``, or at most.

    ``over``: the figure of the same sample that the bound is times of. ``bound`` None: shown for
    what it says, nothing to reach.
    """

    title: str
    figure: str
    unit: str
    bound: float | None
    over: str = ""
    at_most: bool = False


@dataclass(frozen=True)
class Workload:
    """``measure`` takes one sample, in a process of its own."""

    name: str
    measure: Callable[[Scene], Figures]
    goals: tuple[Goal, ...]
    settings: str = "worker"  # or "python": how the process is set up


@dataclass(frozen=True)
class Judged:
    """A row of the table: medians over the samples. ``ratio`` is that of each sample."""

    goal: Goal
    value: float
    spread: tuple[float, float]
    beside: float | None
    ratio: float | None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal.bound is None:
            return None
        found = self.value if self.ratio is None else self.ratio
        return found <= self.goal.bound if self.goal.at_most else found >= self.goal.bound


def judge(goal: Goal, samples: list[Figures]) -> Judged:
    """What several samples say of a goal."""
    values = [sample[goal.figure] for sample in samples]
    beside = ratio = None
    if goal.over:
        others = [sample[goal.over] for sample in samples]
        beside = median(others)
        ratio = median(value / other for value, other in zip(values, others, strict=True))
    return Judged(goal, median(values), (min(values), max(values)), beside, ratio)
