"""Exit codes: what a script can tell without reading a word.

The numbers are a promise (docs/cli.md). An error's code decides first, then whom it blames.
"""

from __future__ import annotations

from enum import IntEnum

from everflow.engine.given.replies import Reply
from everflow.errors import EverflowError
from everflow.store import OUTCOMES, Status

__all__ = ["EXITS", "Exit", "of_error", "of_reply", "of_status"]


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNFINISHED = 3
    STORE = 4
    FLOW = 5
    TOO_LATE = 6
    FAULT = 70
    INTERRUPTED = 130


EXITS = {
    Exit.OK: "it went well; a run that was waited for is done",
    Exit.FAILED: "the run failed or was cancelled",
    Exit.USAGE: "the command, its input or the configuration is wrong; nothing was changed",
    Exit.UNFINISHED: "the run isn't finished: it waits for an answer, a time, code or you",
    Exit.STORE: "the store, or the output, can't be opened, read or written",
    Exit.FLOW: "the flow's own code or definition is at fault",
    Exit.TOO_LATE: "too late: answered already, expired, cancelled or finished",
    Exit.FAULT: "a fault of Everflow's own; please report it",
    Exit.INTERRUPTED: "interrupted; a run that was being executed goes on with the next worker",
}

_BY_CODE = {
    # Where a command raises one of these, it is about what was typed.
    "wrong_argument": Exit.USAGE,
    "value_refused": Exit.USAGE,
    "value_mismatch": Exit.USAGE,
    "bad_key": Exit.USAGE,
    "already_done": Exit.TOO_LATE,
    "cancelled": Exit.TOO_LATE,
    "failed": Exit.TOO_LATE,
    "handed_off": Exit.TOO_LATE,
    "still_running": Exit.UNFINISHED,
    "blocked": Exit.UNFINISHED,
    "engine_closed": Exit.FAULT,
}
_BY_BLAME = {
    "caller": Exit.USAGE,
    "configuration": Exit.USAGE,
    "flow": Exit.FLOW,
    "peer": Exit.STORE,
    "store": Exit.STORE,
    "engine": Exit.FAULT,
}
_BY_STATUS = {Status.DONE: Exit.OK, Status.HANDED_OFF: Exit.OK}


def of_error(error: EverflowError) -> Exit:
    """The code for an error that ends a command."""
    return _BY_CODE.get(error.code) or _BY_BLAME[error.blame]


def of_status(status: Status) -> Exit:
    """The code for a command that waited for a run."""
    ended = Exit.FAILED if status in OUTCOMES else Exit.UNFINISHED
    return _BY_STATUS.get(status, ended)


def of_reply(reply: Reply) -> Exit:
    """The code for what became of an answer."""
    return Exit.OK if reply is Reply.ANSWERED else Exit.TOO_LATE
