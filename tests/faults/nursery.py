"""Processes of the command line that begin at once: what they import is imported here, and forked.

A line of words on its standard input begins ``everflow`` with these words in a process of its own,
whose id it says. It has one thread, so a fork is whole; at the end of its input it ends, and what
it began with it.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from contextlib import suppress
from typing import NoReturn

from everflow import activitypub, federation, server
from everflow.cli.root import everflow as command
from tests.faults import peered

IMPORTED = (activitypub, federation, server, peered)


def begin(words: list[str]) -> int:
    """A process of that command; its id."""
    pid = os.fork()
    if pid == 0:
        _be(words)
    return pid


def _be(words: list[str]) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1):
        os.dup2(nowhere, each)
    warnings.simplefilter("ignore")
    command(words, standalone_mode=True)
    os._exit(0)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ends is gone, and isn't waited for
    begun = []
    for line in sys.stdin:
        begun.append(begin(line.split()))
        print(begun[-1], flush=True)  # noqa: T201 - that is what it says
    for pid in begun:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
