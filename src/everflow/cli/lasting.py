"""What lasting processes share: what they load, how they are tuned, and what ends them.

The process is Everflow's own, so it may do what a library must not: a short switch interval (with
a busy thread beside, commits are 6 to 9 times faster at 0.5 ms) and a collector that leaves alone
what was there from the start.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import FrameType, ModuleType
from typing import Any

import click

from everflow.cli.exits import Exit
from everflow.cli.loading import is_flow_name, load, load_all
from everflow.cli.options import as_length, leave
from everflow.cli.settings import Here
from everflow.config import Config
from everflow.core.registry import default_registry
from everflow.engine.faces.engine import Engine
from everflow.errors import ConfigurationError

__all__ = [
    "as_member",
    "end_of",
    "load_executed",
    "log_to_stderr",
    "member",
    "stop_at_signals",
    "tune",
]

SWITCH_INTERVAL = 0.0005  # seconds
SHORTEST = 0.001  # seconds: a grace of none
YOUNGEST = 50_000  # objects between two looks of the collector; 700 costs a tenth of the nodes/s


def member(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a process that is one of a fleet."""
    for option in (
        click.option(
            "--drain-grace",
            callback=as_length,
            metavar="LENGTH",
            help="How long what is begun may take to end at the first signal.  [default: drain_s]",
        ),
        click.option("--name", default="", metavar="TEXT", help="What people know it by."),
        click.option(
            "--queue",
            "queues",
            multiple=True,
            metavar="NAME",
            help='Execute runs of that queue alone; may be repeated, "" is for runs of none.',
        ),
    ):
        command = option(command)
    return command


def as_member(here: Here, fleet: Mapping[str, Any]) -> Config:
    """The settings of such a process: its options come before ``pyproject.toml``."""
    given: dict[str, Any] = {"queues": fleet["queues"]} if fleet["queues"] else {}
    if fleet["drain_grace"] is not None:
        given["drain_s"] = fleet["drain_grace"] or SHORTEST
    return replace(here.config, **given)


def end_of(engine: Engine, fault: BaseException | None) -> None:
    """End the command as the engine ended: by a fault, or with nodes that were cut off, or well."""
    if fault is not None:
        leave(Exit.FAULT)
    if engine.cut:
        leave(Exit.UNFINISHED)


def load_executed(here: Here, modules: Sequence[str], command: str) -> list[ModuleType]:
    """Import the modules whose flows are to be executed; ConfigurationError where none has one."""
    loaded = load_all(here) + [load(_module_of(name)) for name in modules]
    if not default_registry().flows:
        raise ConfigurationError(
            "no flow is known here, so there is nothing to execute",
            hint=f"name the modules that define flows: everflow {command} FILE.py",
        )
    return loaded


def _module_of(name: str) -> str:
    """``flow.py:publish`` means the module here."""
    return name.rpartition(":")[0] if is_flow_name(name) and ":" in name else name


def stop_at_signals() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets; a second one ends the process at once."""
    stop = threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return stop


def log_to_stderr(*, verbose: bool) -> None:
    """Log to the standard error: warnings alone, or what nodes and the engine say, too."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )


def tune() -> None:
    """Set up this process for executing runs."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNGEST, 20, 100)
