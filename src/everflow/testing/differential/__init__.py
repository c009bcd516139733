"""Two stores, one random sequence of operations, the same answers.

A sequence comes from a seed, and names runs, workers and messages without any store's own numbers,
so that every part of it can be left out: a difference is shown by the shortest sequence found.
"""

from everflow.testing.differential.compare import Difference, compare, differ, shrink
from everflow.testing.differential.operations import Operation, operations
from everflow.testing.differential.side import Side

__all__ = ["Difference", "Operation", "Side", "compare", "differ", "operations", "shrink"]
