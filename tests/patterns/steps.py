"""What the small flows of the patterns are made of.

``first`` and the others note that they were run; ``suspend("a")`` stands for an activity that takes
until the test says so, and ``at_work`` tells which of those go on.
"""

from typing import Any

from everflow import flow
from everflow.core.flow import Flow
from everflow.store import QuestionRow
from everflow.testing.harness import Harness, HarnessRun

__all__ = ["at_work", "double", "first", "nodes_run", "of", "second", "third", "token", "undo"]


def first(done: list[str]) -> list[str]:
    return [*done, "first"]


def second(done: list[str]) -> list[str]:
    return [*done, "second"]


def third(done: list[str]) -> list[str]:
    return [*done, "third"]


def double(number: int) -> int:
    return 2 * number


def undo(pair: tuple[list[str], list[str]]) -> None:
    """Undoes a step of a saga, from what that got and gave."""


def of(pattern: int, body: Flow[Any, Any]) -> Harness[Any, Any]:
    """A harness for the flow that shows a pattern."""
    return Harness(flow(f"pattern {pattern}", body))


def at_work(h: Harness[Any, Any]) -> list[str]:
    """The activities that go on, by their names."""
    return sorted(question.tag for question in h.questions())


def token(question: QuestionRow) -> str:
    """By what one answers just that question."""
    return f"{question.run}.{question.tag}.{question.occurrence}"


def nodes_run(h: Harness[Any, Any], run: HarnessRun[Any]) -> list[str]:
    """The names of the nodes that were run, in the order of their ends."""
    return [
        entry.node.rpartition(":")[2]
        for entry in h.journal(run)
        if entry.kind in {"result", "error"} and entry.node.startswith("tests.patterns")
    ]
