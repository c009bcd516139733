"""The simulator: engine, store, clock and people in one thread, from one seed, with every fault."""

from everflow.testing.simulator.plan import Fault, Step
from everflow.testing.simulator.seen import Effect, Invariant, Life, Seen, invariant
from everflow.testing.simulator.simulation import (
    Report,
    Simulation,
    simulate,
    simulate_every_write,
)
from everflow.testing.simulator.subjects import Subject
from everflow.testing.simulator.untrue import Untrue

__all__ = [
    "Effect",
    "Fault",
    "Invariant",
    "Life",
    "Report",
    "Seen",
    "Simulation",
    "Step",
    "Subject",
    "Untrue",
    "invariant",
    "simulate",
    "simulate_every_write",
]
