"""Over a list: ``each``.

Three rules hold here. The machine never sees the list: an op of its own, ``@items``, has the host
count it once, and an item is a ref. At most ``limit`` items go on at once, and the end of one costs
the same however long the list is. An item's path bears its index: ``…~7/body``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

from everflow.core.combine.joins import (
    GOES,
    LOST,
    All,
    AtLeast,
    First,
    Policy,
    Settling,
    policy_of,
    settled_error,
    settled_value,
)
from everflow.core.elements import counted
from everflow.core.faults import ATTACHED, ErrorData, Settled
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site, lift
from everflow.core.frames import EachFrame
from everflow.core.ops import NodeOp, position_of
from everflow.core.refs import Ref, element, list_of, small_text, spread
from everflow.errors import WrongArgument

__all__ = ["COUNTING", "LIMIT", "Each", "each"]

In = TypeVar("In")
Out = TypeVar("Out")
COUNTING = "items"  # the node name of the ops that count
LIMIT = 100
_ITEMS = "@items"
_BODY = "body~"


class Each(Flow[Any, Any]):
    """The body for each item of a list, results in the list's order.

    Twin: "Map" (Step Functions), dynamic task mapping (Airflow), multiple instances with a priori
    run-time knowledge (workflow pattern 14).
    """

    kind = "each"

    def __init__(self, body: Flow[Any, Any], limit: int, policy: Policy) -> None:
        self.body, self.limit, self.policy = body, limit, policy

    def children(self) -> Children:
        return [("body", self.body)]

    def shape(self) -> dict[str, Any]:
        return {"join": self.policy.name}

    def settings(self) -> dict[str, Any]:
        return {"limit": self.limit, **self.policy.data()}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        policy = Policy.of_data(shape["join"], settings)
        return Each(children[0][1], settings["limit"], policy)

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.push(EachFrame(site.position, path, parent, key, input=value))
        items = f"{path}/{_ITEMS}"
        m.open(NodeOp(items, site.position, path, _ITEMS, value, m.seq, COUNTING, whole=True))

    def kid(self, sites: Mapping[str, Site], site: Site, key: str) -> Site | None:
        return site.kids.get(position_of(key))

    def going(self, frame: EachFrame, site: Site) -> Iterable[tuple[str, str]]:
        if frame.count < 0:
            return [(_ITEMS, f"{frame.path}/{_ITEMS}")]
        return [("body", f"{frame.path}~{index}/body") for index in frame.waiting]

    def catches(self, frame: EachFrame, key: str) -> bool:
        return self.policy.name != "all" and key != _ITEMS

    def child_done(self, m: Moves, frame: EachFrame, key: str, value: Ref) -> None:
        if key == _ITEMS:
            self._counted(m, frame, value)
            return
        index = int(key[len(_BODY) :])
        frame.results[index] = settled_value(value) if self.policy.settles else value
        frame.succeeded += 1
        self._ended(m, frame, index)

    def child_failed(self, m: Moves, frame: EachFrame, key: str, error: ErrorData) -> None:
        if key == _ITEMS:
            m.throw(frame, error)
            return
        index = int(key[len(_BODY) :])
        if self.policy.settles:
            frame.results[index] = settled_error(error)
        frame.failed += 1
        if self.policy.name != "settled":
            _note(frame, index, error)
        self._ended(m, frame, index)

    def child_closed(self, m: Moves, frame: EachFrame, op: str, error: ErrorData | None) -> None:
        frame.closing.pop(op, None)
        if error is not None and self._verdict(frame) == LOST:
            index = int(op[len(frame.path) + 1 :].partition("/")[0])
            _note(frame, index, error)
        self._join(m, frame)

    def refit(self, frame: EachFrame, old: Site, new: Site) -> str:
        return ""  # how it joins is part of its shape, and the rest are settings

    def _counted(self, m: Moves, frame: EachFrame, told: Ref) -> None:
        known = counted(small_text(told) or "")
        frame.count, frame.small = known.count, known.small
        frame.failures = dict.fromkeys(known.failures)
        frame.input = spread(frame.input)
        if self._verdict(frame) == GOES:
            self._begin(m, frame)
        self._join(m, frame)

    def _begin(self, m: Moves, frame: EachFrame) -> None:
        """Begin as many items as may go on."""
        kid, of = m.sites[frame.position].kids["body"], spread(frame.input)
        first = frame.begun
        room = max(self.limit - len(frame.waiting), 0)
        frame.begun = min(frame.count, first + room)
        frame.waiting.update(dict.fromkeys(range(first, frame.begun)))
        for index in reversed(range(first, frame.begun)):
            small = frame.small[index] if frame.small else None
            item = element(of, index, small, failure=index in frame.failures)
            m.enter(kid, f"{frame.path}~{index}/body", frame.path, f"{_BODY}{index}", item)

    def _verdict(self, frame: EachFrame) -> int:
        return self.policy.verdict(frame.count, frame.succeeded, frame.failed)

    def _ended(self, m: Moves, frame: EachFrame, index: int) -> None:
        del frame.waiting[index]
        if self._verdict(frame) == GOES:
            self._begin(m, frame)
        elif frame.waiting:
            frame.closing.update(m.cancel_under(frame))
            frame.waiting.clear()
        self._join(m, frame)

    def _join(self, m: Moves, frame: EachFrame) -> None:
        if frame.waiting or frame.closing:
            return
        if self._verdict(frame) == LOST:
            errors = [frame.errors[index] for index in sorted(frame.errors)]
            m.throw(frame, self.policy.lost(errors, frame.count, frame.position))
            return
        items = tuple(frame.results[index] for index in sorted(frame.results))
        m.leave(frame, items[0] if self.policy.name == "first" else list_of(items))


def _note(frame: EachFrame, index: int, error: ErrorData) -> None:
    """Keep an error, if it is among those that are raised: the lowest index and what it bears."""
    frame.errors[index] = error
    if len(frame.errors) > ATTACHED + 1:
        del frame.errors[max(frame.errors)]


@overload
def each(
    body: FlowLike[In, Out], *, limit: int = ..., join: All | AtLeast = ...
) -> Flow[list[In], list[Out]]: ...
@overload
def each(
    body: FlowLike[In, Out], *, limit: int = ..., join: Settling
) -> Flow[list[In], list[Settled[Out]]]: ...
@overload
def each(body: FlowLike[In, Out], *, limit: int = ..., join: First) -> Flow[list[In], Out]: ...
def each(body: Any, *, limit: int = LIMIT, join: Any = "all") -> Any:
    """Run ``body`` on each item of a list whose length is known only at run time.

    Gives a list of the results in the list's order; of the empty list, the empty list. At most
    ``limit`` items (100 unless set otherwise) go on at once. A tuple is taken like a list, a set
    in the order in which it is recorded; for anything else it is the error ``NotAList``. ``join``
    is as for ``parallel``.
    """
    if type(limit) is not int or limit < 1:
        raise WrongArgument(
            f"limit is a whole number from 1 up, not {limit!r:.60}",
            hint="leave it away for at most 100 items at once",
        )
    policy, then = policy_of(join)
    if then is not None:
        raise WrongArgument(
            "at_least(..., then=...) is for parallel",
            hint="write each(..., join=at_least(k)) >> what follows: it cancels the rest",
        )
    return Each(lift(body, "each"), limit, policy)
