"""Flows: values that describe work, composed by functions and operators.

Three rules hold here. Building a flow runs nothing. A flow is immutable and knows nothing of where
it stands, so one value can be used in many places and run many times. Each kind of flow is one
class, which holds both its shape (children, shape, settings) and its transitions (enter, done,
failed, closed): pure functions from a frame and what happened to the moves that follow.

Every flow twin in other systems: a ``Flow`` is an "arrow" (Haskell), a "pipe" (fp-ts).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from typing import Any, ClassVar, Concatenate, Generic, Protocol, Self, TypeVar, overload

from everflow.core.advancing import advancing
from everflow.core.entries import Entry
from everflow.core.faults import ErrorData
from everflow.core.frames import AnyFrame
from everflow.core.ops import Op, QuestionOp
from everflow.core.refs import Ref
from everflow.core.state import State
from everflow.errors import NotAFlow, WrongArgument

__all__ = [
    "Children",
    "Flow",
    "FlowLike",
    "Keeping",
    "Moves",
    "Names",
    "Site",
    "check_label",
    "lift",
    "set_composition",
]

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)
In = TypeVar("In")
Out = TypeVar("Out")
Next = TypeVar("Next")
T = TypeVar("T")
FORBIDDEN_IN_LABELS = frozenset('/~!"\\.@')
LONGEST_LABEL = 200


class Site:
    """A flow at its position in one definition. ``kids`` are the sites of its children by name."""

    __slots__ = ("flow", "kids", "made", "order", "position")

    def __init__(self, flow: Flow[Any, Any], position: str) -> None:
        self.flow = flow
        self.position = position
        self.kids: dict[str, Site] = {}
        self.order: list[tuple[str, Site]] = []
        self.made: Any = None


class Moves(Protocol):
    """What a transition may ask of the machine. All of it changes plain state only."""

    now: int
    seq: int
    run: str

    state: State
    sites: dict[str, Site]

    def push(self, frame: AnyFrame) -> None:
        """Put a frame into the table."""

    def enter(self, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        """Begin a child: its end is told to ``parent`` under ``key``."""

    def done(self, parent: str, key: str, value: Ref) -> None:
        """End a child of ``parent`` that needs no frame."""

    def leave(self, frame: AnyFrame, value: Ref) -> None:
        """Take a frame off the table; its parent is told the value."""

    def throw(self, frame: AnyFrame, error: ErrorData) -> None:
        """Take a frame off the table; its parent is told the error."""

    def fail(self, parent: str, key: str, error: ErrorData) -> None:
        """End a child of ``parent`` that has no frame with an error."""

    def open(self, op: Op) -> None:
        """Ask for an op."""

    def drop(self, op_id: str) -> None:
        """Close an open op of one's own by consequence."""

    def cancel_under(self, frame: AnyFrame, child: str | None = None) -> dict[str, None]:
        """Cancel one child, or all; give what has to be closed first: ops and undoing frames."""

    def close(self, frame: AnyFrame, error: ErrorData | None) -> None:
        """Take a frame off the table that outlived its cancel; who cancelled it is told."""

    def occurrence(self, tag: str) -> int:
        """Count a question of that tag."""

    def early(self, op: QuestionOp) -> Ref | None:
        """Take an answer that came before this question, which then isn't opened."""

    def mount(self, position: str, note: str) -> Any:
        """Lay out what a body awaits; ``core.mounting`` says what that gives."""

    def unmount(self, position: str, note: str) -> str:
        """Take away what a body has awaited; gives how it is logged."""

    def signal(self, name: str) -> Ref | None:
        """Take the oldest signal of that name that came before it was waited for."""

    def ticks_left(self, parent: str, key: str) -> int | None:
        """The smallest budget of ticks that holds for a child, or None outside any."""

    def budget(self, change: int) -> None:
        """Count frames that hold a budget of ticks in (+1) and out (-1)."""


def check_label(label: object, what: str = "label") -> str:
    """A label, tag or name that can stand in a path; WrongArgument says why it can't."""
    if not isinstance(label, str) or not label:
        raise WrongArgument(f"a {what} is a text that isn't empty, not {label!r:.60}")
    if len(label) > LONGEST_LABEL:
        raise WrongArgument(f"a {what} has at most {LONGEST_LABEL} characters, not {len(label)}")
    if not label.isprintable() or FORBIDDEN_IN_LABELS & set(label) or label.isdigit():
        raise WrongArgument(
            f"the {what} {label!r} can't be used: it needs printable characters, not only digits,"
            ' and none of / ~ ! . @ " \\'
        )
    return label


class Flow(Generic[In_contra, Out_co]):
    """A definition: from a value to a value. Compose flows by functions and ``>>``."""

    kind: ClassVar[str] = ""
    passes: ClassVar[str] = ""  # the child that stands in for a flow without a frame
    ordered: ClassVar[bool] = False  # finds its children by ``Site.order``, whatever their keys
    labels: ClassVar[bool] = False  # a child's name is the user's own, unless it is a number
    has_defaults: bool = False
    label: str | None = None
    name_of_flow: str = ""
    queue_of_flow: str = ""  # in which its runs wait if their start says nothing else

    # --- shape

    def children(self) -> Children:
        """The children by the names that positions use, in their order."""
        return []

    def shape(self) -> dict[str, Any]:
        """What is part of the shape besides kind and children: names, tags. Plain data."""
        return {}

    def settings(self) -> dict[str, Any]:
        """What may change under a running flow: counts, budgets, delays, constants. Plain data."""
        return {}

    @classmethod
    def build(
        cls,
        shape: Mapping[str, Any],
        settings: Mapping[str, Any],
        children: Children,
        names: Names,
    ) -> Flow[Any, Any]:
        """The inverse of the three above; ``names`` gives the node of a canonical name."""
        raise NotImplementedError  # pragma: no cover - every kind has its own

    def expanded(self) -> Flow[Any, Any]:
        """The flow that stands in a definition for this one: defaults become combinators."""
        return _expand(self) if self.has_defaults else self

    # --- transitions

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        """The flow is begun with ``value`` at ``path``."""
        raise NotImplementedError  # pragma: no cover - every kind has its own

    def child_done(self, m: Moves, frame: Any, key: str, value: Ref) -> None:
        """A child (or an op of the flow's own) ended with a value."""
        m.leave(frame, value)

    def child_failed(self, m: Moves, frame: Any, key: str, error: ErrorData) -> None:
        """A child ended with an error. By default it goes outward."""
        m.throw(frame, error)

    def child_closed(self, m: Moves, frame: Any, op: str, error: ErrorData | None) -> None:
        """Something of a cancelled child is closed: an op, or what it undid.

        ``error`` is one that the cancel didn't cause.
        """

    def child_said(self, m: Moves, frame: Any, key: str, entry: Entry) -> None:
        """An op of one's own ended by an entry of a kind that only this flow understands."""
        raise NotImplementedError  # pragma: no cover - the machine asks none but bodies

    def kid(self, sites: Mapping[str, Site], site: Site, key: str) -> Site | None:
        """The site of the child under a key, where one goes on there."""
        return site.kids.get(key)

    def going(self, frame: Any, site: Site) -> Iterable[tuple[str, str]]:
        """The keys and paths under which children and ops of one's own may go on."""
        return [(key, f"{frame.path}/{key}") for key in site.kids]

    def catches(self, frame: Any, key: str) -> bool:
        """Whether an error under child ``key`` would be caught here rather than go outward."""
        return False

    def ticks_for(self, frame: Any, key: str) -> int | None:
        """What this flow leaves to child ``key`` of a budget of its own."""
        return None

    def charge(self, frame: Any, key: str, ticks: int) -> bool:
        """Charge ticks spent under child ``key``; True when the budget is overdrawn."""
        return False

    def expire(self, m: Moves, frame: Any, key: str) -> None:
        """End the extent whose budget is overdrawn."""

    def withdrawn(self, m: Moves, frame: Any) -> None:
        """The frame was taken off the table with a cancelled extent."""

    # --- change under running runs: see ``core.matching``

    def known_as(self) -> list[str]:
        """For each child the name by which it is known again after a change of the flow.

        Empty where a child has none: then what it is and its order must tell.
        """
        return ["" if name.isdigit() else name for name, _ in self.children()]

    def succeeds(self, old: Flow[Any, Any], *, labelled: bool) -> str:
        """Why a run that stands in ``old`` can't go on in this flow, which has its kind; or "".

        Whether their children fit is asked of them. ``labelled``: the user named both alike.
        """
        before, now = old.shape(), self.shape()
        differing = [key for key in before | now if before.get(key) != now.get(key)]
        if not differing:
            return ""
        was, this = before.get(differing[0]), now.get(differing[0])
        texts = isinstance(was, str) and isinstance(this, str)
        what = f": its {differing[0]} was {was!r} and is {this!r} now" if texts else ""
        return f"this {self.kind} isn't the one of before{what}"

    def refit(self, frame: Any, old: Site, new: Site) -> str:
        """Make a frame of ``old`` one of ``new``, whose flow this is; why it can't be, or "".

        Children that are the same have the same key at both sites. A child that goes on is among
        them: that is seen to before.
        """
        return f"this release has no rule for a changed {self.kind} that has begun"

    def passed_by(self, frame: Any, old: Site, new: Site) -> list[str]:
        """New children that a run with this frame, which is refitted, will never run."""
        return []

    def refit_op(self, op: Any) -> None:
        """Make an op of this leaf's predecessor one of its own."""

    # --- composition

    @overload
    def __rshift__(self, other: Keeping[T]) -> Flow[In_contra, tuple[Out_co, T]]: ...
    @overload
    def __rshift__(self, other: Flow[Out_co, Next]) -> Flow[In_contra, Next]: ...
    @overload
    def __rshift__(
        self, other: Callable[Concatenate[Out_co, ...], Awaitable[Next]]
    ) -> Flow[In_contra, Next]: ...
    @overload
    def __rshift__(self, other: FlowLike[Out_co, Next]) -> Flow[In_contra, Next]: ...
    def __rshift__(self, other: Any) -> Flow[Any, Any]:
        return _compose(self, other)

    def __rrshift__(self, other: Callable[Concatenate[In, ...], In_contra]) -> Flow[In, Out_co]:
        return _compose(other, self)

    def keep(self: Flow[In, Out]) -> Flow[In, tuple[In, Out]]:
        """The flow that gives (input, output)."""
        return _keep(self)

    def named(self, label: str) -> Self:
        """The same flow under a label: its position is then by that name.

        It stays the same when the flow is edited elsewhere.
        """
        copy = self.copied()
        copy.label = check_label(label)
        return copy

    def copied(self) -> Self:
        """Another flow object of the same definition."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.__dict__.pop("_awaited", None)
        return copy

    def __bool__(self) -> bool:
        raise NotAFlow(
            "a flow has no truth value: building one runs nothing",
            hint="to choose at run time write branch(predicate, then, otherwise)",
        )

    def __await__(self) -> Generator[Any, Any, Out_co]:
        if (place := advancing()) is None:
            raise NotAFlow(
                "a flow can't be awaited here: it is a definition, not a call",
                hint="start it: run = engine.start(flow, value); run.result()."
                " In the body of an async def under @flow any flow can be awaited",
            )
        place.check()
        return _awaiting(self)

    def __repr__(self) -> str:
        label = f" {self.label!r}" if self.label else ""
        return f"<{type(self).__name__.lower()}{label}>"


def _awaiting(flow: Flow[Any, Out]) -> Generator[Any, Any, Out]:
    given: Out = yield flow
    return given


class Keeping(Flow[Any, tuple[Any, T]]):
    """A flow that gives (its input, something): ``>>`` then knows the type of the first."""


Children = list[tuple[str, Flow[Any, Any]]]  # by the names that positions use
Names = Callable[[str], Flow[Any, Any]]  # the node of a canonical name
FlowLike = Flow[In, Out] | Callable[Concatenate[In, ...], Out] | Callable[[], Out]
_compose: Callable[[Any, Any], Flow[Any, Any]]
_keep: Callable[[Any], Flow[Any, Any]]
_lift: Callable[[Any, str], Flow[Any, Any]]
_expand: Callable[[Any], Flow[Any, Any]]


def set_composition(
    compose: Callable[[Any, Any], Flow[Any, Any]],
    keep: Callable[[Any], Flow[Any, Any]],
    lift_function: Callable[[Any, str], Flow[Any, Any]],
    expand: Callable[[Any], Flow[Any, Any]],
) -> None:
    """Tie the operators of ``Flow`` to the classes above it. Called once, by ``core.algebra``."""
    global _compose, _keep, _lift, _expand
    _compose, _keep, _lift, _expand = compose, keep, lift_function, expand


@overload
def lift(value: FlowLike[In, Out], where: str) -> Flow[In, Out]: ...
@overload
def lift(value: Any, where: str) -> Flow[Any, Any]: ...
def lift(value: Any, where: str) -> Flow[Any, Any]:
    """A flow of a flow is that flow; a named function becomes a node; all else is refused."""
    return value if isinstance(value, Flow) else _lift(value, where)
