"""How one status follows another (DESIGN: the engine's statuses; B062, B064, B069)."""

import pytest

from everflow.core.lifecycle import BIRTHS, STEPS, allowed, diagram, listing
from everflow.core.status import OUTCOMES, Status
from tests.core.drawn_pages import LIFECYCLE, drawn_anew, drawn_names

OPEN = sorted(set(Status) - OUTCOMES)


def test_a_step_stands_in_the_table_once() -> None:
    """One row for each pair, and none from a status to itself."""
    pairs = [(step.before, step.after) for step in STEPS]
    assert len(pairs) == len(set(pairs))
    assert all(before is not after for before, after in pairs)


@pytest.mark.parametrize("status", Status)
def test_every_status_is_reached(status: Status) -> None:
    """A status that no step leads to would be a word without a meaning (B062)."""
    assert status in {step.after for step in STEPS} | {born for born, _ in BIRTHS}


@pytest.mark.parametrize("status", OPEN)
def test_every_open_run_can_still_end(status: Status) -> None:
    """From each status that is no outcome, steps lead to each kind of outcome but handing over."""
    reached, further = set[Status](), {status}
    while further - reached:
        reached |= further
        further = {step.after for step in STEPS if step.before in reached}
    wanted = {Status.CANCELLED} if status is Status.CANCELLING else OUTCOMES
    assert wanted <= reached


@pytest.mark.parametrize("before", sorted(OUTCOMES - {Status.FAILED}))
@pytest.mark.parametrize("after", Status)
def test_nothing_follows_an_outcome(before: Status, after: Status) -> None:
    """An outcome is written once and stays (B064)."""
    assert not allowed(before, after)


def test_a_failed_run_is_only_retried() -> None:
    """A retry in place queues it for its next generation; nothing else moves it (B069)."""
    assert [after for after in Status if allowed(Status.FAILED, after)] == [Status.QUEUED]


@pytest.mark.parametrize("after", [Status.DONE, Status.FAILED, Status.WAITING, Status.QUEUED])
def test_a_run_that_is_being_cancelled_ends_in_nothing_else(after: Status) -> None:
    """Cancelling leads to cancelled, or blocks on an undo that failed (B064)."""
    assert not allowed(Status.CANCELLING, after)
    assert allowed(Status.CANCELLING, Status.CANCELLED)
    assert allowed(Status.CANCELLING, Status.BLOCKED)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Status.QUEUED, Status.DONE),
        (Status.SUSPENDED, Status.SUSPENDED),
        (Status.WAITING, Status.FAILED),
        (Status.SUSPENDED, Status.CANCELLED),
        (Status.BLOCKED, Status.WAITING),
    ],
)
def test_running_and_cancelling_are_passed_unwritten(before: Status, after: Status) -> None:
    """A run that wakes and rests between two commits is written at its rests only."""
    assert not any((step.before, step.after) == (before, after) for step in STEPS)
    assert allowed(before, after)


@pytest.mark.parametrize("status", OPEN)
def test_an_open_run_may_stay_what_it_is(status: Status) -> None:
    """A snapshot may be written without a change of status."""
    assert allowed(status, status)


@pytest.mark.parametrize("after", sorted(set(Status) - {Status.PAUSED, Status.QUEUED}))
def test_a_paused_run_is_adopted_first(after: Status) -> None:
    """A copy of production does nothing until somebody adopts it (B082)."""
    assert not allowed(Status.PAUSED, after)
    assert allowed(Status.PAUSED, Status.QUEUED)


def test_the_diagram_has_a_line_for_every_step() -> None:
    """What is drawn is the table: nothing left out, nothing that Mermaid would misread."""
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert len(lines) == 2 + len(BIRTHS) + len(STEPS) + len(OUTCOMES)
    assert "    running --> done: the flow gave its value" in lines
    assert all(";" not in line and line.count(":") <= 1 for line in lines)
    assert len(listing().splitlines()) == 2 + len(BIRTHS) + len(STEPS)


def test_the_document_is_drawn_from_the_table() -> None:
    """docs/lifecycle.md shows exactly the table: ``python -m tests.core.drawn_pages`` draws it."""
    page = LIFECYCLE.read_text(encoding="utf-8")
    assert drawn_names(page) == ["diagram", "listing"]
    assert drawn_anew(page) == page
