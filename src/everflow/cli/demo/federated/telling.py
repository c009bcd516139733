"""What the demo of two servers tells at its end: outcomes, counts, where to look."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from everflow.cli.demo.federated.course import HEADS, play
from everflow.cli.demo.federated.tally import Tally
from everflow.cli.demo.folder import free_folder
from everflow.cli.exits import Exit
from everflow.cli.output import emit, notes, screen
from everflow.cli.settings import Here
from everflow.cli.words import many

__all__ = ["perform"]


def perform(here: Here, folder: str | None) -> Exit:
    """Play in a new folder and tell how it went; the exit code."""
    place = free_folder(folder)
    shown = notes() if here.json else screen()
    shown.line(f"Two servers are made, each with a copy of the example, in {place}")
    with shown.board(HEADS) as board:
        tally, took = play(place, board)
    if here.json:
        view: dict[str, Any] = {"folder": str(place), "seconds": round(took, 3)}
        emit({**view, **to_builtins(tally)})
    else:
        _tell(place, tally, took)
    return Exit.FAILED if tally.broken else Exit.OK


def _tell(folder: Path, tally: Tally, took: float) -> None:
    output = screen()
    output.table(
        ("post", "outcome", "online at"),
        [
            (post, end["status"], " and ".join(tally.places.get(post, [])))
            for post, end in tally.outcomes.items()
        ],
    )
    runs = many(len(tally.outcomes), "run")
    output.line(f"{runs} began at west, and east has them, in {took:.1f} s.")
    output.line(
        f"{tally.begun['west']} nodes were begun at west and {tally.begun['east']} at east;"
        f" {len(tally.twice)} at both: those whose result west couldn't copy before it was killed."
    )
    for node in tally.twice:
        output.line(f"  at both: {node}", "dim")
    sent = many(len(tally.read), "article")
    output.line(f"{sent} of west came to east by ActivityPub, signed, and was read there.")
    if tally.broken:
        for sentence in tally.broken:
            output.line(f"BROKEN: {sentence}", "bold red")
        return
    output.line(
        "Checked: each run has one outcome, nothing that east had was run again, every published"
        " post is online, every article that arrived was read once.",
        "green",
    )
    near = folder
    with contextlib.suppress(ValueError):
        near = folder.relative_to(Path.cwd())
    output.line()
    output.line("Look at")
    for path, what in (
        (near / "west" / "work" / "public", "what west published"),
        (near / "east" / "work" / "public", "what east published of west's runs"),
        (near / "east" / "work" / "opinions", "what east noted of west's articles"),
        (near / "east" / "abroad.py", "the flows"),
    ):
        output.line(f"  {path}  {what}")
