"""The plan: what is done to a simulated world, as a list of small steps drawn from one seed.

A step names what it is for by a number taken modulo what there is, and bears a salt of its own for
everything else that is drawn while it is carried out. So any part of a plan is a plan again, which
is what makes shrinking possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import NamedTuple

__all__ = ["LIMITING", "OPERATING", "VERBS", "Fault", "Step", "draw"]


class Fault(StrEnum):
    """What goes wrong at the n-th call of the store in a step."""

    NONE = ""
    DIE_BEFORE = "dies before"  # the process is gone, the call did nothing
    DIE_AFTER = "dies after"  # the process is gone, the call was done
    FAIL = "fails at"  # StoreUnavailable, nothing was done
    LIE = "is told a failure of"  # done, but said to have failed
    OUTAGE = "has no store from"  # StoreUnavailable from here on, to the end of the step


class Step(NamedTuple):
    """One step: a verb of ``VERBS``, what it is for, what is drawn on, what goes wrong and when.

    ``at`` counts the store's calls in the step from 1; below 0 it counts those that write.
    """

    verb: str
    pick: int
    salt: int
    fault: Fault = Fault.NONE
    at: int = 0


VERBS: Mapping[str, float] = {
    "turn": 40,
    "perform": 18,
    "tell": 8,
    "commit": 8,
    "start": 7,
    "answer": 9,
    "early": 2,
    "cancel": 1.5,
    "jump": 6,
    "set_wall": 2,
    "stall": 1.5,
    "zombie": 2,
    "kill": 1.5,
    "spawn": 3,
    "retire": 0.7,
}
OPERATING: Mapping[str, float] = {
    "retry": 6,
    "fork": 1.5,
    "signal": 4,
    "pause": 2.5,
    "unpause": 2.5,
    "hold": 1,
    "let_go": 1.5,
    "acknowledge": 0.7,
    "cancel_all": 0.4,
}
LIMITING: Mapping[str, float] = {"limit": 0.7}
OURS = frozenset({"turn", "commit", "start", "answer", "early", "cancel", "spawn", "retire"})
FAULTY = OURS | OPERATING.keys() | LIMITING.keys()
_FAULTS = (
    *(Fault.DIE_BEFORE, Fault.DIE_AFTER) * 3,
    *(Fault.LIE,) * 3,
    *(Fault.FAIL, Fault.OUTAGE),
)


def draw(
    dice: Random, length: int, *, faults: float = 0.25, verbs: Mapping[str, float] = VERBS
) -> list[Step]:
    """A plan of that many steps; ``faults`` is the share of steps in which something goes wrong."""
    names, weights = list(verbs), list(verbs.values())
    plan = [Step("start", dice.getrandbits(16), dice.getrandbits(32))]
    for verb in dice.choices(names, weights, k=length - 1):
        pick, salt = dice.getrandbits(16), dice.getrandbits(32)
        if verb in FAULTY and dice.random() < faults:
            plan.append(Step(verb, pick, salt, dice.choice(_FAULTS), dice.choice(_PLACES)))
        else:
            plan.append(Step(verb, pick, salt))
    return plan


_PLACES = (-1, -1, -1, -1, -2, -2, -3, 1, 2, 3, 4, 5, 6, 8)
