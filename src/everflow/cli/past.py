"""A run as it stood after one of its entries, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everflow.cli.painting import error_words
from everflow.cli.words import clipped, local, one_line, pretty
from everflow.core.machine import Machine

if TYPE_CHECKING:
    from everflow.cli.terminal import Screen

__all__ = ["paint_past"]


def paint_past(screen: Screen, view: dict[str, Any], machine: Machine, *, full: bool) -> None:
    """Show what ``past_view`` gives of a machine."""
    screen.line()
    words = f"after entry {view['seq']}, {local(machine.state.at)}: {view['status']}"
    screen.line(words, "bold")
    if view["error"]:
        screen.lines(error_words(view["error"], full=full), "red")
    elif view["status"] == "done":
        screen.lines(pretty(view["result"]))
    rows = []
    for op in view["outstanding"]:
        what = op["node"].rpartition(":")[2] or op["tag"] or op["kind"]
        value = pretty(op["value"]) if full else clipped(one_line(op["value"]), 200)
        due = f"due {op['due']}" if op["due"] else ""
        about = "  ".join(part for part in (due, "" if op["kind"] == "timer" else value) if part)
        rows.append((op["op"], what, op["state"], about))
    if rows:
        screen.table(("op", "what", "is", "with"), rows)
