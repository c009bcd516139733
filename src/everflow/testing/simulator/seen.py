"""What an invariant looks at: every effect there was, the runs, what nodes were given.

An effect is one call of a node's function. It counts from the moment it happened, whether or not
its result was ever recorded: that is what a mail server, too, would say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from everflow.core.faults import decode_error
from everflow.core.state import Done, Failed
from everflow.errors import WrongArgument

__all__ = ["Effect", "Invariant", "Life", "Seen", "ended", "invariant", "raised"]

T = TypeVar("T")
Check = TypeVar("Check", bound=Callable[..., Any])


@dataclass(frozen=True)
class Effect:
    """One call of a node. ``key`` is its idempotency key, ``value`` what it got.

    ``result`` is what it gave; where it raised it is None and ``error`` says what.
    """

    run: str
    flow: str
    node: str
    position: str
    key: str
    attempt: int
    value: Any
    result: Any = None
    error: str = ""


@dataclass(frozen=True)
class Life:
    """One run. ``result`` is its value once it is done, ``error`` what it failed with."""

    id: str
    flow: str
    status: str
    input: Any
    result: Any = None
    error: str = ""


@dataclass
class Seen:
    """``effects`` in the order in which they happened; ``given`` is what nodes need, by type."""

    given: Mapping[type[Any], Any]
    look: Callable[[], list[Life]]
    effects: list[Effect] = field(default_factory=list)

    @property
    def runs(self) -> list[Life]:
        """All runs as their journals say now, in the order of their starts."""
        return self.look()

    def of(self, node: str) -> list[Effect]:
        """The effects of a node, by its canonical name or the last part of it."""
        return [
            effect
            for effect in self.effects
            if node in {effect.node, effect.node.rpartition(":")[2]}
        ]

    def the(self, kind: type[T]) -> T:
        """What nodes were given for that type."""
        found: T = self.given[kind]
        return found


@dataclass(frozen=True)
class Invariant:
    """What must be true at every moment of every life. ``sentence`` is told when it isn't."""

    check: Callable[[Seen], object]
    sentence: str
    flow: str = ""

    def holds(self, seen: Seen) -> str | None:
        """None where it holds, else what was said against it."""
        try:
            said = self.check(seen)
        except AssertionError as error:
            return str(error).partition("\n")[0] or "an assertion in it failed"
        return "it gave False" if said is False else None

    def __call__(self, seen: Seen) -> object:
        """Call the function itself."""
        return self.check(seen)


def invariant(check: Callable[[Seen], object] | None = None, *, flow: str = "") -> Any:
    """Mark a function of ``Seen`` as what must always be true: ``@invariant``.

    It is broken when it raises AssertionError or gives False; the first line of its docstring, or
    its name, is the sentence that is told then. ``flow`` limits it to simulations of that flow.
    Twin: "invariants" (TLA+), "stateful properties" (Hypothesis).
    """
    if check is None:
        return lambda given: invariant(given, flow=flow)
    if not callable(check):
        raise WrongArgument(f"an invariant is a function of what was seen, not {check!r:.60}")
    said = (getattr(check, "__doc__", None) or "").strip().partition("\n")[0].rstrip(".")
    name = str(getattr(check, "__name__", "an invariant")).replace("_", " ")
    return Invariant(check, said or name, flow)


def ended(outcome: object, decode: Callable[[Any], Any]) -> tuple[Any, str]:
    """A run's result and error, by its machine's outcome."""
    if isinstance(outcome, Done):
        return decode(outcome.value), ""
    if isinstance(outcome, Failed):
        return None, f"{outcome.error.type}: {outcome.error.message}"
    return None, ""


def raised(payload: str) -> str:
    """An error's payload in a few words."""
    error = decode_error(payload)
    return f"{error.type}: {error.message}"
