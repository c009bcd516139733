"""Planted bugs: each is one mistake that somebody could make, put in by substitution.

``plant(patch)`` puts it in for one test. The simulator must break a claim of its own with each.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

__all__ = ["BUGS", "Bug", "bug"]

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Bug:
    """A mistake. ``within``: the number of seeds of which at least one must find it."""

    name: str
    plant: Plant
    within: int


BUGS: list[Bug] = []


def bug(within: int = 300) -> Callable[[Plant], Plant]:
    """Enter a function into the list of bugs; its docstring says what is wrong."""

    def enter(plant: Plant) -> Plant:
        BUGS.append(Bug(plant.__name__, plant, within))
        return plant

    return enter
