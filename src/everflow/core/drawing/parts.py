"""How each kind of flow is drawn: one function a kind, in the table ``PARTS``.

A part gets the loose arrows that lead into it and gives those that lead out. It is a generator: it
yields (child, arrows into the child) and is sent the arrows out of it, so that a flow that is
nested deeper than Python's stack is drawn as well. A kind without a part of its own is drawn as a
box with its children after it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from everflow.core.combine.saga import UNDO
from everflow.core.drawing.awaits import UNKNOWN, Past, Tree, stepped
from everflow.core.drawing.elision import Gap
from everflow.core.drawing.graph import Graph, Look, Loose, Sketch, Stroke, Tail
from everflow.core.drawing.words import arms, describe, given_name
from everflow.core.flow import Site
from everflow.core.program import Program
from everflow.core.state import State

__all__ = ["PARTS", "drawn"]

Part = Generator[tuple[Site, Loose], Loose, Loose]
MakePart = Callable[[Sketch, Site, Loose], Part]


def drawn(program: Program, state: State | None, most: int | None) -> Graph:
    """The graph of a program, with the marks of a run's state where one is given."""
    sketch = Sketch(Tree(program, state, most))
    start = sketch.box(Look.END, [program.name or "start"], ())
    ends = _trace(sketch, program.root, (Tail(start),))
    sketch.box(Look.END, ["end"], ends)
    return sketch.finished(program.name)


def _trace(sketch: Sketch, root: Site, ins: Loose) -> Loose:
    open_parts = [_part(sketch, root, ins)]
    out: Loose | None = None  # a generator that hasn't begun takes None alone
    while True:
        try:
            child, into = open_parts[-1].send(out)  # type: ignore[arg-type]  # None begins it
        except StopIteration as finished:
            out = finished.value
            open_parts.pop()
            if not open_parts:
                return finished.value  # type: ignore[no-any-return]  # a part's return value
        else:
            open_parts.append(_part(sketch, child, into))
            out = None


def _part(sketch: Sketch, site: Site, ins: Loose) -> Part:
    kind = site.flow.kind
    make = PARTS.get(kind, _other)
    name = given_name(site)
    if name and site.order and make not in _FRAMED:
        return _named(sketch, site, ins, make)
    return make(sketch, site, ins)


def _named(sketch: Sketch, site: Site, ins: Loose, make: MakePart) -> Part:
    outer = sketch.begin([given_name(site)], site)
    ends = yield from make(sketch, site, ins)
    return sketch.end(outer, ends)


def _leaf(look: Look) -> MakePart:
    def part(sketch: Sketch, site: Site, ins: Loose) -> Part:
        yield from ()
        return sketch.step(look, site, ins)

    return part


def _identity(_sketch: Sketch, _site: Site, ins: Loose) -> Part:
    yield from ()
    return ins


def _sequence(sketch: Sketch, site: Site, ins: Loose) -> Part:
    for kid in sketch.kids(site.order):
        ins = sketch.gap(kid, ins) if isinstance(kid, Gap) else (yield kid.site, ins)
    return ins


def _parallel(sketch: Sketch, site: Site, ins: Loose) -> Part:
    words = describe(site.flow)
    fork = sketch.box(Look.FORK, [words.short, *words.details], ins, site)
    ends: list[Tail] = []
    partial = site.flow.shape().get("then") is True
    for kid in sketch.kids(site.order[: -1 if partial else None]):
        if isinstance(kid, Gap):
            ends += sketch.gap(kid, (Tail(fork),))
        else:
            ends += yield kid.site, (Tail(fork, "" if kid.name.isdigit() else kid.name),)
    said = "first" if site.flow.kind == "race" else "join"
    joined: Loose = (Tail(sketch.box(Look.JOIN, [said], ends or [Tail(fork)])),)
    return (yield site.order[-1][1], joined) if partial else joined


def _dag(sketch: Sketch, site: Site, ins: Loose) -> Part:
    words, after = describe(site.flow), site.flow.shape()["after"]
    fork = sketch.box(Look.FORK, [words.short, *words.details], ins, site)
    drawn_ends: dict[str, Loose] = {"input": (Tail(fork),)}
    left, inner = [name for name, _ in site.order], set[str]()
    while left:  # each as soon as what it is after is drawn: the constructor saw to it that it is
        ready = [name for name in left if all(need in drawn_ends for need in after[name])]
        for name in ready:
            inner.update(after[name])
            into = [tail for need in after[name] or ("input",) for tail in drawn_ends[need]]
            drawn_ends[name] = yield site.kids[name], tuple(into)
        left = [name for name in left if name not in drawn_ends]
    sinks = [name for name, _ in site.order if name not in inner]
    ends = [tail for name in sinks for tail in drawn_ends[name]]
    return (Tail(sketch.box(Look.JOIN, ["join"], ends)),)


def _decision(
    sketch: Sketch, test: Site, ins: Loose, otherwise: str, before: str = ""
) -> Generator[tuple[Site, Loose], Loose, int]:
    """Draw what decides: a leaf is the choice itself, a larger flow comes before it."""
    if test.order or test.flow.kind not in _TESTS:
        ends = yield test, ins
        return sketch.box(Look.CHOICE, [otherwise], ends)
    words = describe(test.flow)
    return sketch.box(Look.CHOICE, [f"{before}{words.short}?", *words.details], ins, test)


def _branch(sketch: Sketch, site: Site, ins: Loose) -> Part:
    test = yield from _decision(sketch, site.kids["if"], ins, "is it true?")
    then = yield site.kids["then"], (Tail(test, "yes"),)
    otherwise = yield site.kids["else"], (Tail(test, "no"),)
    return then + otherwise


def _choose(sketch: Sketch, site: Site, ins: Loose) -> Part:
    (_, selector), *cases = site.order
    test = yield from _decision(sketch, selector, ins, "which is it?")
    labels = arms(site)
    ends: list[Tail] = []
    for kid in sketch.kids(cases):
        if isinstance(kid, Gap):
            ends += sketch.gap(kid, (Tail(test),))
        else:
            ends += yield kid.site, (Tail(test, labels.get(kid.name, "else")),)
    return tuple(ends)


def _loop(sketch: Sketch, site: Site, ins: Loose) -> Part:
    words = describe(site.flow)
    again = sketch.box(Look.AGAIN, [words.short, *words.details], ins, site)
    ends = yield site.kids["body"], (Tail(again),)
    test = yield from _decision(sketch, site.kids["until"], ends, "until: is it true?", "until ")
    sketch.join((Tail(test, "no", Stroke.BACK),), again)
    return (Tail(test, "yes"),)


def _unless_failed(sketch: Sketch, site: Site, ins: Loose) -> Part:
    test = sketch.box(Look.CHOICE, ["failed?"], ins, site)
    ends = yield site.kids["body"], (Tail(test, "no"),)
    return (*ends, Tail(test, "yes"))


def _begin(sketch: Sketch, site: Site) -> int:
    words = describe(site.flow)
    return sketch.begin([given_name(site), ", ".join((words.short, *words.details))], site)


def _around(sketch: Sketch, site: Site, ins: Loose) -> Part:
    outer = _begin(sketch, site)
    ends = yield site.kids["body"], ins
    return sketch.end(outer, ends)


def _try_catch(sketch: Sketch, site: Site, ins: Loose) -> Part:
    outer = _begin(sketch, site)
    inner = sketch.group
    ends = yield site.kids["body"], ins
    ends = sketch.end(outer, ends)
    raised = Tail(sketch.first_box(inner), "raises", Stroke.ERROR, inner)
    caught = yield site.kids["catch"], (raised,)
    return ends + caught


def _fallback(sketch: Sketch, site: Site, ins: Loose) -> Part:
    ends: Loose = ()
    for kid in sketch.kids(site.order):
        if isinstance(kid, Gap):
            ins = sketch.gap(kid, ins)
            continue
        outer = sketch.begin(["try"])
        inner = sketch.group
        ends += sketch.end(outer, (yield kid.site, ins))
        ins = (Tail(sketch.first_box(inner), "raises", Stroke.ERROR, inner),)
    return ends


def _ask(sketch: Sketch, site: Site, ins: Loose) -> Part:
    outer = sketch.begin([describe(site.flow).short]) if site.order else sketch.group
    if "show" in site.kids:
        ins = yield site.kids["show"], ins
    question = sketch.step(Look.QUESTION, site, ins)
    for name in ("notify", "escalate"):
        if name in site.kids:
            yield site.kids[name], (question[0]._replace(label=name, stroke=Stroke.ASIDE),)
    sketch.group = outer
    return question


def _saga(sketch: Sketch, site: Site, ins: Loose) -> Part:
    outer = _begin(sketch, site)
    for kid in sketch.kids([(name, kid) for name, kid in site.order if not name.startswith(UNDO)]):
        if isinstance(kid, Gap):
            ins = sketch.gap(kid, ins)
            continue
        ins = yield kid.site, ins
        undo = site.kids.get(UNDO + kid.name)
        if undo is not None:
            yield undo, tuple(Tail(end.box, "undo", Stroke.ASIDE, end.group) for end in ins)
    return sketch.end(outer, ins)


def _body(sketch: Sketch, site: Site, ins: Loose) -> Part:
    awaits = sketch.awaits(site)
    if not awaits or awaits == [UNKNOWN]:
        return sketch.step(Look.STEP, site, ins)
    outer = _begin(sketch, site)
    for item in awaits:
        if isinstance(item, Past):
            ins = sketch.past(item, ins)
        else:
            ins = sketch.gap(item, ins) if isinstance(item, Gap) else (yield item.site, ins)
    return sketch.end(outer, ins)


def _step(_sketch: Sketch, site: Site, ins: Loose) -> Part:
    return (yield stepped(site), ins)


def _other(sketch: Sketch, site: Site, ins: Loose) -> Part:
    step = sketch.step(Look.STEP, site, ins)
    ends: list[Tail] = []
    for kid in sketch.kids(site.order):
        if isinstance(kid, Gap):
            ends += sketch.gap(kid, step)
        else:
            ends += yield kid.site, (step[0]._replace(label=kid.name),)
    return tuple(ends) or step


PARTS: dict[str, MakePart] = {
    "ambient": _leaf(Look.STEP),
    "ask": _ask,
    "body": _body,
    "branch": _branch,
    "cached": _around,
    "call": _leaf(Look.STEP),
    "choose": _choose,
    "const": _leaf(Look.VALUE),
    "critical": _around,
    "dag": _dag,
    "each": _around,
    "fail": _leaf(Look.VALUE),
    "failed": _leaf(Look.STEP),
    "fallback": _fallback,
    "identity": _identity,
    "it": _leaf(Look.STEP),
    "keep": _around,
    "loop": _loop,
    "node": _leaf(Look.STEP),
    "parallel": _parallel,
    "race": _parallel,
    "receive": _leaf(Look.QUESTION),
    "remote": _leaf(Look.STEP),
    "retry": _around,
    "saga": _saga,
    "sequence": _sequence,
    "sleep": _leaf(Look.TIMER),
    "step": _step,
    "suspend": _leaf(Look.QUESTION),
    "ticks": _around,
    "timeout": _around,
    "try_catch": _try_catch,
    "unless_failed": _unless_failed,
}
_FRAMED = frozenset(
    {_around, _ask, _body, _saga, _try_catch, _other}
)  # they show the name themselves
_TESTS = frozenset({"failed", "it", "node"})
