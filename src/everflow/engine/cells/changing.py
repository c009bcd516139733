"""Changing: which definition a run goes on under, by the code that is there.

Two rules hold here. A run takes today's settings of its shape by itself, and another shape only by
an upgrade that somebody asked for. What is decided here is decided from the state as it stands when
it is applied, by the run's owner; whoever looks before only foretells it.
"""

from __future__ import annotations

from collections import OrderedDict

from everflow.core.definition import Definition
from everflow.core.matching import Fit, Matching, Verdict
from everflow.core.program import Program
from everflow.core.state import State

__all__ = ["FLOW", "SHAPE", "Changing"]

SHAPE = 32  # characters of a definition's hash that tell its shape
FLOW = 48  # and with its settings; what comes after them is the lineage of upgraded runs
KEPT = 256  # pairs of definitions that are matched once


class Changing:
    """Definitions beside each other."""

    def __init__(self) -> None:
        self._matched: OrderedDict[tuple[str, str], tuple[Matching, Definition]] = OrderedDict()
        self._styled: OrderedDict[tuple[str, str], Definition] = OrderedDict()

    def settled(self, known: Definition, today: Definition) -> Definition | None:
        """Today's settings for a run under ``known``; None where the shape is another one."""
        if known.hash[:SHAPE] != today.hash[:SHAPE]:
            return None
        lineage = known.program.lineage
        if lineage is None or known.hash[:FLOW] == today.hash[:FLOW]:
            return today if lineage is None else known
        pair = known.hash, today.hash
        if pair not in self._styled:
            program = Program(today.program.flow, today.program.name, lineage)
            self._styled[pair] = Definition(program)
            if len(self._styled) > KEPT:
                self._styled.popitem(last=False)
        return self._styled[pair]

    def judge(self, known: Definition, target: Definition, state: State) -> Verdict:
        """What ``target`` means for a run under ``known`` that stands so."""
        if state.cancelling or state.outcome is not None or known.hash[:FLOW] == target.hash[:FLOW]:
            return Verdict(Fit.SAME)
        if self.settled(known, target) is not None:
            return Verdict(Fit.SETTINGS)
        return self._pair(known, target)[0].judge(state)

    def led_to(self, known: Definition, target: Definition, fit: Fit) -> Definition:
        """The definition that a run under ``known`` has after what was judged."""
        if fit is Fit.MOVES:
            return self._pair(known, target)[1]
        return (self.settled(known, target) if fit is Fit.SETTINGS else None) or known

    def _pair(self, known: Definition, target: Definition) -> tuple[Matching, Definition]:
        pair = known.hash, target.hash
        found = self._matched.get(pair)
        if found is None:
            matching = Matching(known.program, target.program)
            found = self._matched[pair] = matching, Definition(matching.program)
            if len(self._matched) > KEPT:
                self._matched.popitem(last=False)
        return found

    def forget(self) -> None:
        """Names mean other functions now."""
        self._matched.clear()
        self._styled.clear()
