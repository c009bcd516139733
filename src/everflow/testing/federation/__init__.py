"""Simulated instances that hand a run around: every message and every act of a store may go wrong.

A schedule is drawn from one seed, each part of it is a schedule again, and each claim is checked at
every step. See ``simulation``.
"""

from everflow.testing.federation.simulation import Report, Simulation

__all__ = ["Report", "Simulation"]
