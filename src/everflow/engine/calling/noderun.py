"""What a node sees of its run while it is being run: ``run``, ``tick()`` and ``wait_for()``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from everflow.core.flow import check_label
from everflow.core.ops import attempt_of, position_of, stable_key
from everflow.errors import BodySuspended, FlowTimeout, TooManyQuestions, WaitForMisplaced

__all__ = ["NodeRun", "Progress", "current", "tick", "wait_for"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_log = logging.getLogger("everflow.node")
Progress = Callable[[str, str, float, str], None]  # run, position, fraction, message


class NodeRun:
    """One attempt of one node. ``id`` is the run's, ``position`` the node's in the flow.

    ``idempotency_key`` is the same after a crash and over retries, and another one for each round
    of a loop; ``attempt`` counts the innermost retry's attempts from 1. ``deadline`` is when the
    nearest timeout around the node is due, or None.
    """

    __slots__ = (
        "_answers", "_asked", "_due", "_left", "_op", "_progress", "_questions",
        "flow", "id", "own_thread", "replay", "settlement", "spent", "suspended",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - all of it is what one attempt is
        self,
        run: str,
        flow: str,
        op: str,
        *,
        due: int | None = None,
        ticks: int | None = None,
        answers: tuple[tuple[str, Callable[[], Any]], ...] = (),
        questions: int = 0,
        own_thread: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.id = run
        self.flow = flow
        self._op = op
        self._due = due
        self._left = ticks
        self._answers = answers
        self._questions = questions
        self._asked = 0
        self._progress = progress
        self.own_thread = own_thread
        self.spent = 0
        self.replay: Callable[[str], Any] | None = None  # of a plain def body
        self.suspended: BodySuspended | None = None
        self.settlement: object = None  # of one whose writes are committed with its result

    @property
    def facts(self) -> tuple[str, str, str, int | None, int | None]:
        """What another process makes the same view of: run, flow, op, due time, ticks left."""
        return self.id, self.flow, self._op, self._due, self._left

    @property
    def position(self) -> str:
        """Where the node stands in its flow."""
        return position_of(self._op)

    @property
    def attempt(self) -> int:
        """Which attempt of the innermost retry this is, from 1."""
        return attempt_of(self._op)

    @property
    def idempotency_key(self) -> str:
        """What to give to a service so that it does things once."""
        return f"{self.id}:{stable_key(self._op)}"

    @property
    def deadline(self) -> datetime | None:
        """When the nearest timeout around the node is due, in UTC."""
        return None if self._due is None else _EPOCH + timedelta(microseconds=self._due)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that adds the run, the flow and the position to each record."""
        where = {"run": self.id, "flow": self.flow, "position": self.position}
        return logging.LoggerAdapter(_log, where)

    def progress(self, fraction: float, message: str = "") -> None:
        """Tell how far the node is, from 0 to 1. It is shown, not recorded."""
        if self._progress is not None:
            self._progress(self.id, self.position, min(max(fraction, 0.0), 1.0), message)

    def heartbeat(self) -> None:
        """Say that the node is alive; shown like progress."""
        if self._progress is not None:
            self._progress(self.id, self.position, -1.0, "")

    def tick(self) -> int:
        """See ``tick``."""
        if self._left is None:
            return 0
        self.spent += 1
        if self.spent > self._left:
            raise FlowTimeout("the budget of ticks is used up", run=self.id, position=self.position)
        return self._left - self.spent

    def wait_for(self, tag: str, prompt: Any) -> Any:
        """See ``wait_for``."""
        if not self.own_thread:
            raise WaitForMisplaced(
                "wait_for needs a plain sync node on a thread of its own",
                position=self.position,
                hint="leave inline=, pure= and process= away, or use suspend(tag) in the flow",
            )
        asked = self._asked
        self._asked += 1
        if asked < len(self._answers):
            recorded, answer = self._answers[asked]
            if recorded != tag:
                raise WaitForMisplaced(
                    f"the node asked for {recorded!r} before and for {tag!r} now",
                    position=self.position,
                    hint="a node that waits must ask the same things in the same order each time",
                )
            return answer()
        if asked >= self._questions:
            raise TooManyQuestions(
                f"the node asked {asked} times, which is its limit",
                position=self.position,
                hint="raise it with @node(questions=...), or use suspend in a loop",
            )
        self.suspended = BodySuspended(check_label(tag, "tag"), prompt)
        raise self.suspended


current: ContextVar[NodeRun | None] = ContextVar("everflow_node_run", default=None)


def tick() -> int:
    """Spend one tick of the budget around this node; give how many remain.

    Outside any budget it gives 0 and does nothing. One tick more than the budget raises
    FlowTimeout, and the extent of the budget ends whatever the node makes of that.
    """
    run = current.get()
    return 0 if run is None else run.tick()


def wait_for(tag: str, prompt: Any = None) -> Any:
    """Suspend a plain sync node until the question ``tag`` is answered; give the answer.

    The node is run again from its start when the answer is there, so what it did before must be
    repeatable. Raises WaitForMisplaced outside of such a node.
    """
    run = current.get()
    if run is None:
        raise WaitForMisplaced(
            "wait_for was called outside a node of a run",
            hint="call it from a sync node; in a flow, use suspend(tag)",
        )
    return run.wait_for(tag, prompt)
