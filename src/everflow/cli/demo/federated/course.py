"""The course: west publishes, east reads; west is killed for good, and east goes on with its runs.

A kill comes when the ledgers show that the one publishes and the other has read, never at a fixed
time. From then on nobody asks west's process for anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from everflow.activitypub import Circle
from everflow.cli.demo.crew import LOG
from everflow.cli.demo.editor import POSTS, Editor
from everflow.cli.demo.federated.side import ACTOR, Side, introduce, made
from everflow.cli.demo.federated.tally import Tally, count, opinions
from everflow.cli.demo.play import DemoFailed, seconds_now, words_of
from everflow.cli.demo.tally import recorded
from everflow.engine.asking.runs import Run
from everflow.store import OUTCOMES, RunRow

if TYPE_CHECKING:
    from everflow.cli.terminal import Board

__all__ = ["Course", "play"]

FLOW = "publish_abroad"
FIRST = "etags"  # what is answered about at west; all else is asked when east has it
LOOK = 0.02  # seconds between looks
PATIENCE = 50.0  # seconds for the whole course
HEADS = ("post", "at west", "at east")


@dataclass
class Course:
    """Everything that it knows. ``posts``: by run; ``copied``: what east had when west died."""

    west: Side
    east: Side
    board: Board
    posts: dict[str, str] = field(default_factory=dict)
    copied: set[tuple[str, int]] = field(default_factory=set)
    begun_at: float = field(default_factory=seconds_now)
    painted: float = 0.0

    def note(self, text: str, style: str = "") -> None:
        """A line with the time since the beginning."""
        self.board.note(f"{seconds_now() - self.begun_at:5.1f} s  {text}", style)

    def rows(self, side: Side) -> dict[str, RunRow]:
        """The runs as a side has them, by id."""
        found = {run: side.flows.store.find(run) for run in self.posts}
        return {run: row for run, row in found.items() if row is not None}

    def ended(self) -> bool:
        """Whether all runs are, at east."""
        return all(row.status in OUTCOMES for row in self.rows(self.east).values())

    def copied_all(self) -> bool:
        """Whether east has a copy of each: they come after the commits, not with them."""
        return len(self.rows(self.east)) == len(self.posts)

    def paint(self) -> None:
        """Show how the posts stand, a few times a second."""
        now = seconds_now()
        if now - self.painted < 0.1:  # noqa: PLR2004 - a tenth of a second
            return
        self.painted = now
        west, east = self.rows(self.west), self.rows(self.east)
        self.board.rows(
            [
                (post, *(str(rows[run].status) if run in rows else "" for rows in (west, east)))
                for run, post in self.posts.items()
            ]
        )

    def until(self, enough: Callable[[], object], what: str, *editors: Editor) -> None:
        """Look, and answer what is asked, until it is so."""
        pause = threading.Event()
        while not enough():
            for editor in editors:
                for answered in editor.look():
                    self.note(words_of(answered))
            self.paint()
            for side in (self.west, self.east):
                if side.crew.ended is not None:
                    code, log = side.crew.ended, side.folder / LOG
                    raise DemoFailed(f"{side.name} ended by itself with {code}", hint=f"see {log}")
            if seconds_now() - self.begun_at > PATIENCE:
                log = self.east.folder / LOG
                raise DemoFailed(f"no {what} after {PATIENCE:.0f} s", hint=f"see {log}")
            pause.wait(LOOK)


def play(folder: Path, board: Board) -> tuple[Tally, float]:
    """Play it in a folder; the tally, and how long it took."""
    with made("west", folder / "west") as west, made("east", folder / "east") as east:
        course = Course(west, east, board)
        _meet(course)
        _publish(course)
        _lose(course)
        editor = Editor(east.flows, course.posts)
        course.until(course.ended, "end of all runs", editor)
        code = east.crew.end()
        course.note(f"all runs are finished; east was told to stop and ended with {code}")
        tally = count(west.seen, east.seen, course.posts, course.copied)
        tally.demand(code == 0, f"east ended with {code}")
        return tally, seconds_now() - course.begun_at


def _meet(course: Course) -> None:
    """Two servers that know each other; east's editors follow west's."""
    west, east = course.west, course.east
    introduce(west, east)
    introduce(east, west)
    for side in (west, east):
        pid = side.crew.start()
        course.note(f"{side.name} serves at {side.identity.address}, process {pid}")
    course.until(lambda: _serves(west) and _serves(east), "server")
    west.say("handoff", "replicate", FLOW, "east")
    east.say("actor", "follow", ACTOR, west.actor.handle)
    circle = Circle(west.flows.store)
    course.until(lambda: next(iter(circle.followers(west.actor)), None), "follower")
    course.note(f"{east.actor.handle} follows {west.actor.handle}")


def _serves(side: Side) -> bool:
    try:
        with urlopen(f"{side.identity.address}/api/v1/health", timeout=1):  # noqa: S310 - our own address
            return True
    except OSError:
        return False


def _publish(course: Course) -> None:
    """Six posts at west; until one of them was read at east."""
    west, east = course.west, course.east
    for post in POSTS:
        run: Run[Any] = west.flows.start(FLOW, {"post": f"{post}.md"}, key=post)
        course.posts[run.id] = post
    course.note(f"{len(POSTS)} posts started at west; each commit is copied to east")
    first = {run: post for run, post in course.posts.items() if post == FIRST}
    editor = Editor(west.flows, first)
    course.until(lambda: opinions(east.folder), "article that was read at east", editor)
    course.until(course.copied_all, "copy of each run at east", editor)
    read = ", ".join(sorted(one["title"] for one in opinions(east.folder)))
    course.note(f"east was sent an article, verified and read it: {read}")


def _lose(course: Course) -> None:
    """SIGKILL for west; an operator's word at east."""
    west, east = course.west, course.east
    pid = west.crew.pids[-1]
    west.crew.kill()
    standing = [row.status for row in course.rows(west).values()]
    left = sum(status not in OUTCOMES for status in standing)
    course.note(f"west ({pid}) killed with SIGKILL, for good; {left} runs open", "bold red")
    course.copied = recorded(east.flows, list(course.rows(east).values()))
    taken = east.say("handoff", "take", "--from", "west", "--yes")
    course.note(f"east takes over {len(taken)} runs from its copies, and goes on", "green")
