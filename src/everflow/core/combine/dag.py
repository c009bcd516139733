"""By named dependencies: ``dag`` and ``after``.

Two rules hold here. A vertex begins as soon as all that it is after has given a value, whatever
else goes on. What can't be begun (an unknown name, a cycle) is refused when the flow is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Generic, TypeVar, overload

from everflow.core.combine.cached import FIRST_VERSION, Cached, is_worth_caching
from everflow.core.faults import ErrorData, attached
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site, check_label, lift
from everflow.core.frames import DagFrame
from everflow.core.ops import child_of
from everflow.core.refs import Ref, dict_of
from everflow.errors import WrongArgument

__all__ = ["After", "Dag", "after", "dag"]

In = TypeVar("In")
Out = TypeVar("Out")
A = TypeVar("A")
INPUT = "input"  # stands for what the whole flow got


@dataclass(frozen=True, eq=False)
class After(Generic[Out]):
    """What ``after`` gives: a flow, and the vertices whose values it gets."""

    names: tuple[str, ...]
    flow: Flow[Any, Out]


class Dag(Flow[Any, Any]):
    """Vertices by name, each begun as soon as what it is after is done.

    Twin: Airflow's and Dagster's graphs, ``make``.

    ``needs`` are the names that a vertex is after; one that is after none gets the flow's input.
    """

    kind = "dag"

    def __init__(
        self,
        parts: tuple[tuple[str, Flow[Any, Any]], ...],
        needs: Mapping[str, tuple[str, ...]],
        give: str | None,
    ) -> None:
        self.parts, self.needs, self.give = parts, dict(needs), give
        names = [name for name, _ in parts]
        self.order = _ordered(names, self.needs, give)
        self.begun_first = [name for name in names if set(self.needs[name]) <= {INPUT}]
        self.followers: dict[str, list[str]] = {
            name: [other for other in names if name in self.needs[other]] for name in names
        }

    def children(self) -> Children:
        return list(self.parts)

    def shape(self) -> dict[str, Any]:
        data: dict[str, Any] = {"after": {name: list(of) for name, of in self.needs.items()}}
        return data if self.give is None else {**data, "give": self.give}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        needs = {name: tuple(shape["after"][name]) for name, _ in children}
        return Dag(tuple(children), needs, shape.get("give"))

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        waiting = dict.fromkeys(self.begun_first)
        frame = DagFrame(site.position, path, parent, key, input=value, waiting=waiting)
        m.push(frame)
        for name in reversed(self.begun_first):
            self._begin(m, frame, name)

    def going(self, frame: DagFrame, site: Site) -> Iterable[tuple[str, str]]:
        return [(key, f"{frame.path}/{key}") for key in frame.waiting]

    def child_done(self, m: Moves, frame: DagFrame, key: str, value: Ref) -> None:
        frame.results[key] = value
        del frame.waiting[key]
        ready = [name for name in self.followers[key] if self._is_ready(frame, name)]
        frame.waiting.update(dict.fromkeys(ready))
        for name in reversed(ready):
            self._begin(m, frame, name)
        self._join(m, frame)

    def child_failed(self, m: Moves, frame: DagFrame, key: str, error: ErrorData) -> None:
        frame.errors[key] = error
        del frame.waiting[key]
        frame.closing = m.cancel_under(frame)
        frame.waiting.clear()
        self._join(m, frame)

    def child_closed(self, m: Moves, frame: DagFrame, op: str, error: ErrorData | None) -> None:
        frame.closing.pop(op, None)
        if error is not None:
            frame.errors.setdefault(child_of(op, frame.path), error)
        self._join(m, frame)

    def _is_ready(self, frame: DagFrame, name: str) -> bool:
        return all(need in frame.results or need == INPUT for need in self.needs[name])

    def _begin(self, m: Moves, frame: DagFrame, name: str) -> None:
        given = {**frame.results, INPUT: frame.input}
        needs = self.needs[name] or (INPUT,)
        several = dict_of(needs, tuple(given[need] for need in needs))
        value = given[needs[0]] if len(needs) == 1 else several
        kid = m.sites[frame.position].kids[name]
        m.enter(kid, f"{frame.path}/{name}", frame.path, name, value)

    def _join(self, m: Moves, frame: DagFrame) -> None:
        if frame.waiting or frame.closing:
            return
        names = [name for name, _ in self.parts]
        if frame.errors:
            errors = [frame.errors[name] for name in names if name in frame.errors]
            m.throw(frame, attached(errors[0], errors[1:]))
        elif self.give is not None:
            m.leave(frame, frame.results[self.give])
        else:
            m.leave(frame, dict_of(tuple(names), tuple(frame.results[name] for name in names)))

    def refit(self, frame: DagFrame, old: Site, new: Site) -> str:
        return ""  # the graph is its shape: only what its vertices are may have changed


def _ordered(names: list[str], needs: Mapping[str, tuple[str, ...]], give: str | None) -> list[str]:
    """The vertices so that each stands behind those that it is after; WrongArgument if none is."""
    known = {*names, INPUT}
    for name, of in needs.items():
        unknown = [need for need in of if need not in known]
        if unknown:
            raise WrongArgument(
                f"{name!r} is after {unknown[0]!r}, which the dag doesn't have",
                hint=f"its vertices are: {', '.join(names)}",
            )
    if give is not None and give not in names:
        raise WrongArgument(f"give={give!r:.60} is no vertex of the dag: {', '.join(names)}")
    sorter = TopologicalSorter(
        {name: [need for need in needs[name] if need != INPUT] for name in names}
    )
    try:
        return list(sorter.static_order())
    except CycleError as error:
        cycle = " after ".join(reversed(error.args[1]))
        raise WrongArgument(f"the dag goes round in a circle: {cycle}") from None


@overload
def after(a: str, flow: FlowLike[Any, Out], /) -> After[Out]: ...
@overload
def after(a: str, b: str, flow: FlowLike[Any, Out], /) -> After[Out]: ...
@overload
def after(a: str, b: str, c: str, flow: FlowLike[Any, Out], /) -> After[Out]: ...
@overload
def after(a: str, b: str, c: str, d: str, /, *more: Any) -> After[Any]: ...
def after(*given: Any) -> Any:
    """A vertex of a ``dag`` that is begun once those named have given a value: ``after("a", f)``.

    ``f`` gets the value of the one, or a dict of the values by name. ``"input"`` stands for what
    the dag got.
    """
    *names, flow = given
    if not names or len(set(names)) < len(names) or not all(isinstance(n, str) for n in names):
        raise WrongArgument(f"after takes names, each once, and then a flow; not {given!r:.80}")
    return After(tuple(names), lift(flow, "after"))


@overload
def dag(
    *, give: None = None, cached: bool = ..., **vertices: FlowLike[In, Any] | After[Any]
) -> Flow[In, dict[str, Any]]: ...
@overload
def dag(
    *, give: str, cached: bool = ..., **vertices: FlowLike[In, Any] | After[Any]
) -> Flow[In, Any]: ...
def dag(*, give: str | None = None, cached: bool = True, **vertices: Any) -> Any:
    """Run vertices by name, each as soon as what it is after is done.

    ``dag(a=f, b=after("a", g), c=after("a", "b", h))``: a vertex without ``after`` gets the input.
    Gives a dict of all values, or the value of the vertex ``give``. An error cancels what goes on
    and is raised as by ``parallel``.

    Each vertex is as in ``cached``: what didn't change since an earlier run isn't computed again.
    Those without a node, and those that ask, wait or are direct style, always run. ``cached=False``
    leaves it to you which vertices are.
    """
    parts, needs = [], {}
    for name, given in vertices.items():
        if name == INPUT:
            raise WrongArgument(f"a vertex can't be called {INPUT!r}: that is what the dag gets")
        flow = given.flow if isinstance(given, After) else lift(given, "dag")
        if cached and is_worth_caching(flow):
            flow = Cached(flow, FIRST_VERSION)
        parts.append((check_label(name), flow))
        needs[name] = given.names if isinstance(given, After) else ()
    if not parts:
        raise WrongArgument("a dag needs at least one vertex")
    return Dag(tuple(parts), needs, give)
