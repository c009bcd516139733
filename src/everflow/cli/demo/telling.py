"""What the demo tells at its end: outcomes, counts, where to look, what to try next."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from everflow.cli.demo.crew import STORE
from everflow.cli.demo.editor import Answered
from everflow.cli.demo.folder import make_folder
from everflow.cli.demo.play import HEADS, play
from everflow.cli.demo.tally import Tally
from everflow.cli.exits import Exit
from everflow.cli.output import emit, notes, screen
from everflow.cli.settings import Here
from everflow.cli.words import shell_quoted
from everflow.engine.faces.connect import connect

__all__ = ["perform"]


def perform(here: Here, folder: str | None) -> Exit:
    """Play in a new folder and tell how it went; the exit code."""
    place = make_folder(folder)
    shown = notes() if here.json else screen()
    shown.line(f"The example is copied into {place}")
    own = replace(here, modules=(str(place / "flow.py"),), path=(place,))
    with connect(place / STORE, create=True) as flows, shown.board(HEADS) as board:
        tally, answered, took = play(own, place, flows, board)
    if here.json:
        emit(_view(place, tally, took))
    else:
        _tell(place, tally, answered, took)
    return Exit.FAILED if tally.broken else Exit.OK


def _view(folder: Path, tally: Tally, took: float) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "seconds": round(took, 3),
        "outcomes": tally.outcomes,
        "results": tally.results,
        "begun": tally.begun,
        "twice": [{"node": node, "post": post} for node, post in tally.twice],
        "broken": tally.broken,
    }


def _tell(folder: Path, tally: Tally, answered: list[Answered], took: float) -> None:
    output = screen()
    asked = {post: sum(1 for one in answered if one.post == post) for post in tally.outcomes}
    output.table(
        ("post", "outcome", "decided by", "where"),
        [
            (
                post,
                end["status"],
                _by(answered, post, asked[post]),
                end["url"].rpartition("/")[2] or "a mail",
            )
            for post, end in tally.outcomes.items()
        ],
    )
    published, declined = (len(tally.with_status(word)) for word in ("published", "declined"))
    output.line(f"{published} posts published, {declined} declined, in {took:.1f} s.")
    output.line(
        f"{tally.results} nodes ran to a recorded result; {len(tally.twice)} of them were begun"
        " twice, because a kill came before their result was recorded."
    )
    for node, post in tally.twice:
        output.line(f"  twice: {node} of {post}", "dim")
    if tally.broken:
        for sentence in tally.broken:
            output.line(f"BROKEN: {sentence}", "bold red")
        return
    output.line(
        "Checked: each run has one outcome, nothing recorded ran again, every page, feed entry,"
        " activity and mail is there once.",
        "green",
    )
    _lead_on(folder)


def _by(answered: list[Answered], post: str, times: int) -> str:
    notes_given = sum(1 for one in answered if one.post == post and one.answer.get("note"))
    if not times:
        return "the deadline"
    return "the editor, after a redraft" if notes_given else "the editor"


def _lead_on(folder: Path) -> None:
    output = screen()
    near = folder
    with contextlib.suppress(ValueError):
        near = folder.relative_to(Path.cwd())
    work = near / "work"
    output.line()
    output.line("Look at")
    for path, what in (
        (work / "public" / "index.html", "the site"),
        (work / "public" / "feed.xml", "its Atom feed"),
        (work / "outbox", "an activity for each publication"),
        (work / "mail", "a Maildir with every mail"),
        (near / "flow.py", "the flow"),
    ):
        output.line(f"  {path}{os.sep if (folder.parent / path).is_dir() else ''}  {what}")
    output.line()
    output.line("Try next")
    for line in _next_commands(near):
        output.line(f"  {line}", "cyan")


def _next_commands(folder: Path) -> list[str]:
    """What to try in the folder; in a checkout by its own script, which has its own folder."""
    run = """run publish '{"post": "swifts.md"}'"""
    words = ("list", "show RUN", "graph publish", run)
    if not Path("run.sh").is_file():
        return [f"cd {shell_quoted(str(folder))}", *(f"everflow {word}" for word in words)]
    there = f"--store {shell_quoted(str(folder / STORE))}"
    flow = f"--import {shell_quoted(str(folder / 'flow.py'))}"
    looks = [f"./run.sh everflow {word} {there}" for word in words[:2]]
    return looks + [f"./run.sh everflow {word} {flow} {there}" for word in words[2:]]
