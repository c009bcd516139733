"""The simulator: engine, store, clock and people in one thread, from one seed, with every fault."""

from everflow.testing.simulator.ledger import Untrue
from everflow.testing.simulator.plan import Fault, Step
from everflow.testing.simulator.simulation import Report, Simulation, simulate
from everflow.testing.simulator.subjects import Subject

__all__ = ["Fault", "Report", "Simulation", "Step", "Subject", "Untrue", "simulate"]
