"""The texts of rows and messages that hold a run's data, each changed in its place.

What the place of a text is called is part of its seal, so these names never change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from everflow.core.marks import SEALED, is_marked
from everflow.errors import EverflowError, KeyMissing
from everflow.store import (
    Answer,
    ChildEnded,
    Early,
    EntryRow,
    Imported,
    Message,
    NewRun,
    QuestionOpened,
    QuestionRow,
    RunChange,
    RunRow,
    Settled,
    Signal,
)
from everflow.store.keys import Keys
from everflow.stores.sealed.seal import Seal

R = TypeVar("R", RunRow, RunChange)
M = TypeVar("M", bound=Message)
Change = Callable[..., str]  # (text, *place) -> text


def key_missing(run: str, keys: Keys) -> KeyMissing:
    """The error for a run whose data can't be read here."""
    return KeyMissing(
        f"the run's data is sealed, and its key isn't in {keys.place}",
        run=run,
        hint="put the keys back from their backup, or name the right key store; nothing is lost",
    )


def sealing(seal: Seal | None) -> Change | None:
    """How texts are sealed; None where they stay as they are."""
    return None if seal is None else seal.seal


def opening(seal: Seal | None) -> Change | None:
    """How texts are opened; None where they stay as they are."""
    return None if seal is None else seal.open


def sealed_new(run: NewRun, seal: Seal) -> NewRun:
    """A run to be started, its first entry sealed."""
    _, _, body, checksum = seal.seal_row((0, 0, run.body, run.sum))
    return replace(run, body=body, sum=checksum)


def sealed_row(row: EntryRow, seal: Seal | None) -> EntryRow:
    """An entry sealed."""
    return row if seal is None else seal.seal_row(row)


def shown_row(row: EntryRow, seal: Seal) -> EntryRow:
    """A row of a journal, which shows what is there, damaged or not."""
    try:
        return seal.open_row(row)
    except (ValueError, EverflowError):
        return row


def standing(row: R, change: Change) -> R:
    """A run's texts: why it stands still, and how it ended."""
    outcome = row.outcome
    return replace(
        row,
        reason=change(row.reason, "reason") if row.reason else "",
        outcome=None if outcome is None else change(outcome, "outcome"),
    )


def is_closed(row: RunRow) -> bool:
    """Whether there is something to be opened in a row."""
    return any(is_marked(SEALED, text) for text in (row.reason, row.outcome or ""))


def opened_row(row: RunRow, seal: Seal | None) -> RunRow:
    """A row opened."""
    return row if seal is None else standing(row, seal.open)


def sealed_question(question: QuestionOpened, seal: Seal | None) -> QuestionOpened:
    """A question to be opened, its prompt sealed."""
    if seal is None:
        return question
    place = "prompt", question.tag, str(question.occurrence)
    return replace(question, prompt=seal.seal(question.prompt, *place))


def changed_question(question: QuestionRow, change: Change | None) -> QuestionRow:
    """A question with its prompt changed."""
    if change is None or not question.prompt:
        return question
    place = "prompt", question.tag, str(question.occurrence)
    return replace(question, prompt=change(question.prompt, *place))


def changed_message(message: M, change: Change | None) -> M:
    """A message with its payload changed."""
    if change is None:
        return message
    if isinstance(message, (Answer, Early)):
        place = "answer", message.tag, message.key
        return replace(message, payload=change(message.payload, *place))
    if isinstance(message, Signal):
        place = "signal", message.name, message.key
        return replace(message, payload=change(message.payload, *place))
    if isinstance(message, ChildEnded):
        return replace(message, payload=change(message.payload, "child", message.op))
    if isinstance(message, Settled):
        return replace(message, payload=change(message.payload, "settled", message.op))
    return message


def changed_whole(run: Imported, entry: Callable[[EntryRow], EntryRow], change: Change) -> Imported:
    """A whole run, every part of it changed."""
    return replace(
        run,
        row=standing(run.row, change),
        entries=[entry(row) for row in run.entries],
        questions=[changed_question(question, change) for question in run.questions],
        arrivals=[changed_message(message, change) for message in run.arrivals],
    )
