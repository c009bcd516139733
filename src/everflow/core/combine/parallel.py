"""At the same time: ``parallel`` and ``gather``, joined by a policy of ``joins``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, overload

from everflow.core.combine.joins import (
    GOES,
    LOST,
    WON,
    All,
    AtLeast,
    First,
    Partial,
    Policy,
    Settling,
    Tolerate,
    parts_of,
    policy_of,
    settled_error,
    settled_value,
)
from everflow.core.faults import ErrorData, Settled, make_error
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site
from everflow.core.frames import ParallelFrame
from everflow.core.ops import child_of
from everflow.core.refs import Ref, dict_of, list_of, record_of, tuple_of
from everflow.core.upcasts import history_of, tag_of
from everflow.errors import FlowTimeout, WrongArgument

__all__ = ["Parallel", "gather", "parallel"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
T = TypeVar("T")
In = TypeVar("In")
Join = Literal["all", "settled"]
Ticks = Literal["share", "split"]
THEN = "then"


class Parallel(Flow[Any, Any]):
    """The same input to all, the results in declared order.

    Twin: ``asyncio.TaskGroup``, ``Promise.all``, ``allSettled``, ``any``.

    ``form`` is "tuple", "dict" or the type name of a dataclass. ``then`` is what follows a partial
    join; once it is entered, the ends of the parts decide nothing any more.
    """

    kind = "parallel"
    ordered = labels = True
    record: type[Any] | None = None  # the dataclass of `form`, for the type registry

    def __init__(
        self,
        parts: tuple[tuple[str, Flow[Any, Any]], ...],
        form: str,
        policy: Policy,
        ticks: str,
        then: Flow[Any, Any] | None = None,
    ) -> None:
        self.parts = parts
        self.form = form
        self.policy = policy
        self.ticks = ticks
        self.then = then

    def children(self) -> Children:
        return [*self.parts, *([] if self.then is None else [(THEN, self.then)])]

    def shape(self) -> dict[str, Any]:
        data: dict[str, Any] = {"form": self.form, "join": self.policy.name}
        return data if self.then is None else {**data, "then": True}

    def settings(self) -> dict[str, Any]:
        split = {} if self.ticks == "share" else {"ticks": self.ticks}
        return {**self.policy.data(), **split}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        parts = tuple(children)
        then = parts[-1][1] if shape.get("then") else None
        policy = Policy.of_data(shape["join"], settings)
        ticks = settings.get("ticks", "share")
        return Parallel(parts if then is None else parts[:-1], shape["form"], policy, ticks, then)

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        if not self.parts:
            m.done(parent, key, self._value({}, site))
            return
        names = self._names(site)
        frame = ParallelFrame(
            site.position, path, parent, key, waiting=dict.fromkeys(names), results={}
        )
        if self.ticks == "split":
            left = m.ticks_left(parent, key)
            if left is not None:
                frame.shares = dict.fromkeys(names, left // len(names))
                m.budget(1)
        m.push(frame)
        for name in reversed(names):
            m.enter(site.kids[name], f"{path}/{name}", path, name, value)

    def child_done(self, m: Moves, frame: ParallelFrame, key: str, value: Ref) -> None:
        if self._counts(frame, key):
            frame.results[key] = settled_value(value) if self.policy.settles else value
        self._ended(m, frame, key)

    def child_failed(self, m: Moves, frame: ParallelFrame, key: str, error: ErrorData) -> None:
        if self._counts(frame, key):
            if self.policy.settles:
                frame.results[key] = settled_error(error)
            if self.policy.name != "settled":
                frame.errors[key] = error
        self._ended(m, frame, key)

    def child_closed(
        self, m: Moves, frame: ParallelFrame, op: str, error: ErrorData | None
    ) -> None:
        frame.closing.pop(op, None)
        if error is not None and self._lost(frame):
            frame.errors.setdefault(child_of(op, frame.path), error)
        self._join(m, frame)

    def going(self, frame: ParallelFrame, site: Site) -> Iterable[tuple[str, str]]:
        return [(key, f"{frame.path}/{key}") for key in frame.waiting]

    def catches(self, frame: ParallelFrame, key: str) -> bool:
        return self.policy.name != "all" and not (self.then is not None and key == THEN)

    def ticks_for(self, frame: ParallelFrame, key: str) -> int | None:
        return frame.shares.get(key)

    def charge(self, frame: ParallelFrame, key: str, ticks: int) -> bool:
        if key not in frame.shares:
            return False
        frame.shares[key] -= ticks
        return frame.shares[key] < 0

    def expire(self, m: Moves, frame: ParallelFrame, key: str) -> None:
        closing = m.cancel_under(frame, key)
        frame.closing.update(closing)
        error = make_error(
            FlowTimeout,
            "the child's share of the ticks is used up",
            position=f"{frame.position}/{key}",
        )
        self.child_failed(m, frame, key, error)

    def _names(self, site: Site) -> list[str]:
        """The parts' keys, which an upgrade may have kept from the flow of before."""
        return [key for key, _ in site.order[: len(self.parts)]]

    def _decided(self, frame: ParallelFrame) -> bool:
        """Whether a partial join has gone on to what follows it."""
        if self.then is None:
            return False
        return THEN in frame.waiting or THEN in frame.results or THEN in frame.errors

    def _counts(self, frame: ParallelFrame, key: str) -> bool:
        """Whether a child's end is part of what is decided, or of the result."""
        return key == THEN or not self._decided(frame)

    def _lost(self, frame: ParallelFrame) -> bool:
        if self._decided(frame):
            return THEN in frame.errors
        return self._verdict(frame) == LOST

    def _verdict(self, frame: ParallelFrame) -> int:
        failed = len(frame.errors)
        succeeded = len(frame.results) - (failed if self.policy.settles else 0)
        return self.policy.verdict(len(self.parts), succeeded, failed)

    def _ended(self, m: Moves, frame: ParallelFrame, key: str) -> None:
        frame.waiting.pop(key, None)
        if self._decided(frame):
            over = THEN in frame.errors
        else:
            verdict = self._verdict(frame)
            if verdict == WON and self.then is not None:
                frame.waiting[THEN] = None
                site = m.sites[frame.position]
                given = self._value(frame.results, site)
                m.enter(site.kids[THEN], f"{frame.path}/{THEN}", frame.path, THEN, given)
            over = verdict != GOES and not self._decided(frame)
        if over and frame.waiting:
            frame.closing.update(m.cancel_under(frame))
            frame.waiting.clear()
        self._join(m, frame)

    def _join(self, m: Moves, frame: ParallelFrame) -> None:
        """Go on once nothing is open: with the lowest-index error, or with the results."""
        if frame.waiting or frame.closing:
            return
        if frame.shares:
            m.budget(-1)
        site = m.sites[frame.position]
        if self.then is not None and THEN in frame.results:
            m.leave(frame, frame.results[THEN])
        elif self._lost(frame):
            keys = [*([THEN] if self._decided(frame) else []), *self._names(site)]
            errors = [frame.errors[key] for key in keys if key in frame.errors]
            m.throw(frame, self.policy.lost(errors, len(self.parts), frame.position))
        else:
            m.leave(frame, self._value(frame.results, site))

    def _value(self, results: Mapping[str, Ref], site: Site) -> Ref:
        keys = zip(self._names(site), self.parts, strict=True)
        given = {name: results[key] for key, (name, _) in keys if key in results}
        items = tuple(given.values())
        if self.policy.name == "first":
            return items[0]
        if self.form == "tuple":
            return list_of(items) if self.policy.early or not items else tuple_of(*items)
        return (
            dict_of(tuple(given), items) if self.form == "dict" else record_of(self.form, **given)
        )

    def succeeds(self, old: Flow[Any, Any], *, labelled: bool) -> str:
        return ""  # forms and joins may change while nothing is joined

    def refit(self, frame: ParallelFrame, old: Site, new: Site) -> str:
        """Children may go that have ended. None may come: the input is no longer at hand."""
        added = [key for key in new.kids if key not in old.kids]
        if added:
            return f"it has begun without its new child {added[0]!r}"
        before, now = old.flow.shape(), self.shape()
        joined_alike = before["join"] == now["join"] and before.get("then") == now.get("then")
        if not joined_alike and (frame.results or frame.errors):
            return "some of its results were joined in another way"
        removed = [key for key in old.kids if key not in new.kids]
        if any(key in frame.errors for key in removed):
            return "a child of it that has failed is gone"
        for gone in removed:
            frame.results.pop(gone, None)
            frame.shares.pop(gone, None)
        return ""


@overload
def parallel(*, join: Join = ..., ticks: Ticks = ...) -> Flow[Any, list[Any]]: ...
@overload
def parallel(
    a: FlowLike[In, A], /, *, join: All = ..., ticks: Ticks = ...
) -> Flow[In, tuple[A]]: ...
@overload
def parallel(
    a: FlowLike[In, A], b: FlowLike[In, B], /, *, join: All = ..., ticks: Ticks = ...
) -> Flow[In, tuple[A, B]]: ...
@overload
def parallel(
    a: FlowLike[In, A],
    b: FlowLike[In, B],
    c: FlowLike[In, C],
    /,
    *,
    join: All = ...,
    ticks: Ticks = ...,
) -> Flow[In, tuple[A, B, C]]: ...
@overload
def parallel(
    a: FlowLike[In, A],
    b: FlowLike[In, B],
    c: FlowLike[In, C],
    d: FlowLike[In, D],
    /,
    *,
    join: All = ...,
    ticks: Ticks = ...,
) -> Flow[In, tuple[A, B, C, D]]: ...
@overload
def parallel(
    a: FlowLike[In, A],
    b: FlowLike[In, B],
    c: FlowLike[In, C],
    d: FlowLike[In, D],
    e: FlowLike[In, E],
    /,
    *,
    join: All = ...,
    ticks: Ticks = ...,
) -> Flow[In, tuple[A, B, C, D, E]]: ...
@overload
def parallel(
    a: FlowLike[In, A], /, *, join: Settling, ticks: Ticks = ...
) -> Flow[In, tuple[Settled[A]]]: ...
@overload
def parallel(
    a: FlowLike[In, A], b: FlowLike[In, B], /, *, join: Settling, ticks: Ticks = ...
) -> Flow[In, tuple[Settled[A], Settled[B]]]: ...
@overload
def parallel(
    a: FlowLike[In, A],
    b: FlowLike[In, B],
    c: FlowLike[In, C],
    /,
    *,
    join: Settling,
    ticks: Ticks = ...,
) -> Flow[In, tuple[Settled[A], Settled[B], Settled[C]]]: ...
@overload
def parallel(
    first: FlowLike[In, A], /, *flows: FlowLike[In, A], join: All = ..., ticks: Ticks = ...
) -> Flow[In, tuple[A, ...]]: ...
@overload
def parallel(
    first: FlowLike[In, A], /, *flows: FlowLike[In, A], join: Settling, ticks: Ticks = ...
) -> Flow[In, tuple[Settled[A], ...]]: ...
@overload
def parallel(
    a: FlowLike[In, A], b: FlowLike[In, B], /, *, join: First, ticks: Ticks = ...
) -> Flow[In, A | B]: ...
@overload
def parallel(
    a: FlowLike[In, A],
    b: FlowLike[In, B],
    c: FlowLike[In, C],
    /,
    *,
    join: First,
    ticks: Ticks = ...,
) -> Flow[In, A | B | C]: ...
@overload
def parallel(
    first: FlowLike[In, A], /, *flows: FlowLike[In, A], join: First, ticks: Ticks = ...
) -> Flow[In, A]: ...
@overload
def parallel(
    a: FlowLike[In, A], b: FlowLike[In, B], /, *, join: AtLeast, ticks: Ticks = ...
) -> Flow[In, list[A | B]]: ...
@overload
def parallel(
    first: FlowLike[In, A], /, *flows: FlowLike[In, A], join: AtLeast, ticks: Ticks = ...
) -> Flow[In, list[A]]: ...
@overload
def parallel(
    first: FlowLike[In, A], /, *flows: FlowLike[In, A], join: Partial[A, T], ticks: Ticks = ...
) -> Flow[In, T]: ...
@overload
def parallel(*, join: First, ticks: Ticks = ..., **named: FlowLike[In, A]) -> Flow[In, A]: ...
@overload
def parallel(
    *, join: Join | AtLeast | Tolerate = ..., ticks: Ticks = ..., **named: FlowLike[In, Any]
) -> Flow[In, dict[str, Any]]: ...
@overload
def parallel(
    *, join: Partial[Any, T], ticks: Ticks = ..., **named: FlowLike[In, Any]
) -> Flow[In, T]: ...
def parallel(*flows: Any, join: Any = "all", ticks: str = "share", **named: Any) -> Any:
    """Run flows at the same time on the same input.

    Gives a tuple of the results in declared order, or a dict where the flows are named. With
    ``join="all"`` the first error cancels the others and is raised once they are closed; with
    "settled" nothing is raised and each result is a ``Settled``; with "first" the first value is
    the result, the others are cancelled, and only if all raise is it an error. ``at_least(k)``
    and ``tolerate(k)`` say more. Ticks of a budget around it are shared by the children, or
    split evenly among them.
    """
    policy, then = policy_of(join)
    if ticks not in {"share", "split"}:
        raise WrongArgument(f"ticks={ticks!r} isn't known; use share or split")
    if flows and named:
        raise WrongArgument("give the children of parallel either by order or by name, not both")
    parts = parts_of("parallel", flows, named)
    if policy.early and policy.count > len(parts):
        wanted = "a value" if policy.name == "first" else f"{policy.count} values"
        raise WrongArgument(f"{len(parts)} children can't give {wanted}")
    return Parallel(parts, "dict" if named else "tuple", policy, ticks, then)


def gather(kind: type[T], /, **named: FlowLike[In, Any]) -> Flow[In, T]:
    """Like ``parallel`` by names, with the results as the fields of a dataclass ``kind``."""
    if not is_dataclass(kind):
        raise WrongArgument(f"gather needs a dataclass, not {kind!r:.60}")
    wanted = {field.name: field for field in fields(kind) if field.init}
    unknown = sorted(set(named) - set(wanted))
    if unknown:
        raise WrongArgument(f"{kind.__name__} has no field {unknown[0]!r}")
    for name, field in wanted.items():
        if name not in named and field.default is MISSING and field.default_factory is MISSING:
            raise WrongArgument(f"{kind.__name__} needs its field {name!r}")
    form = tag_of(kind.__name__, history_of(kind).version)
    made = Parallel(parts_of("gather", (), named), form, Policy("all"), "share")
    made.record = kind
    return made
