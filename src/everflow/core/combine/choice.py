"""One of several: ``branch``, ``choose``, ``loop``, ``unless_failed``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, overload

import msgspec

from everflow.core.faults import Failure, make_error
from everflow.core.flow import Children, Flow, FlowLike, Moves, Names, Site, lift
from everflow.core.frames import BranchFrame, ChooseFrame, LoopFrame
from everflow.core.refs import Ref, is_failure, small_text, truth
from everflow.errors import LoopTooLong, NoMatch, WrongArgument

__all__ = ["Branch", "Choose", "Loop", "UnlessFailed", "branch", "choose", "loop", "unless_failed"]

In = TypeVar("In")
Out = TypeVar("Out")
Other = TypeVar("Other")
LONGEST_CASE = 40
MOST = 10_000  # rounds of a loop, unless it says otherwise


class Branch(Flow[Any, Any]):
    """The chosen one gets the original input. Twin: "choice" (Step Functions)."""

    kind = "branch"

    def __init__(
        self, test: Flow[Any, Any], then: Flow[Any, Any], otherwise: Flow[Any, Any]
    ) -> None:
        self.test, self.then, self.otherwise = test, then, otherwise

    def children(self) -> Children:
        return [("if", self.test), ("then", self.then), ("else", self.otherwise)]

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Branch(children[0][1], children[1][1], children[2][1])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.push(BranchFrame(site.position, path, parent, key, input=value))
        m.enter(site.kids["if"], f"{path}/if", path, "if", value)

    def child_done(self, m: Moves, frame: BranchFrame, key: str, value: Ref) -> None:
        if key != "if":
            m.leave(frame, value)
            return
        name = "then" if truth(value) else "else"
        kid = m.sites[frame.position].kids[name]
        m.enter(kid, f"{frame.path}/{name}", frame.path, name, frame.input)

    def refit(self, frame: BranchFrame, old: Site, new: Site) -> str:
        return ""


class Choose(Flow[Any, Any]):
    """The case that the selector names gets the original input. Twin: ``match``."""

    kind = "choose"
    ordered = True

    def __init__(
        self,
        selector: Flow[Any, Any],
        cases: tuple[tuple[str, Flow[Any, Any]], ...],
        default: Flow[Any, Any] | None,
    ) -> None:
        self.selector, self.cases, self.default = selector, cases, default

    def children(self) -> Children:
        cases = [(f"case {i}", child) for i, (_, child) in enumerate(self.cases)]
        default = [("default", self.default)] if self.default is not None else []
        return [("on", self.selector), *cases, *default]

    def shape(self) -> dict[str, Any]:
        return {"cases": [case for case, _ in self.cases]}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        cases = shape["cases"]
        flows = [child for _, child in children[1:]]
        default = flows[len(cases)] if len(flows) > len(cases) else None
        return Choose(children[0][1], tuple(zip(cases, flows, strict=False)), default)

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        m.push(ChooseFrame(site.position, path, parent, key, input=value))
        m.enter(site.kids["on"], f"{path}/on", path, "on", value)

    def child_done(self, m: Moves, frame: ChooseFrame, key: str, value: Ref) -> None:
        if key != "on":
            m.leave(frame, value)
            return
        text = case_text(small_text(value))
        names = [case for case, _ in self.cases]
        chosen = names.index(text) if text in names else len(names)
        kids = m.sites[frame.position].order[1:]
        if chosen >= len(kids):
            error = make_error(
                NoMatch,
                f"choose has no case for {text or 'that value'} and no default;"
                f" its cases are {', '.join(names) or 'none'}",
                position=frame.position,
            )
            m.throw(frame, error)
            return
        name, kid = kids[chosen]
        m.enter(kid, f"{frame.path}/{name}", frame.path, name, frame.input)

    def known_as(self) -> list[str]:
        default = ["default"] if self.default is not None else []
        return ["on", *(f"case {case}" for case, _ in self.cases), *default]

    def succeeds(self, old: Flow[Any, Any], *, labelled: bool) -> str:
        return ""  # cases may come and go

    def refit(self, frame: ChooseFrame, old: Site, new: Site) -> str:
        return ""


def case_text(payload: str | None) -> str | None:
    """A selector's payload as a case: an enum member counts as its value."""
    if payload is not None and payload.startswith('{"$":'):
        tagged = msgspec.json.decode(payload)
        return msgspec.json.encode(tagged.get("v")).decode()
    return payload


class Loop(Flow[Any, Any]):
    """The value is the state; the body runs first. Twin: ``do ... while``."""

    kind = "loop"

    def __init__(self, body: Flow[Any, Any], until: Flow[Any, Any], most: int = MOST) -> None:
        self.body, self.until, self.most = body, until, most

    def children(self) -> Children:
        return [("body", self.body), ("until", self.until)]

    def settings(self) -> dict[str, Any]:
        return {} if self.most == MOST else {"most": self.most}

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return Loop(children[0][1], children[1][1], settings.get("most", MOST))

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        frame = LoopFrame(site.position, path, parent, key, round=1, value=value)
        m.push(frame)
        m.enter(site.kids["body"], f"{path}~1/body", path, "body", value)

    def going(self, frame: LoopFrame, site: Site) -> Iterable[tuple[str, str]]:
        return [(key, f"{frame.path}~{frame.round}/{key}") for key in site.kids]

    def child_done(self, m: Moves, frame: LoopFrame, key: str, value: Ref) -> None:
        site = m.sites[frame.position]
        if key == "body":
            frame.value = value
            m.enter(
                site.kids["until"], f"{frame.path}~{frame.round}/until", frame.path, "until", value
            )
        elif truth(value):
            m.leave(frame, frame.value)
        elif frame.round >= self.most:
            error = make_error(
                LoopTooLong,
                f"the loop has had {frame.round:,} rounds, which is its most",
                position=frame.position,
            )
            m.throw(frame, error)
        else:
            frame.round += 1
            path = f"{frame.path}~{frame.round}/body"
            m.enter(site.kids["body"], path, frame.path, "body", frame.value)

    def refit(self, frame: LoopFrame, old: Site, new: Site) -> str:
        return ""


class UnlessFailed(Flow[Any, Any]):
    """Passes failures by. Twin: railway-oriented ``bind``."""

    kind = "unless_failed"
    passes = "body"

    def __init__(self, body: Flow[Any, Any]) -> None:
        self.body = body

    def children(self) -> Children:
        return [("body", self.body)]

    @classmethod
    def build(
        cls, shape: Mapping[str, Any], settings: Mapping[str, Any], children: Children, names: Names
    ) -> Flow[Any, Any]:
        return UnlessFailed(children[0][1])

    def enter(self, m: Moves, site: Site, path: str, parent: str, key: str, value: Ref) -> None:
        if is_failure(value):
            m.done(parent, key, value)
        else:
            m.enter(site.kids["body"], f"{path}/body", parent, key, value)


def branch(
    test: FlowLike[In, Any],
    then: FlowLike[In, Out],
    otherwise: FlowLike[In, Other],
) -> Flow[In, Out | Other]:
    """Run ``then`` or ``otherwise`` on the input, by the truth of what ``test`` gives for it."""
    return Branch(lift(test, "branch"), lift(then, "branch"), lift(otherwise, "branch"))


@overload
def choose(
    selector: FlowLike[In, Any],
    cases: Mapping[Any, FlowLike[In, Out]],
    default: FlowLike[In, Out] | None = None,
) -> Flow[In, Out]: ...
@overload
def choose(
    selector: FlowLike[In, Any], cases: Mapping[Any, Any], default: Any = None
) -> Flow[In, Any]: ...
def choose(selector: Any, cases: Mapping[Any, Any], default: Any = None) -> Flow[Any, Any]:
    """Run the case that equals what ``selector`` gives.

    Cases are texts, whole numbers, booleans, None, or members of enums, which count as their
    values. What no case equals goes to ``default``; without one it is the error ``NoMatch``.
    """
    pairs = []
    known: set[str] = set()
    for case, flow in cases.items():
        value = getattr(case, "value", case)
        if not isinstance(value, (str, int, bool, type(None))):
            raise WrongArgument(f"{case!r:.60} can't be a case: use texts, numbers or enum members")
        text = msgspec.json.encode(value).decode()
        if len(text) > LONGEST_CASE:
            raise WrongArgument(f"the case {text[:60]} is longer than {LONGEST_CASE} characters")
        if text in known:
            raise WrongArgument(f"two cases are {text}: members of enums count as their values")
        known.add(text)
        pairs.append((text, lift(flow, "choose")))
    last = lift(default, "choose") if default is not None else None
    return Choose(lift(selector, "choose"), tuple(pairs), last)


def loop(body: FlowLike[In, In], *, until: FlowLike[In, Any], most: int = MOST) -> Flow[In, In]:
    """Run ``body`` on the value again and again, until ``until`` of the new value is true.

    After ``most`` rounds (10,000 unless set otherwise) it is the error ``LoopTooLong``.
    """
    if type(most) is not int or most < 1:
        raise WrongArgument(f"most is a whole number of rounds from 1 up, not {most!r:.60}")
    return Loop(lift(body, "loop"), lift(until, "loop"), most)


def unless_failed(body: FlowLike[In, Out]) -> Flow[In | Failure, Out | Failure]:
    """Run ``body`` on a value, and let a ``Failure`` pass by it."""
    return UnlessFailed(lift(body, "unless_failed"))
