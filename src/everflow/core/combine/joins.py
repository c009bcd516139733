"""Join policies: when children that go on at the same time have said enough, and for what.

A policy judges counts alone, so that it is the same for a ``parallel`` of three and an ``each`` of
ten thousand. Its verdict only ever goes from ``GOES`` to one of the others: what ended stays ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, overload

from everflow.core.faults import ErrorData, attached, encode_error, make_error
from everflow.core.flow import Flow, FlowLike, check_label, lift
from everflow.core.refs import Built, Ref, record_of
from everflow.core.refs import Literal as LiteralRef
from everflow.errors import OutOfReach, WrongArgument

__all__ = [
    "GOES",
    "LOST",
    "NAMES",
    "WON",
    "All",
    "AtLeast",
    "First",
    "Partial",
    "Policy",
    "Settling",
    "Tolerate",
    "at_least",
    "parts_of",
    "policy_of",
    "settled_error",
    "settled_value",
    "tolerate",
]

T = TypeVar("T")
Out = TypeVar("Out")
All = Literal["all"]
First = Literal["first"]
GOES, WON, LOST = range(3)
NAMES = ("all", "settled", "first", "at_least", "tolerate")
_NULL = LiteralRef("null")


@dataclass(frozen=True)
class AtLeast:
    """What ``at_least(k)`` gives."""

    count: int


@dataclass(frozen=True, eq=False)
class Partial(Generic[T, Out]):
    """What ``at_least(k, then=f)`` gives: the rest goes on while ``then`` runs."""

    count: int
    then: Flow[list[T], Out]


@dataclass(frozen=True)
class Tolerate:
    """What ``tolerate`` gives: a number of errors, or a share of all children."""

    count: int
    share: float | None = None


Settling = Literal["settled"] | Tolerate


@overload
def at_least(count: int) -> AtLeast: ...
@overload
def at_least(count: int, *, then: Callable[[list[T]], Out]) -> Partial[T, Out]: ...
@overload
def at_least(count: int, *, then: FlowLike[list[T], Out]) -> Partial[T, Out]: ...
def at_least(count: int, *, then: Any = None) -> Any:
    """Join once ``count`` children gave a value; the values, in declared order, are the result.

    The rest is cancelled. With ``then`` it is not: ``then`` is run on the values at once, the rest
    goes on beside it, and the whole ends with what ``then`` gave once all have ended; what the rest
    gives or raises is recorded and goes nowhere. It fails as soon as ``count`` is out of reach.

    Twin: "cancelling" and "structured partial join" (workflow patterns 32 and 30).
    """
    if type(count) is not int or count < 1:
        raise WrongArgument(f"at_least takes a whole number from 1 up, not {count!r:.60}")
    return AtLeast(count) if then is None else Partial(count, lift(then, "at_least"))


def tolerate(count: int | None = None, *, share: float | None = None) -> Tolerate:
    """Let up to ``count`` children raise, or up to that ``share`` of them; one more ends the rest.

    The result holds a ``Settled`` for each. Twin: "tolerated failure" (Step Functions' Map).
    """
    if (count is None) == (share is None):
        raise WrongArgument("tolerate takes either a number or share=")
    if share is not None:
        if type(share) not in {int, float} or not 0 <= share <= 1:
            raise WrongArgument(f"share lies between 0 and 1, not {share!r:.60}")
        return Tolerate(0, float(share))
    if type(count) is not int or count < 0:
        raise WrongArgument(f"tolerate takes a whole number from 0 up, not {count!r:.60}")
    return Tolerate(count)


@dataclass(frozen=True)
class Policy:
    """A join by its name, with its count or share."""

    name: str
    count: int = 0
    share: float | None = None

    @property
    def settles(self) -> bool:
        """Whether each child's end, error or not, is part of the result."""
        return self.name in {"settled", "tolerate"}

    @property
    def early(self) -> bool:
        """Whether some children's values are enough."""
        return self.name in {"first", "at_least"}

    def verdict(self, total: int, succeeded: int, failed: int) -> int:
        """GOES, WON or LOST, once so many of ``total`` children gave a value or raised."""
        if self.early:
            if succeeded >= self.count:
                return WON
            return LOST if total - failed < self.count else GOES
        if failed > self.tolerated(total):
            return LOST
        return WON if succeeded + failed >= total else GOES

    def tolerated(self, total: int) -> int:
        """How many may raise."""
        if self.name == "settled":
            return total
        # A share of 0.29 of 100 is 28.999999999999996 in binary.
        return self.count if self.share is None else int(self.share * total + 1e-9)

    def data(self) -> dict[str, Any]:
        """Its counts, as settings of a flow."""
        if self.share is not None:
            return {"share": self.share}
        return {"count": self.count} if self.name in {"at_least", "tolerate"} else {}

    @classmethod
    def of_data(cls, name: str, settings: Mapping[str, Any]) -> Policy:
        """The inverse."""
        count = 1 if name == "first" else settings.get("count", 0)
        return cls(name, count, settings.get("share"))

    def lost(self, errors: list[ErrorData], total: int, position: str) -> ErrorData:
        """What is raised when it is lost, from errors in declared order."""
        if errors:
            return attached(errors[0], errors[1:])
        few = f"{self.count} of the children were to give a value, and there are {total}"
        return make_error(OutOfReach, few, position=position)


def policy_of(join: Any) -> tuple[Policy, Flow[Any, Any] | None]:
    """The policy that a user named, and what follows a partial join; WrongArgument for others."""
    match join:
        case AtLeast(count):
            return Policy("at_least", count), None
        case Partial():
            return Policy("at_least", join.count), join.then
        case Tolerate(count, share):
            return Policy("tolerate", count, share), None
        case "all" | "settled" | "first":
            return Policy.of_data(join, {}), None
    known = '"all", "settled", "first", at_least(k), tolerate(k)'
    raise WrongArgument(f"join={join!r:.60} isn't known; use one of {known}")


def parts_of(
    where: str, flows: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[tuple[str, Flow[Any, Any]], ...]:
    """Children by the names that positions use: labels, indexes, or the names given."""
    parts = []
    for index, given in enumerate(flows):
        child = lift(given, where)
        parts.append((child.label or str(index), child))
    parts += [(check_label(name), lift(child, where)) for name, child in named.items()]
    return tuple(parts)


def settled_value(value: Ref) -> Built:
    """The ``Settled`` of a child that gave a value."""
    return record_of("Settled", ok=LiteralRef("true"), value=value, error=_NULL)


def settled_error(error: ErrorData) -> Built:
    """The ``Settled`` of a child that raised."""
    reified = LiteralRef(encode_error(error))
    return record_of("Settled", ok=LiteralRef("false"), value=_NULL, error=reified)
