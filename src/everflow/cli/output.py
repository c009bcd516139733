"""Where output goes: results to the standard output, everything else to the standard error.

For machines each object or list is one line of ASCII JSON, flushed at once. For people a screen is
made when it is first needed, as Rich takes longer to import than a short command may last.
"""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from everflow.errors import EverflowError
from everflow.views import trouble_view

if TYPE_CHECKING:
    from everflow.cli.terminal import Screen

__all__ = ["emit", "hush", "notes", "report", "screen", "screens"]


def emit(view: Any) -> None:
    """Print one line for machines."""
    sys.stdout.write(json.dumps(view, allow_nan=False) + "\n")
    sys.stdout.flush()


def hush() -> None:
    """Nobody takes the output any more; Python would complain again as it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@cache
def screens() -> tuple[Screen, Screen]:
    """The screens for results and for remarks, made once."""
    from everflow.cli.terminal import Screen  # noqa: PLC0415 - Rich would double the start-up

    return Screen(error=False), Screen(error=True)


def screen() -> Screen:
    """Where results for people go."""
    return screens()[0]


def notes() -> Screen:
    """Where progress and remarks for people go."""
    return screens()[1]


def report(error: EverflowError, *, as_json: bool) -> None:
    """Tell what went wrong: what, where, and what to do next."""
    if as_json:
        sys.stderr.write(json.dumps(trouble_view(error)) + "\n")
        return
    notes().trouble(error)
