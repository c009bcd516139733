"""What an answer is addressed to, and what it is told."""

from __future__ import annotations

import re
from enum import StrEnum

from everflow.errors import NotWaiting, RunHandedOff
from everflow.store import RunRow, Status, Verdict

__all__ = ["REPLIES", "Reply", "not_asked", "require_here", "split_token"]

_TOKEN = re.compile(r"([^.]+)\.([^.]+)\.([0-9]{1,9})")


class Reply(StrEnum):
    """What an answer is told."""

    ANSWERED = "answered"
    ALREADY_ANSWERED = "already_answered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


REPLIES = {
    Verdict.ACCEPTED: Reply.ANSWERED,
    Verdict.REPEATED: Reply.ANSWERED,
    Verdict.ANSWERED: Reply.ALREADY_ANSWERED,
    Verdict.EXPIRED: Reply.EXPIRED,
    Verdict.CANCELLED: Reply.CANCELLED,
}


def split_token(token: str) -> tuple[str, str, int]:
    """The run, tag and occurrence of a question's token; NotWaiting when it isn't one."""
    match = _TOKEN.fullmatch(token) if isinstance(token, str) else None
    if match is None:
        raise NotWaiting(
            f"{token!r:.100} isn't a question's token",
            hint="a token looks like RUN.TAG.1; `everflow show RUN` lists the open ones",
        )
    return match[1], match[2], int(match[3])


def not_asked(run: str, tag: str, occurrence: int) -> NotWaiting:
    """What is said of a token whose question isn't open, in a run that goes on."""
    return NotWaiting(
        f"the run asks no {tag!r} ({occurrence}) now",
        run=run,
        hint="`everflow show RUN` lists the questions that are open",
    )


def require_here(row: RunRow) -> None:
    """RunHandedOff for a run that another instance has."""
    if row.status is Status.HANDED_OFF:
        holder = row.until or "another instance"
        raise RunHandedOff(
            f"{holder} has the run: here is a copy, which takes nothing",
            holder=row.until,
            run=row.id,
            flow=row.flow,
            hint="ask there; `everflow handoff list` shows how runs stand here",
        )
