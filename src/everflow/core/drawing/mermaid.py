"""A flow as a Mermaid flowchart, for documents and pages that draw it themselves.

Every text is quoted, and in the quotes nothing but letters, digits, spaces and few signs stand for
themselves: all else is a numeric entity, because Mermaid looks for directives, Markdown, icons and
style statements inside of labels too. Ids are ours, so that no name of a user is ever one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from everflow.core.drawing.elision import MOST
from everflow.core.drawing.graph import Arrow, Box, Group, Look, Open, Stroke
from everflow.core.drawing.parts import drawn
from everflow.core.drawing.standing import Mark
from everflow.core.program import Program
from everflow.core.state import State

__all__ = ["mermaid"]

_FORMS = {
    Look.END: ("([", "])"),
    Look.STEP: ("[", "]"),
    Look.VALUE: ("[", "]"),
    Look.CHOICE: ("{", "}"),
    Look.FORK: ("[/", "\\]"),
    Look.JOIN: ("[\\", "/]"),
    Look.AGAIN: ("((", "))"),
    Look.QUESTION: ("{{", "}}"),
    Look.TIMER: ("(", ")"),
    Look.GAP: ("[", "]"),
}
_STROKES = {
    Stroke.VALUE: "-->",
    Stroke.BACK: "-->",
    Stroke.ERROR: "-.->",
    Stroke.ASIDE: "-.->",
}
_COLOURS = {
    Mark.RUNNING: "fill:#cfe2ff,stroke:#0b5ed7,color:#000,stroke-width:3px",
    Mark.ASKED: "fill:#fff3cd,stroke:#b58105,color:#000,stroke-width:3px",
    Mark.WAITING: "fill:#e2e3e5,stroke:#565e64,color:#000,stroke-width:3px",
    Mark.STOPPING: "fill:#f8d7da,stroke:#842029,color:#000,stroke-dasharray:4",
    Mark.ENTERED: "stroke:#0b5ed7,stroke-width:2px",
    Mark.FAILED: "fill:#f8d7da,stroke:#842029,color:#000",
    Mark.CANCELLED: "fill:#e2e3e5,stroke:#842029,color:#000",
    Mark.DONE: "fill:#d1e7dd,stroke:#146c43,color:#000",
}
# An underscore inside of a word means nothing to Markdown; at its edge it would.
_UNSAFE = re.compile(r"[^\w ,'=]|(?<![^\W_])_|_(?![^\W_])")


def mermaid(program: Program, state: State | None = None, *, elide: int | None = MOST) -> str:
    """The flow as a flowchart, with the marks of a run if its state is given.

    ``elide`` is as in ``outline``. Mermaid itself takes 500 arrows at most unless told otherwise.
    """
    graph = drawn(program, state, elide)
    lines = ["flowchart TD"]
    depth = 1
    for item in graph.nested():
        if item is None:
            depth -= 1
        lines.append(f"{'  ' * min(depth, 20)}{_item(item)}")
        if type(item) is Open:
            depth += 1
    lines += (f"  {_arrow(arrow)}" for arrow in graph.arrows)
    gaps = [item for item in graph.items if type(item) is Box and item.look is Look.GAP]
    if gaps:
        lines += ["  classDef gap stroke-dasharray:4", f"  class {_ids(gaps)} gap"]
    lines += _classes(graph.marked())
    return "\n".join(lines)


def _item(item: Box | Open | None) -> str:
    if item is None:
        return "end"
    if isinstance(item, Open):
        return f"subgraph {_id(item.group)}[{_quoted(item.group.lines)}]"
    left, right = _FORMS[item.look]
    return f"{_id(item)}{left}{_quoted(item.lines)}{right}"


def _arrow(arrow: Arrow) -> str:
    tail = f"g{arrow.group}" if arrow.group else f"n{arrow.tail}"
    label = f"|{_quoted([arrow.label])}|" if arrow.label else ""
    return f"{tail} {_STROKES[arrow.stroke]}{label} n{arrow.head}"


def _classes(marked: dict[Mark, list[Box | Group]]) -> Iterator[str]:
    for mark, items in marked.items():
        yield f"  classDef {mark} {_COLOURS[mark]}"
        yield f"  class {_ids(items)} {mark}"


def _id(item: Box | Group) -> str:
    return f"{'n' if type(item) is Box else 'g'}{item.number}"


def _ids(items: Iterable[Box | Group]) -> str:
    return ",".join(_id(item) for item in items)


def _quoted(lines: Iterable[str]) -> str:
    safe = (_UNSAFE.sub(lambda found: f"#{ord(found[0])};", line) for line in lines)
    return f'"{"<br/>".join(safe)}"'
