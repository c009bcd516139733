"""A flow in Graphviz's DOT language, for pictures.

Every text is a quoted string in which backslashes, quotes and ampersands are escaped: Graphviz
looks for escape sequences and HTML entities in labels. Ids are ours. A box bears its position as
tooltip and its mark as class, so that a page can style a picture and tell where one clicked.
"""

from __future__ import annotations

from collections.abc import Iterable

from everflow.core.drawing.elision import MOST
from everflow.core.drawing.graph import Arrow, Box, Look, Open, Stroke
from everflow.core.drawing.parts import drawn
from everflow.core.drawing.standing import Mark
from everflow.core.program import Program
from everflow.core.state import State

__all__ = ["dot"]

_FORMS = {
    Look.END: "shape=oval",
    Look.STEP: "shape=box",
    Look.VALUE: "shape=note",
    Look.CHOICE: "shape=diamond",
    Look.FORK: "shape=trapezium",
    Look.JOIN: "shape=invtrapezium",
    Look.AGAIN: "shape=circle",
    Look.QUESTION: "shape=hexagon",
    Look.TIMER: 'shape=box style="filled,rounded"',
    Look.GAP: 'shape=box style="filled,dashed"',
}
_STROKES = {
    Stroke.VALUE: "",
    Stroke.BACK: "constraint=false",
    Stroke.ERROR: "style=dashed",
    Stroke.ASIDE: "style=dashed",
}
_COLOURS = {
    Mark.RUNNING: 'color="#0b5ed7" fillcolor="#cfe2ff" penwidth=3',
    Mark.ASKED: 'color="#b58105" fillcolor="#fff3cd" penwidth=3',
    Mark.WAITING: 'color="#565e64" fillcolor="#e2e3e5" penwidth=3',
    Mark.STOPPING: 'color="#842029" fillcolor="#f8d7da" penwidth=2',
    Mark.ENTERED: 'color="#0b5ed7" penwidth=2',
    Mark.FAILED: 'color="#842029" fillcolor="#f8d7da"',
    Mark.CANCELLED: 'color="#842029" fillcolor="#e2e3e5"',
    Mark.DONE: 'color="#146c43" fillcolor="#d1e7dd"',
}
_PROLOGUE = (
    "  compound=true",
    '  node [fontname="Helvetica" fontsize=11 fillcolor="#ffffff" style=filled]',
    '  edge [fontname="Helvetica" fontsize=10]',
    '  graph [fontname="Helvetica" fontsize=11]',
)


def dot(program: Program, state: State | None = None, *, elide: int | None = MOST) -> str:
    """The flow as a digraph, with the marks of a run if its state is given.

    ``elide`` is as in ``outline``.
    """
    graph = drawn(program, state, elide)
    lines = [f"digraph {_quoted([graph.name])} {{", *_PROLOGUE]
    depth = 1
    for item in graph.nested():
        if item is None:
            depth -= 1
        lines += (f"{'  ' * min(depth, 20)}{line}" for line in _item(item))
        if type(item) is Open:
            depth += 1
    lines += (f"  {_arrow(arrow)}" for arrow in graph.arrows)
    return "\n".join((*lines, "}"))


def _item(item: Box | Open | None) -> list[str]:
    if item is None:
        return ["}"]
    if isinstance(item, Open):
        group = item.group
        return [
            f"subgraph cluster_{group.number} {{",
            f"  label={_quoted(group.lines)} style=rounded{_marked(group.mark)}",
        ]
    about = f"label={_quoted(item.lines)} tooltip={_quoted([item.about])}"
    return [f"n{item.number} [{about} {_FORMS[item.look]}{_marked(item.mark)}]"]


def _marked(mark: Mark | None) -> str:
    return "" if mark is None else f" class={mark} {_COLOURS[mark]}"


def _arrow(arrow: Arrow) -> str:
    said = [f"label={_quoted([arrow.label])}"] if arrow.label else []
    stroke = _STROKES[arrow.stroke]
    from_group = [f"ltail=cluster_{arrow.group}"] if arrow.group else []
    given = " ".join((*said, *([stroke] if stroke else []), *from_group))
    return f"n{arrow.tail} -> n{arrow.head}{f' [{given}]' if given else ''}"


def _quoted(lines: Iterable[str]) -> str:
    escaped = [
        line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines
    ]
    return '"' + "\\n".join(escaped) + '"'
