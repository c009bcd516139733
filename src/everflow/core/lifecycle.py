"""How one status follows another: the table, and what is drawn from it.

Two rules hold here. Every step that a run's status may take stands in ``STEPS``, once, with its
reason; the diagram in ``docs/lifecycle.md`` is drawn from it. A store is told at rest points only,
so that a run passes through running and cancelling without anybody writing so: what may be
*written* after what is one step, or several with only those two between.
"""

from __future__ import annotations

from typing import NamedTuple

from everflow.core.status import OUTCOMES, Status

__all__ = ["BIRTHS", "STEPS", "Step", "allowed", "diagram", "listing"]

PASSED = frozenset({Status.RUNNING, Status.CANCELLING})


class Step(NamedTuple):
    """A step of the table: from ``before`` to ``after``, and ``when`` it is taken."""

    before: Status
    after: Status
    when: str


BIRTHS = (
    (Status.QUEUED, "a start is acknowledged"),
    (Status.RUNNING, "a worker starts it for itself"),
    (Status.PAUSED, "an open run is imported"),
)
STEPS = (
    Step(Status.QUEUED, Status.RUNNING, "a worker takes it"),
    Step(Status.QUEUED, Status.PAUSED, "it is paused while it waits in a queue"),
    Step(Status.QUEUED, Status.CANCELLING, "a cancel is applied"),
    Step(Status.QUEUED, Status.HANDED_OFF, "a peer takes it over"),
    Step(Status.RUNNING, Status.SUSPENDED, "nothing goes on but questions"),
    Step(Status.RUNNING, Status.WAITING, "only a timer or a child is left"),
    Step(Status.RUNNING, Status.BLOCKED, "it needs code, the store or an operator"),
    Step(Status.RUNNING, Status.PAUSED, "it is paused, and what was begun has ended"),
    Step(Status.RUNNING, Status.QUEUED, "its flow is paused, and it rests until that ends"),
    Step(Status.RUNNING, Status.DONE, "the flow gave its value"),
    Step(Status.RUNNING, Status.FAILED, "an error reached the root"),
    Step(Status.RUNNING, Status.CANCELLING, "a cancel is applied"),
    Step(Status.RUNNING, Status.HANDED_OFF, "a peer takes it over"),
    Step(Status.SUSPENDED, Status.RUNNING, "an answer came, or a deadline passed"),
    Step(Status.SUSPENDED, Status.CANCELLING, "a cancel is applied"),
    Step(Status.SUSPENDED, Status.HANDED_OFF, "a peer takes it over"),
    Step(Status.WAITING, Status.RUNNING, "the time has come, or the child ended"),
    Step(Status.WAITING, Status.CANCELLING, "a cancel is applied"),
    Step(Status.WAITING, Status.HANDED_OFF, "a peer takes it over"),
    Step(Status.PAUSED, Status.QUEUED, "it is adopted, unpaused or cancelled"),
    Step(Status.BLOCKED, Status.RUNNING, "what it needs is there"),
    Step(Status.BLOCKED, Status.QUEUED, "an operator adopts it"),
    Step(Status.BLOCKED, Status.CANCELLING, "a cancel is applied"),
    Step(Status.BLOCKED, Status.HANDED_OFF, "a peer takes it over"),
    Step(Status.CANCELLING, Status.CANCELLED, "everything open is closed"),
    Step(Status.CANCELLING, Status.BLOCKED, "an undo needs code, the store or an operator"),
    Step(Status.FAILED, Status.QUEUED, "a retry opens the next generation"),
)


def _writable(before: Status) -> frozenset[Status]:
    """What can be the next written status, once something changed."""
    found: set[Status] = set()
    open_statuses = [before]
    while open_statuses:
        here = open_statuses.pop()
        following = {step.after for step in STEPS if step.before is here} - found
        found |= following
        open_statuses += following & PASSED
    return frozenset(found)


_WRITABLE = {status: _writable(status) for status in Status}


def allowed(before: Status, after: Status) -> bool:
    """Whether a run that was written down as ``before`` may be written down as ``after``.

    An open run may stay what it is; an outcome is written once in a generation. That a run whose
    cancel was accepted ends in no other way than cancelled is the store's to see to, since the
    status alone doesn't tell.
    """
    return after in _WRITABLE[before] or (before is after and before not in OUTCOMES)


def _words(status: Status) -> str:
    return status.value.replace("_", " ")


def diagram() -> str:
    """The table as a Mermaid state diagram, one step a line."""
    named = [f'    state "{_words(s)}" as {s.value}' for s in Status if _words(s) != s.value]
    born = [f"    [*] --> {status.value}: {when}" for status, when in BIRTHS]
    steps = [f"    {step.before.value} --> {step.after.value}: {step.when}" for step in STEPS]
    ends = [f"    {status.value} --> [*]" for status in Status if status in OUTCOMES]
    return "\n".join(["stateDiagram-v2", *named, *born, *steps, *ends])


def listing() -> str:
    """The table as a table of Markdown."""
    born = [f"| | {_words(status)} | {when} |" for status, when in BIRTHS]
    steps = [f"| {_words(s.before)} | {_words(s.after)} | {s.when} |" for s in STEPS]
    return "\n".join(["| from | to | when |", "| --- | --- | --- |", *born, *steps])
