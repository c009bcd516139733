"""The flight board: what a worker has begun, and what it says of the suspects once that is dead.

A board bears the number of each run of which something was begun and isn't recorded, and beside it,
as a negative number, that of each run that was on trial. A run that had begun nothing can't have
killed anybody: it is no suspect, whatever it was on trial for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from itertools import groupby
from typing import NamedTuple

__all__ = [
    "DOUBT",
    "FIRST",
    "FREE",
    "INLINE",
    "PAST",
    "Doubt",
    "doubts_of",
    "put_on_trial",
    "slots",
    "trials",
]

DOUBT = "doubt"  # kind of the records: by a run's number, for how many deaths it is doubted
INLINE, FIRST = 0, 1  # slots: what runs in place, and the first of those in pools
PARTS = 4  # as many trials as halves would take at worst, and half of their deaths


class Doubt(NamedTuple):
    """Why a run is doubted, with the worst last.

    ``begun``: something of it was in flight at the last death, so that it is a suspect. ``alone``:
    it was on trial then, and nothing of any other run was begun. ``tried``: it was on trial.
    ``times``: of how many deaths before it was a suspect, too, and didn't end since what it began.
    """

    begun: bool = True
    alone: bool = False
    tried: bool = False
    times: int = 0


FREE = Doubt()  # the first death is nobody's
PAST = Doubt(begun=False)  # it began nothing


def slots(places: int) -> int:
    """How many slots a board has, where so many nodes may be in pools: as many again for trials."""
    return FIRST + 2 * places


def put_on_trial(board: MutableSequence[int], places: int, nos: Iterable[int]) -> None:
    """Show who is on trial, and nobody else."""
    marks = iter(nos)
    for slot in range(FIRST + places, len(board)):
        board[slot] = -next(marks, 0)


def doubts_of(board: Sequence[int]) -> dict[int, Doubt]:
    """The suspects of a board, by number. How many times each was one before, it doesn't say."""
    begun = {no for no in board if no > 0}
    tried = {-no for no in board if no < 0}
    alone = len(begun) == 1 and begun == tried
    return {no: Doubt(alone=alone, tried=no in tried) for no in begun}


def trials(suspects: Mapping[int, Doubt], most: int) -> list[list[int]]:
    """Who is tried together, the worst first: a quarter of those alike in doubt, ``most`` at most.

    So one of 64 that kills its worker again is alone after three more deaths.
    """
    found = []
    ordered = sorted(suspects, key=suspects.__getitem__, reverse=True)
    for _, alike in groupby(ordered, key=suspects.__getitem__):
        nos = list(alike)
        size = min(-(-len(nos) // PARTS), most)
        found += [nos[first : first + size] for first in range(0, len(nos), size)]
    return found
