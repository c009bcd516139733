"""Where a run stands in its flow: a mark for each position that it has reached.

Three rules hold here. It is a function of program and state alone. What a state doesn't tell isn't
guessed: a state forgets what is behind it, so that "done" is said only where it follows (of the
steps of a sequence before the one where it stands). Marks are for the present pass: a second round
of a loop begins with a clean body.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from itertools import takewhile
from typing import Any, NamedTuple

from everflow.core.combine.saga import UNDO
from everflow.core.drawing.words import literal, moment
from everflow.core.flow import Site
from everflow.core.frames import (
    AskFrame,
    BodyFrame,
    CachedFrame,
    CriticalFrame,
    DagFrame,
    EachFrame,
    FallbackFrame,
    LoopFrame,
    ParallelFrame,
    RaceFrame,
    RetryFrame,
    SagaFrame,
    TicksFrame,
)
from everflow.core.mounting import sites_of
from everflow.core.ops import CallOp, NodeOp, QuestionOp, ReceiveOp, TimerOp
from everflow.core.program import Program
from everflow.core.refs import Built, Literal, Ref
from everflow.core.state import Cancelled, Done, Failed, State

__all__ = ["LIVE", "Mark", "Standing", "stand"]

# Timers that bound something else that goes on.
LIMITS = frozenset({"@within", "@deadline", "@escalation"})


class Mark(StrEnum):
    """How a position stands; the first that holds of several."""

    RUNNING = "running"
    ASKED = "asked"
    WAITING = "waiting"
    STOPPING = "stopping"
    ENTERED = "entered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DONE = "done"


LIVE = frozenset({Mark.RUNNING, Mark.ASKED, Mark.WAITING, Mark.STOPPING, Mark.ENTERED, Mark.FAILED})
_ORDER = {mark: i for i, mark in enumerate(Mark)}


class Standing(NamedTuple):
    """A mark, and what is to be said about it."""

    mark: Mark
    words: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Mark and words as one text; that something within goes on needs no word."""
        known = () if self.mark is Mark.ENTERED else (self.mark.value,)
        return ", ".join((*known, *self.words))


def stand(program: Program, state: State | None) -> dict[str, Standing]:
    """The marks by position; none without a state, or where the run hasn't been."""
    if state is None:
        return {}
    survey = _Survey(sites_of(program, state))
    for op in state.ops.values():
        survey.see_op(op)
    for frame in state.frames.values():
        survey.see_frame(frame)
        if type(frame) is AskFrame:
            survey.see_told(frame, state)
    survey.see_outcome(state.outcome)
    return survey.result()


class _Survey:
    def __init__(self, sites: Mapping[str, Site]) -> None:
        self._sites = sites
        self._marks: dict[str, Mark] = {}
        self._counts: dict[str, Counter[Mark]] = {}
        self._words: dict[str, dict[str, None]] = {}
        self._climbed: set[tuple[str, str]] = set()

    def see_op(self, op: Any) -> None:
        if op.position not in self._sites or (type(op) is NodeOp and op.asking):
            return
        mark, words = _OPS[type(op)](op)
        if mark is not Mark.ENTERED:
            self._counts.setdefault(op.position, Counter())[mark] += 1
        self._say(op.position, words)
        self._mark(op.position, mark)
        self._climb(op.position, "", Mark.ENTERED)

    def see_frame(self, frame: Any) -> None:
        said = _FRAMES.get(type(frame))
        if said is not None and frame.position in self._sites:
            self._say(frame.position, (said(self._sites[frame.position], frame),))
        if type(frame) in {ParallelFrame, DagFrame}:
            for key, value in frame.results.items():
                mark = Mark.FAILED if _is_settled_error(value) else Mark.DONE
                self._end(f"{frame.position}/{key}", mark)
            for key in frame.errors:
                self._end(f"{frame.position}/{key}", Mark.FAILED)
        if type(frame) is CriticalFrame and frame.input is not None:
            self._say(frame.position, ("for its turn",))
            self._mark(frame.position, Mark.WAITING)
            self._climb(frame.position, "", Mark.ENTERED)
        if type(frame) is RaceFrame and frame.winner:
            mark = Mark.DONE if frame.error is None else Mark.FAILED
            self._end(f"{frame.position}/{frame.winner}", mark)

    def see_told(self, frame: AskFrame, state: State) -> None:
        """A question that is open was told of, once that doesn't go on any more."""
        told, path = f"{frame.position}/notify", f"{frame.path}/notify"
        going = path in state.ops or path in state.frames
        if told in self._sites and f"{frame.path}/@question" in state.ops and not going:
            self._end(told, Mark.DONE)

    def see_outcome(self, outcome: Done | Failed | Cancelled | None) -> None:
        if type(outcome) is Done:
            self._end(".", Mark.DONE)
        elif type(outcome) is Failed:
            self._end(".", Mark.FAILED)
            position = outcome.error.position
            while position and position not in self._sites:  # a body awaited it, and is gone
                position = position.rpartition("/")[0]
            if position:
                self._end(position, Mark.FAILED)
                parent, _, key = position.rpartition("/")
                self._climb(parent, key, Mark.FAILED)
        elif outcome is not None:
            self._end(".", Mark.CANCELLED)

    def result(self) -> dict[str, Standing]:
        found = {}
        for position, mark in self._marks.items():
            counts = self._counts.get(position, Counter())
            several = [f"{n:,} {m}" for m, n in counts.items() if counts.total() > 1]
            found[position] = Standing(mark, (*several, *self._words.get(position, ())))
        return found

    def _mark(self, position: str, mark: Mark) -> None:
        known = self._marks.get(position)
        if known is None or _ORDER[mark] < _ORDER[known]:
            self._marks[position] = mark

    def _say(self, position: str, words: Iterable[str]) -> None:
        self._words.setdefault(position, {}).update(dict.fromkeys(words))

    def _climb(self, position: str, key: str, mark: Mark) -> None:
        """Mark what is around a position, and what must have ended for the run to be there."""
        while position and (position, key) not in self._climbed:
            self._climbed.add((position, key))
            site = self._sites[position]
            if key:
                self._mark(position, mark)
            for name, end in _BEFORE.get(site.flow.kind, _nothing)(site, key):
                self._end(f"{position}/{name}", end)
            position, _, key = position.rpartition("/")

    def _end(self, position: str, mark: Mark) -> None:
        """Mark what has ended, and what must have ended within it."""
        ended = [position]
        while ended:
            here = ended.pop()
            site = self._sites.get(here)
            if site is None or here in self._marks:
                continue
            self._mark(here, mark)
            if mark is Mark.DONE:
                passed = _PASSED.get(site.flow.kind, _none)(site)
                ended += [site.kids[name].position for name in passed if name in site.kids]


def _is_settled_error(value: Ref) -> bool:
    """Whether that stands for a child that raised, in a parallel that lets some settle so."""
    return type(value) is Built and value.form == "Settled" and value.items[0] == Literal("false")


def _node_op(op: NodeOp) -> tuple[Mark, list[str]]:
    if op.stopping:
        return Mark.STOPPING, []
    return Mark.RUNNING, [f"{op.ticks:,} ticks left"] if op.ticks is not None else []


def _timer_op(op: TimerOp) -> tuple[Mark, list[str]]:
    return (Mark.ENTERED if op.key in LIMITS else Mark.WAITING), [f"until {moment(op.due)}"]


def _question_op(op: QuestionOp) -> tuple[Mark, list[str]]:
    words = [f"for {literal(op.tag)}"] if op.asker else []
    words += [f"question {op.occurrence:,} of that tag"] if op.occurrence > 1 else []
    return Mark.ASKED, words if op.due is None else [*words, f"until {moment(op.due)}"]


def _receive_op(op: ReceiveOp) -> tuple[Mark, list[str]]:
    words = [f"for the signal {literal(op.name)}"]
    return Mark.WAITING, words if op.due is None else [*words, f"until {moment(op.due)}"]


def _call_op(op: CallOp) -> tuple[Mark, list[str]]:
    words = f"for its run of {literal(op.flow)}"
    if op.peer:
        words = f"for {literal(op.peer)} to run {literal(op.flow)}"
    return (Mark.STOPPING if op.stopping else Mark.WAITING), [words]


_OPS: dict[type, Callable[[Any], tuple[Mark, list[str]]]] = {
    NodeOp: _node_op,
    QuestionOp: _question_op,
    ReceiveOp: _receive_op,
    CallOp: _call_op,
    TimerOp: _timer_op,
}
_FRAMES: dict[type, Callable[[Site, Any], str]] = {
    LoopFrame: lambda _site, frame: f"round {frame.round}",
    FallbackFrame: lambda site, frame: f"alternative {frame.index + 1} of {len(site.order)}",
    RetryFrame: lambda site, frame: (
        f"attempt {frame.attempt} of {site.flow.settings().get('attempts')}"
    ),
    SagaFrame: lambda site, frame: (
        f"undoing, {len(frame.results)} left"
        if frame.undoing
        else f"step {frame.index + 1} of {len(_dos(site))}"
    ),
    BodyFrame: lambda _site, frame: _at_await(frame),
    TicksFrame: lambda _site, frame: f"{frame.left:,} ticks left",
    EachFrame: lambda _site, frame: _counted(frame),
    CachedFrame: lambda _site, frame: (
        "not in the cache" if frame.address else "looking in the cache"
    ),
}


def _at_await(frame: BodyFrame) -> str:
    """How far a body is."""
    if not frame.count:
        return "at its start"
    return f"{'at' if frame.awaited else 'after'} await {frame.count:,}"


def _counted(frame: EachFrame) -> str:
    """How far an ``each`` is."""
    if frame.count < 0:
        return "counting its items"
    failed = f", {frame.failed:,} failed" if frame.failed else ""
    return f"{frame.succeeded + frame.failed:,} of {frame.count:,} items{failed}"


def _none(_site: Site) -> Iterable[str]:
    return ()


def _all(site: Site) -> Iterable[str]:
    return site.kids


def _all_if_joined(site: Site) -> Iterable[str]:
    return site.kids if site.flow.shape().get("join") == "all" else ()


def _dos(site: Site) -> list[str]:
    return [name for name in site.kids if not name.startswith(UNDO)]


# By kind: the children that have certainly given a value when the flow itself has.
_PASSED: dict[str, Callable[[Site], Iterable[str]]] = {
    "ask": lambda _site: ("show",),
    "branch": lambda _site: ("if",),
    "choose": lambda _site: ("on",),
    "critical": _all,
    "dag": _all,
    "keep": _all,
    "loop": _all,
    "parallel": _all_if_joined,
    "retry": _all,
    "saga": _dos,
    "sequence": _all,
    "ticks": _all,
    "timeout": _all,
}
Ends = Iterable[tuple[str, Mark]]


def _nothing(_site: Site, _key: str) -> Ends:
    return ()


def _steps_before(site: Site, key: str) -> Ends:
    before = takewhile(lambda step: step[0] != key, site.order)
    return ((name, Mark.DONE) for name, _ in before)


def _dos_before(site: Site, key: str) -> Ends:
    if not key or key.startswith(UNDO):
        return ()
    return ((name, Mark.DONE) for name in takewhile(lambda name: name != key, _dos(site)))


def _first(name: str) -> Callable[[Site, str], Ends]:
    return lambda _site, key: () if key == name else ((name, Mark.DONE),)


# By kind: the children that have certainly ended when the run stands at child `key` ("": at the
# flow's own op), and how.
_BEFORE: dict[str, Callable[[Site, str], Ends]] = {
    "ask": _first("show"),
    "branch": _first("if"),
    "choose": _first("on"),
    "loop": lambda _site, key: () if key == "body" else (("body", Mark.DONE),),
    "saga": _dos_before,
    "sequence": _steps_before,
    "try_catch": lambda _site, key: (("body", Mark.FAILED),) if key == "catch" else (),
}
