"""Planted bugs: each is one mistake that somebody could make, put in by substitution.

``plant(patch)`` puts it in for one test. The simulator must break a claim of its own with each.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import pytest

__all__ = ["BUGS", "Bug", "bug"]

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Bug:
    """A mistake. ``within``: the number of seeds of which at least one must find it.

    ``verbs``: what happens more often in these than by default, as it takes a rare meeting.
    ``flows``: which of the corpus are run alone, where few could show it.
    """

    name: str
    plant: Plant
    within: int
    verbs: Mapping[str, float] = field(default_factory=dict)
    flows: Collection[str] = ()


BUGS: list[Bug] = []


def bug(within: int = 300, flows: Collection[str] = (), **verbs: float) -> Callable[[Plant], Plant]:
    """Enter a function into the list of bugs; its docstring says what is wrong."""

    def enter(plant: Plant) -> Plant:
        BUGS.append(Bug(plant.__name__, plant, within, verbs, flows))
        return plant

    return enter
