"""What is done to simulated instances: small steps of one seed, see ``simulator.plan``."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from everflow.testing.simulator.plan import Fault, Step

__all__ = ["THEMES", "draw"]

VERBS: Mapping[str, float] = {
    "deliver": 38,
    "tick": 24,
    "double": 4,
    "lose": 4,
    "wait": 5,
    "commit": 11,
    "accept": 4,
    "late_commit": 1.5,
    "ship": 1.5,
    "replicate": 2.5,
    "lease": 4,
    "end_lease": 1.5,
    "hand_off": 6,
    "call_back": 2,
    "die": 2,
    "boot": 3,
    "bounce": 2,
    "cut": 2,
    "mend": 3,
    "refuse": 0.7,
    "set_wall": 2,
}
LEASING: Mapping[str, float] = {
    **VERBS,
    "lease": 9,
    "wait": 8,
    "tick": 32,
    "cut": 4,
    "commit": 14,
    "bounce": 3,
}
FORCING: Mapping[str, float] = {"force": 5, "ship": 5, "replicate": 5}
THEMES: tuple[Mapping[str, float], ...] = (
    VERBS,
    LEASING,
    {**VERBS, **FORCING},
    {**LEASING, **FORCING},
)
_FAULTS = (Fault.DIE_BEFORE, Fault.DIE_AFTER, Fault.DIE_AFTER, Fault.LIE, Fault.FAIL)
_FAULTY = frozenset(
    {"deliver", "tick", "hand_off", "call_back", "lease", "end_lease", "force", "forget"}
)


def draw(dice: Random, length: int, *, faults: float, verbs: Mapping[str, float]) -> list[Step]:
    """A plan of that many steps; ``faults`` is the share of acts at which something goes wrong."""
    plan = []
    for verb in dice.choices(list(verbs), list(verbs.values()), k=length):
        wrong = verb in _FAULTY and dice.random() < faults
        fault = dice.choice(_FAULTS) if wrong else Fault.NONE
        plan.append(Step(verb, dice.getrandbits(16), dice.getrandbits(32), fault))
    return plan
