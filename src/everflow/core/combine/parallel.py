"""At the same time: ``parallel`` and ``gather``, with the joins "all" and "settled"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, overload

from everflow.core.faults import ErrorData, Settled, attached, encode_error, make_error
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site, check_label, lift
from everflow.core.frames import ParallelFrame
from everflow.core.ops import child_of
from everflow.core.refs import Literal as LiteralRef
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
All = Literal["all"]
Join = Literal["all", "settled"]
Ticks = Literal["share", "split"]
JOINS = ("all", "settled")


class Parallel(Flow[Any, Any]):
    """The same input to all, the results in declared order.

    Twin: ``asyncio.TaskGroup``, ``Promise.all``.

    ``form`` is "tuple", "dict" or the type name of a dataclass.
    """

    kind = "parallel"
    ordered = labels = True
    record: type[Any] | None = None  # the dataclass of `form`, for the type registry

    def __init__(
        self, parts: tuple[tuple[str, Flow[Any, Any]], ...], form: str, join: str, ticks: str
    ) -> None:
        self.parts = parts
        self.form = form
        self.join = join
        self.ticks = ticks

    def children(self) -> Children:
        return list(self.parts)

    def shape(self) -> dict[str, Any]:
        return {"form": self.form, "join": self.join}

    def settings(self) -> dict[str, Any]:
        return {} if self.ticks == "share" else {"ticks": self.ticks}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        ticks = settings.get("ticks", "share")
        return Parallel(tuple(children), shape["form"], shape["join"], ticks)

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        if not site.order:
            m.done(parent, key, self._value({}, site))
            return
        frame = ParallelFrame(
            site.position, path, parent, key, waiting=dict.fromkeys(site.kids), results={}
        )
        if self.ticks == "split":
            left = m.ticks_left(parent, key)
            if left is not None:
                frame.shares = dict.fromkeys(site.kids, left // len(site.kids))
                m.budget(1)
        m.push(frame)
        for name, kid in reversed(site.order):
            m.enter(kid, f"{path}/{name}", path, name, value)

    def child_done(self, m: Moves, frame: ParallelFrame, key: str, value: Ref) -> None:
        if self.join == "settled":
            value = record_of("Settled", ok=LiteralRef("true"), value=value, error=_NULL)
        frame.results[key] = value
        self._ended(m, frame, key)

    def child_failed(self, m: Moves, frame: ParallelFrame, key: str, error: ErrorData) -> None:
        if self.join == "settled":
            reified = LiteralRef(encode_error(error))
            frame.results[key] = record_of(
                "Settled", ok=LiteralRef("false"), value=_NULL, error=reified
            )
            self._ended(m, frame, key)
            return
        frame.errors[key] = error
        frame.waiting.pop(key, None)
        if frame.waiting:
            frame.closing.update(m.cancel_under(frame))
            frame.waiting.clear()
        self._join(m, frame)

    def child_closed(
        self, m: Moves, frame: ParallelFrame, op: str, error: ErrorData | None
    ) -> None:
        frame.closing.pop(op, None)
        if error is not None and self.join == "all":
            frame.errors.setdefault(child_of(op, frame.path), error)
        self._join(m, frame)

    def going(self, frame: ParallelFrame, site: Site) -> Iterable[tuple[str, str]]:
        return [(key, f"{frame.path}/{key}") for key in frame.waiting]

    def catches(self, frame: ParallelFrame, key: str) -> bool:
        return self.join == "settled"

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

    def _ended(self, m: Moves, frame: ParallelFrame, key: str) -> None:
        frame.waiting.pop(key, None)
        self._join(m, frame)

    def _join(self, m: Moves, frame: ParallelFrame) -> None:
        """Go on once nothing is open: with the lowest-index error, or with the results."""
        if frame.waiting or frame.closing:
            return
        if frame.shares:
            m.budget(-1)
        site = m.sites[frame.position]
        if not frame.errors:
            m.leave(frame, self._value(frame.results, site))
            return
        errors = [frame.errors[key] for key, _ in site.order if key in frame.errors]
        m.throw(frame, attached(errors[0], errors[1:]))

    def _value(self, results: Mapping[str, Ref], site: Site) -> Ref:
        items = tuple(results[key] for key, _ in site.order)
        if self.form == "tuple":
            return tuple_of(*items) if items else list_of(())
        keys = tuple(name for name, _ in self.parts)
        if self.form == "dict":
            return dict_of(keys, items)
        return record_of(self.form, **dict(zip(keys, items, strict=True)))

    def succeeds(self, old: Flow[Any, Any], *, labelled: bool) -> str:
        return ""  # forms and joins may change while nothing is joined

    def refit(self, frame: ParallelFrame, old: Site, new: Site) -> str:
        """Children may go that have ended. None may come: the input is no longer at hand."""
        added = [key for key in new.kids if key not in old.kids]
        if added:
            return f"it has begun without its new child {added[0]!r}"
        if self.shape()["join"] != old.flow.shape()["join"] and (frame.results or frame.errors):
            return "some of its results were joined in another way"
        for gone in [key for key in old.kids if key not in new.kids]:
            frame.results.pop(gone, None)
            frame.shares.pop(gone, None)
        return ""


_NULL = LiteralRef("null")


def _parts(flows: tuple[Any, ...], named: Mapping[str, Any]) -> list[tuple[str, Flow[Any, Any]]]:
    parts = []
    for index, given in enumerate(flows):
        child = lift(given, "parallel")
        parts.append((child.label or str(index), child))
    parts += [(check_label(name), lift(child, "parallel")) for name, child in named.items()]
    return parts


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
    a: FlowLike[In, A], /, *, join: Literal["settled"], ticks: Ticks = ...
) -> Flow[In, tuple[Settled[A]]]: ...
@overload
def parallel(
    a: FlowLike[In, A], b: FlowLike[In, B], /, *, join: Literal["settled"], ticks: Ticks = ...
) -> Flow[In, tuple[Settled[A], Settled[B]]]: ...
@overload
def parallel(
    a: FlowLike[In, A],
    b: FlowLike[In, B],
    c: FlowLike[In, C],
    /,
    *,
    join: Literal["settled"],
    ticks: Ticks = ...,
) -> Flow[In, tuple[Settled[A], Settled[B], Settled[C]]]: ...
@overload
def parallel(
    first: FlowLike[In, A], /, *flows: FlowLike[In, A], join: All = ..., ticks: Ticks = ...
) -> Flow[In, tuple[A, ...]]: ...
@overload
def parallel(
    first: FlowLike[In, A], /, *flows: FlowLike[In, A], join: Literal["settled"], ticks: Ticks = ...
) -> Flow[In, tuple[Settled[A], ...]]: ...
@overload
def parallel(
    *, join: Join = ..., ticks: Ticks = ..., **named: FlowLike[In, Any]
) -> Flow[In, dict[str, Any]]: ...
def parallel(*flows: Any, join: str = "all", ticks: str = "share", **named: Any) -> Any:
    """Run flows at the same time on the same input.

    Gives a tuple of the results in declared order, or a dict where the flows are named. With
    ``join="all"`` the first error cancels the others and is raised once they are closed; with
    "settled" nothing is raised and each result is a ``Settled``. Ticks of a budget around it
    are shared by the children, or split evenly among them.
    """
    if join not in JOINS:
        raise WrongArgument(f"join={join!r} isn't known; use one of {', '.join(JOINS)}")
    if ticks not in {"share", "split"}:
        raise WrongArgument(f"ticks={ticks!r} isn't known; use share or split")
    if flows and named:
        raise WrongArgument("give the children of parallel either by order or by name, not both")
    return Parallel(tuple(_parts(flows, named)), "dict" if named else "tuple", join, ticks)


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
    made = Parallel(tuple(_parts((), named)), form, "all", "share")
    made.record = kind
    return made
