"""The command line: each command parses, makes one call, and renders what it gives.

It stands on the engine and its stores and holds no rule of its own about runs. What it prints for
machines (`--json`) is a promise; what it prints for people isn't.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from io import TextIOWrapper

from everflow.cli.exits import Exit

__all__ = ["main"]

EXTRA = ("click", "rich")


def main() -> None:
    """The program ``everflow``; ends the process with one of the documented exit codes."""
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"everflow: the command line needs {' and '.join(missing)}, which isn't installed.\n"
            "  pip install 'everflow[cli]'\n"
        )
        sys.exit(2)
    _open_all()
    try:
        program = import_module("everflow.cli.root").everflow
    except KeyboardInterrupt:  # nothing was begun yet
        sys.stderr.write("everflow: interrupted\n")
        sys.exit(int(Exit.INTERRUPTED))
    program()


def _open_all() -> None:
    """No stream is missing, and none refuses a character.

    One that whoever started this process had closed leads nowhere, rather than be None; what a
    terminal's encoding lacks is written out.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
