"""Subjects: the flows that a simulation runs, with what goes in and what people answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from everflow.core.combine.saga import UNDO_ANSWERS, UNDO_TAG
from everflow.core.flow import Flow
from everflow.errors import WrongArgument
from everflow.testing.simulator.drawn import drawn
from everflow.testing.simulator.seen import Invariant

__all__ = ["Subject"]

Answers = Mapping[str, Sequence[Any]] | Callable[[str, Random], Any]


@dataclass(frozen=True)
class Subject:
    """A named flow under simulation.

    ``inputs``: what runs are started with. ``answers``: by tag, what people may answer, or a
    function of tag and dice. ``early``: tags that may be answered before they are asked.
    ``reference``: the flow's nodes are functions of input and attempt alone and its ``parallel``
    handlers don't tell one error from another, so that its value can be computed directly and
    compared. ``replace``: stand-ins for nodes, by node or canonical name. ``invariants``: what
    must be true at every moment, see ``invariant``. ``drawn``: answers that nobody gave are drawn
    by their questions' schemas.
    """

    flow: Flow[Any, Any]
    inputs: Sequence[Any] = (None,)
    answers: Answers = field(default_factory=dict)
    early: Sequence[str] = ()
    reference: bool = False
    replace: Mapping[Any, Callable[..., Any]] = field(default_factory=dict)
    invariants: Sequence[Invariant] = ()
    drawn: bool = False

    def answer(self, tag: str, dice: Random, schema: Any = None) -> Any:
        """What somebody answers to a question of that tag, and of that JSON Schema."""
        if tag == UNDO_TAG:
            return dice.choice(UNDO_ANSWERS["enum"])
        if callable(self.answers):
            return self.answers(tag, dice)
        known = self.answers.get(tag)
        if not known and self.drawn:
            return drawn(schema or {}, dice)
        if not known:
            raise WrongArgument(
                f"nobody knows what to answer to {tag!r} in {self.flow.name_of_flow!r}",
                hint=f'say so: Subject(flow, answers={{"{tag}": [...]}})',
            )
        return dice.choice(known)
