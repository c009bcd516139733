"""The screen: tables, fields and marks for people, by Rich.

Everything that is shown passes through ``plain`` here, line by line, so that no text out of a store
or a flow is ever markup, an escape sequence or a line of its own. Colour is for terminals alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from everflow.cli.words import plain
from everflow.errors import EverflowError

__all__ = ["Screen"]

STYLES = {
    "done": "green",
    "failed": "bold red",
    "cancelled": "red",
    "suspended": "bold yellow",
    "waiting": "cyan",
    "blocked": "bold magenta",
    "paused": "magenta",
    "running": "blue",
    "queued": "blue",
    "cancelling": "red",
}
LONGEST_NAME = 32  # characters that a first column has even where the terminal is narrow
NARROWEST = 40  # columns; below that a terminal breaks the lines
WIDE = 160  # columns, where nobody looks at a terminal


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Tell the program, which has one rule for all output, rather than end it here."""
        raise BrokenPipeError


def _names(message: str, run: str) -> bool:
    """Whether a run's id is among the words of a message."""
    return re.search(rf"(?<!\w){re.escape(run)}(?!\w)", message) is not None


class Screen:
    """A place to show things. What it is given are texts, never markup."""

    def __init__(self, *, error: bool) -> None:
        probe = Console(stderr=error)
        followed = probe.is_terminal or "COLUMNS" in os.environ
        width = None if followed else WIDE
        self.console = _Console(
            stderr=error,
            markup=False,
            emoji=False,
            highlight=False,
            width=NARROWEST if followed and probe.width < NARROWEST else width,
        )

    @property
    def live(self) -> bool:
        """Whether somebody looks on, so that progress makes sense."""
        return self.console.is_terminal

    def line(self, text: str = "", style: str = "") -> None:
        """A line that isn't broken, whatever its length, so that it can be copied."""
        self.console.print(Text(plain(text), style=style), soft_wrap=True)

    def lines(self, text: str, style: str = "") -> None:
        """A text of several lines."""
        for line in text.split("\n"):
            self.line(line, style)

    def fields(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Names and values under each other; those without a value are left out."""
        shown = [(name, value) for name, value in pairs if value]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            first, *rest = value.split("\n")
            style = STYLES.get(first.split(" ", 1)[0], "") if name == "status" else ""
            text = Text(f"{name:>{width}}  ", style="dim").append(plain(first), style=style)
            self.console.print(text, soft_wrap=True)
            for line in rest:
                self.line(f"{'':>{width}}  {line}")

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table; columns keep their words whole but for the last one.

        However narrow it is, the first one is whole, as it has the names that are to be copied.
        """
        self.console.print(table_of(heads, rows))

    def trouble(self, error: EverflowError) -> None:
        """An error: what happened, where, and what to do."""
        first, *rest = error.message.split("\n")
        self.console.print(Text("error: ", style="bold red").append(plain(first)), soft_wrap=True)
        for line in rest:
            self.line(line)
        places = [
            f"{word} {value}"
            for word, value in (
                ("run", "" if _names(error.message, error.run) else error.run),
                ("flow", error.flow),
                ("position", error.position),
                ("at", error.path),
            )
            if value
        ]
        if places:
            self.line(f"  in {', '.join(places)}", "dim")
        if error.hint:
            self.line(f"  {error.hint}", "yellow")

    def progress(self) -> Steps:
        """A place to follow what is going on."""
        return Steps(self.console)

    def board(self, heads: Sequence[str]) -> Board:
        """A table that is painted anew as things move."""
        return Board(self.console, heads)


class Steps:
    """Progress bars of what goes on now, one a position; what has ended scrolls away above."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[words]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._known: dict[str, TaskID] = {}
        self._drawn: set[str] = set()  # the positions whose first words were shown

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def note(self, text: str, style: str = "") -> None:
        """A line that stays."""
        self._bars.console.print(Text(plain(text), style=style), soft_wrap=True)

    def at(self, position: str, fraction: float, words: str) -> None:
        """How far a node is; a fraction below 0 says only that it lives.

        Its first words are drawn at once, so that a node that ends soon is seen too.
        """
        known = self._known.get(position)
        if known is None:
            known = self._bars.add_task(plain(position), total=None, words="")
            self._known[position] = known
        if fraction >= 0:
            fresh = position not in self._drawn
            self._drawn.add(position)
            self._bars.update(
                known, total=1.0, completed=fraction, words=plain(words), refresh=fresh
            )

    def ended(self, position: str) -> None:
        """A node is through."""
        known = self._known.pop(position, None)
        self._drawn.discard(position)
        if known is not None:
            self._bars.remove_task(known)


class Board:
    """Notes that stay and, on a terminal, a table below them that shows how things stand."""

    def __init__(self, console: Console, heads: Sequence[str]) -> None:
        self._console = console
        self._heads = heads
        self._live = Live(console=console, refresh_per_second=12, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def note(self, text: str, style: str = "") -> None:
        """A line that stays."""
        self._console.print(Text(plain(text), style=style), soft_wrap=True)

    def rows(self, rows: Iterable[Sequence[str]]) -> None:
        """How things stand now."""
        if self._live.is_started:
            self._live.update(table_of(self._heads, rows))


def table_of(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table; columns keep their words whole but for the last one."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    shown = [list(row) for row in rows]
    for number, head in enumerate(heads):
        last = number == len(heads) - 1
        widest = max((len(plain(row[0])) for row in shown), default=0)
        whole = None if number or last else min(widest, LONGEST_NAME)
        table.add_column(head, no_wrap=not last, overflow="fold", min_width=whole)
    for row in shown:
        table.add_row(*(Text(plain(cell), style=STYLES.get(cell, "")) for cell in row))
    return table
