"""The course of the demo: start everything, kill the worker twice in the middle, and count.

A kill comes when the ledger shows that nodes are being run, never at a fixed time. What the
journals hold at that moment is kept, and must not be run again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from everflow.cli.demo.crew import LOG, STORE, Crew
from everflow.cli.demo.editor import POSTS, Answered, Editor
from everflow.cli.demo.tally import Line, Tally, begun, count, journal_of, recorded
from everflow.cli.loading import find_flow
from everflow.cli.settings import Here
from everflow.clock import SystemClock
from everflow.core.entries import Kind
from everflow.engine.faces.connect import Connection
from everflow.engine.given.replies import Reply
from everflow.errors import EverflowError
from everflow.store import OUTCOMES, RunRow, Status

if TYPE_CHECKING:
    from everflow.cli.terminal import Board

__all__ = ["DemoFailed", "Play", "play", "seconds_now", "words_of"]

LOOK = 0.004  # seconds between looks at the ledger
PATIENCE = 45.0  # seconds for the whole course
EARLY = 8  # nodes begun before the first kill: a quarter of those before all posts are asked about
HEADS = ("post", "status", "nodes", "last")


def seconds_now() -> float:
    """Seconds since some fixed point."""
    return SystemClock().boot() / 1_000_000


class DemoFailed(EverflowError):
    """The demo couldn't be played to its end."""

    code = "demo_failed"


@dataclass
class Play:
    """Everything that a course knows. ``before``: what was recorded when each kill came."""

    folder: Path
    flows: Connection
    board: Board
    crew: Crew
    posts: dict[str, str] = field(default_factory=dict)
    before: list[set[tuple[str, int]]] = field(default_factory=list)
    begun_at: float = field(default_factory=seconds_now)
    painted: float = 0.0

    def note(self, text: str, style: str = "") -> None:
        """A line with the time since the beginning."""
        self.board.note(f"{seconds_now() - self.begun_at:5.1f} s  {text}", style)

    def rows(self) -> list[RunRow]:
        """The runs as they stand."""
        return [self.flows.run(run).row() for run in self.posts]

    def paint(self) -> None:
        """Show how the posts stand, a few times a second."""
        now = seconds_now()
        if now - self.painted < 0.1:  # noqa: PLR2004 - a tenth of a second
            return
        self.painted = now
        shown = []
        for row in self.rows():
            nodes = [entry for entry in journal_of(self.flows, row) if entry.kind == Kind.RESULT]
            last = nodes[-1].node.rpartition(":")[2] if nodes else ""
            shown.append((self.posts[row.id], str(row.status), str(len(nodes)), last))
        self.board.rows(shown)


def play(
    here: Here, folder: Path, flows: Connection, board: Board
) -> tuple[Tally, list[Answered], float]:
    """Play it in a folder; the tally, the answers that were given, and how long it took."""
    with Crew(folder) as crew:
        course = Play(folder, flows, board, crew)
        course.note(f"worker {crew.start()} starts")
        flow, _ = find_flow("publish", here)
        for post in POSTS:
            run = flows.start(flow, {"post": f"{post}.md"}, key=post)
            course.posts[run.id] = post
        course.note(f"{len(POSTS)} posts started, a run each, in {folder / STORE}")
        editor = Editor(flows, course.posts)
        _until(course, editor, lambda lines: len(lines) >= EARLY)
        _kill(course, editor)
        _until(course, editor, lambda lines: any(line.node == "put_online" for line in lines))
        _kill(course, editor)
        _until(course, editor, lambda _: all(row.status in OUTCOMES for row in course.rows()))
        code = crew.end()
        course.note(f"all runs are finished; the worker was told to stop and ended with {code}")
        tally = count(flows, folder, course.posts, course.before)
        tally.demand(code == 0, f"the worker ended with {code}")
        for post, _, _, reply in editor.answered:
            tally.demand(reply is Reply.ANSWERED, f"an answer about {post} was {reply}")
        return tally, editor.answered, seconds_now() - course.begun_at


def _until(course: Play, editor: Editor, enough: Callable[[list[Line]], bool]) -> None:
    """Answer what is asked until the ledger, or the runs, say that it is enough."""
    pause = threading.Event()
    while not enough(begun(course.folder)):
        for answered in editor.look():
            course.note(words_of(answered))
        course.paint()
        if course.crew.ended is not None:
            raise DemoFailed(
                f"the worker ended by itself with {course.crew.ended}",
                hint=f"see {course.folder / LOG}",
            )
        if seconds_now() - course.begun_at > PATIENCE:
            raise DemoFailed(
                f"not finished after {PATIENCE:.0f} s", hint=f"see {course.folder / LOG}"
            )
        pause.wait(LOOK)


def words_of(answered: Answered) -> str:
    """What the editor said, as a line."""
    answer = answered.answer
    if answer["approved"]:
        what = "approves"
    else:
        what = "rejects with a note" if answer.get("note") else "declines"
    return f"the editor {what} {answered.post} ({answered.reply})"


def _kill(course: Play, editor: Editor) -> None:
    """SIGKILL in the middle, a look at what is left, and a new worker."""
    crew, number = course.crew, len(course.before) + 1
    pid = crew.pids[-1]
    crew.kill()
    known = recorded(course.flows, course.rows())
    lines = begun(course.folder)
    flying = {line.one for line in lines} - known
    course.before.append(known)
    course.note(
        f"worker {pid} killed with SIGKILL ({number} of 2): {len(known)} nodes recorded,"
        f" {len(flying)} in the middle",
        "bold red",
    )
    for answered in editor.look():
        course.note(f"{words_of(answered)}, while no worker is alive")
    course.note(f"worker {crew.start()} starts, and every run goes on from where it was", "green")
    standing = [row.status for row in course.rows()]
    open_runs = [status for status in standing if status not in OUTCOMES]
    asked = standing.count(Status.SUSPENDED)
    course.note(f"{len(open_runs)} runs are open, {asked} of them asking the editor", "dim")
