"""A flow as a tree of text, for terminals.

One line a position: the name by which positions know it, what it is, what is set about it. With a
state each line begins with a mark, and what goes on says how. The text needs no colour and no
width; a line is never broken.
"""

from __future__ import annotations

from collections.abc import Iterator

from everflow.core.drawing.awaits import Past, Tree
from everflow.core.drawing.elision import MOST, Gap, Kid
from everflow.core.drawing.standing import Mark, Standing
from everflow.core.drawing.words import arms, clipped, describe, given_name, plain
from everflow.core.flow import Site
from everflow.core.program import Program
from everflow.core.state import Cancelled, Done, Failed, State

__all__ = ["GLYPHS", "outline"]

GLYPHS = {
    Mark.RUNNING: "▶",
    Mark.ASKED: "?",
    Mark.WAITING: "…",
    Mark.STOPPING: "■",
    Mark.ENTERED: "▷",
    Mark.FAILED: "✗",
    Mark.CANCELLED: "■",
    Mark.DONE: "✓",
}
DEEPEST = 30  # levels that are drawn by lines; deeper ones say how deep they are
LONGEST_MESSAGE = 200


def outline(program: Program, state: State | None = None, *, elide: int | None = MOST) -> str:
    """The flow as a tree, with marks where a run stands if its state is given.

    Of a combinator with more than ``elide`` children only the first, the last and those where the
    run stands are shown, with a line that counts the others; None shows all.
    """
    tree = Tree(program, state, elide)
    lines = [] if state is None else [_headline(state)]
    for before, key, item in _walked(program.name, tree):
        text = f"{before}{_text(key, item)}"
        standing = _standing(item, tree.stands)
        if state is not None:
            text = f"{GLYPHS[standing.mark] if standing else ' '} {text}"
        if standing is not None and standing.mark is not Mark.DONE and standing.sentence:
            text = f"{text}  ← {plain(standing.sentence)}"
        lines.append(text)
    return "\n".join(lines)


def _walked(name: str, tree: Tree) -> Iterator[tuple[str, str, Site | Gap | Past]]:
    """What stands in each line: the tree's own strokes, the child's name, and the child."""
    yield "", name, tree.root
    above = [("", 0, tree.below(tree.root)[::-1], arms(tree.root))]
    while above:
        lead, depth, kids, names = above[-1]
        if not kids:
            above.pop()
            continue
        kid = kids.pop()
        branch, line = ("├─ ", "│  ") if kids else ("└─ ", "   ")
        if depth >= DEEPEST:
            branch, line = f"({depth + 1} deep) ", ""
        if not isinstance(kid, Kid):
            yield lead + branch, "", kid
            continue
        case = names.get(kid.name)
        yield lead + branch, f"{kid.name} {case}" if case else kid.name, kid.site
        above.append((lead + line, depth + 1, tree.below(kid.site)[::-1], arms(kid.site)))


def _standing(item: Site | Gap | Past, stands: dict[str, Standing]) -> Standing | None:
    if isinstance(item, Past):
        return Standing(item.mark)
    return stands.get(item.position) if isinstance(item, Site) else None


def _text(key: str, item: Site | Gap | Past) -> str:
    if isinstance(item, Gap):
        return f"… {item.words}"
    if isinstance(item, Past):
        return plain(f"{item.name}: {item.title}")
    words, name = describe(item.flow), given_name(item)
    label = f"{name!r} " if name and name != key else ""
    return plain(f"{key}: {label}{' · '.join((words.title, *words.details))}".removeprefix(": "))


def _headline(state: State) -> str:
    run = f"run {state.run}" if state.run else "a run"
    return plain(f"{run}, after entry {state.seq}: {_how(state)}")


def _how(state: State) -> str:
    match state.outcome:
        case Done():
            return "done"
        case Failed(error=error):
            return clipped(f"failed, {error.type}: {error.message}", LONGEST_MESSAGE)
        case Cancelled():
            return "cancelled"
    return "being cancelled" if state.cancelling else "open"
