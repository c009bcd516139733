"""The plain graph that every renderer draws: boxes, arrows between them, groups around them.

Two rules hold here. A graph is data: what it means to draw a ``branch`` is decided in ``parts``,
how a choice looks in a renderer. Every text is printable when it gets here, and still hostile: a
renderer escapes all of it. Numbers are from 1 up and unique over boxes and groups; 0 is no group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from everflow.core.drawing.awaits import Past, Tree
from everflow.core.drawing.elision import Gap, Kid
from everflow.core.drawing.standing import Mark
from everflow.core.drawing.words import describe, given_name, plain
from everflow.core.flow import Site

__all__ = ["Arrow", "Box", "Graph", "Group", "Look", "Loose", "Open", "Sketch", "Stroke", "Tail"]


class Look(StrEnum):
    """What a box stands for; each renderer has a form for it."""

    END = "end"  # where the run begins or ends
    STEP = "step"
    VALUE = "value"
    CHOICE = "choice"
    FORK = "fork"
    JOIN = "join"
    AGAIN = "again"  # where a loop's rounds begin
    QUESTION = "question"
    TIMER = "timer"
    GAP = "gap"


class Stroke(StrEnum):
    """What an arrow stands for."""

    VALUE = "value"
    BACK = "back"  # to an earlier box
    ERROR = "error"
    ASIDE = "aside"  # what comes of it goes nowhere


class Box(NamedTuple):
    """A box with its lines of text. ``about`` is the position and name in full."""

    number: int
    look: Look
    lines: tuple[str, ...]
    group: int
    mark: Mark | None
    about: str


class Arrow(NamedTuple):
    """From a box to a box. ``group`` says that it leaves the whole group that the tail is in."""

    tail: int
    head: int
    label: str
    stroke: Stroke
    group: int


class Group(NamedTuple):
    """A frame around boxes and other groups."""

    number: int
    lines: tuple[str, ...]
    group: int
    mark: Mark | None


class Open(NamedTuple):
    """The beginning of a group, in ``Graph.nested``."""

    group: Group


class Graph(NamedTuple):
    """Boxes and groups in the order of the flow; ``name`` is the flow's."""

    name: str
    items: tuple[Box | Group, ...]
    arrows: tuple[Arrow, ...]

    def nested(self) -> Iterator[Box | Open | None]:
        """Boxes and groups as they stand within each other; None is the end of a group."""
        inside: dict[int, list[Box | Group]] = {}
        for item in self.items:
            inside.setdefault(item.group, []).append(item)
        open_groups = [iter(inside.get(0, ()))]
        while open_groups:
            item_ = next(open_groups[-1], None)
            if type(item_) is Box:
                yield item_
            elif type(item_) is Group:
                yield Open(item_)
                open_groups.append(iter(inside.get(item_.number, ())))
            else:
                open_groups.pop()
                if open_groups:
                    yield None

    def marked(self) -> dict[Mark, list[Box | Group]]:
        """What bears a mark, by mark."""
        found: dict[Mark, list[Box | Group]] = {}
        for item in self.items:
            if item.mark is not None:
                found.setdefault(item.mark, []).append(item)
        return found


class Tail(NamedTuple):
    """The loose end of an arrow whose head isn't drawn yet."""

    box: int
    label: str = ""
    stroke: Stroke = Stroke.VALUE
    group: int = 0


Loose = tuple[Tail, ...]


class Sketch:
    """A graph in the making. ``group`` is the one that boxes are drawn into at present."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._items: list[Box | Group] = []
        self._arrows: list[Arrow] = []
        self.group = 0

    def finished(self, name: str) -> Graph:
        """What was drawn, as data."""
        return Graph(plain(name), tuple(self._items), tuple(self._arrows))

    def box(
        self,
        look: Look,
        lines: Iterable[str],
        ins: Iterable[Tail],
        site: Site | None = None,
        mark: Mark | None = None,
    ) -> int:
        """Draw a box where loose arrows end; one of a site says how the run stands there."""
        said, stands = self._said(lines, site)
        about = "" if site is None else plain(f"{site.position} {describe(site.flow).title}")
        number = len(self._items) + 1
        self._items.append(Box(number, look, said, self.group, stands or mark, about))
        self.join(ins, number)
        return number

    def step(self, look: Look, site: Site, ins: Iterable[Tail]) -> Loose:
        """Draw a box of all that there is to say about a leaf."""
        words = describe(site.flow)
        lines = [given_name(site), words.short, *words.details]
        return (Tail(self.box(look, lines, ins, site)),)

    def join(self, ins: Iterable[Tail], head: int) -> None:
        """Let loose arrows end at a box."""
        for tail in ins:
            self._arrows.append(Arrow(tail.box, head, plain(tail.label), tail.stroke, tail.group))

    def begin(self, lines: Iterable[str], site: Site | None = None) -> int:
        """Begin a group; give the one around it, for ``end``."""
        outer = self.group
        said, mark = self._said(lines, site)
        self.group = len(self._items) + 1
        self._items.append(Group(self.group, said, outer, mark))
        return outer

    def end(self, outer: int, ends: Loose) -> Loose:
        """End a group. One in which nothing was drawn gets a box: not every renderer takes none."""
        if len(self._items) == self.group:
            ends = (Tail(self.box(Look.STEP, ["identity"], ends)),)
        self.group = outer
        return ends

    def first_box(self, group: int) -> int:
        """The first box in a group, however deep, that was ended."""
        return next(item.number for item in self._items[group:] if type(item) is Box)

    def kids(self, order: list[tuple[str, Site]]) -> list[Kid | Gap]:
        """The children to draw."""
        return self._tree.some(order)

    def awaits(self, site: Site) -> list[Kid | Gap | Past]:
        """What a body awaited, and awaits."""
        return self._tree.below(site)

    def past(self, past: Past, ins: Iterable[Tail]) -> Loose:
        """Draw what a body awaited and got."""
        said = [past.name, past.title, past.mark.value]
        return (Tail(self.box(Look.STEP, said, ins, mark=past.mark)),)

    def gap(self, gap: Gap, ins: Iterable[Tail]) -> Loose:
        """Draw what stands for children that are left out."""
        return (Tail(self.box(Look.GAP, [gap.words], ins)),)

    def _said(self, lines: Iterable[str], site: Site | None) -> tuple[tuple[str, ...], Mark | None]:
        standing = None if site is None else self._tree.stands.get(site.position)
        said = (*lines, "" if standing is None else standing.sentence)
        shown = tuple(plain(line) for line in said if line)
        return shown, None if standing is None else standing.mark
