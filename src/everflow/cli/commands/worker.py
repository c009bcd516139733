"""``worker``: a process that executes runs until it is told to stop."""

from __future__ import annotations

import os
import threading
from typing import Any

import click

from everflow.cli.commands.actor import delivering
from everflow.cli.lasting import (
    as_member,
    end_of,
    load_executed,
    log_to_stderr,
    member,
    stop_at_signals,
    tune,
)
from everflow.cli.loading import provided, schedules_of, triggers_of
from everflow.cli.options import as_length, command
from everflow.cli.output import emit
from everflow.cli.places import encryption
from everflow.cli.settings import Here
from everflow.cli.words import plain
from everflow.core.registry import default_registry
from everflow.engine.faces.engine import Engine
from everflow.engine.owning.resting import moves_soon
from everflow.triggers import Triggers

__all__ = ["worker"]

LOOK = 0.5  # seconds between looks at the engine's health
A_LITTLE = 0.02  # seconds between looks for idleness
SOON = 5.0  # seconds: what goes on by then (after a short backoff, say) is waited for


@command(
    "worker",
    """
    everflow worker flow.py
    everflow worker blog.flows shop.flows --store /var/lib/site/everflow.db
    everflow worker flow.py --until-idle
    everflow worker mails.py --queue mails --queue "" --name mailer-1
    """,
    signs=True,
)
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@click.option(
    "--until-idle",
    is_flag=True,
    help="End once all runs are finished or at rest.",
)
@click.option("--for", "length", callback=as_length, metavar="LENGTH", help="End after so long.")
@member
@click.option("-v", "--verbose", is_flag=True, help="Log what nodes and the engine say.")
def worker(
    here: Here,
    *,
    modules: tuple[str, ...],
    until_idle: bool,
    length: float | None,
    verbose: bool,
    **fleet: Any,
) -> None:
    """Execute the runs of a store until SIGTERM or SIGINT.

    MODULE is package.module or FILE.py: what defines the flows and nodes of the runs that are to be
    executed, besides those in pyproject.toml. At the first signal nothing new is begun, what isn't
    begun is left to other workers at once, and what is begun is recorded; a second one ends the
    process at once, and nothing is lost then either. What goes on within 5 s (after a short
    backoff, by a queue's rate) keeps --until-idle from ending.
    """
    stop = stop_at_signals()
    loaded = load_executed(here, modules, "worker")
    log_to_stderr(verbose=verbose)
    tune()
    engine = Engine(
        here.store,
        provide=delivering(here) | provided(loaded),
        config=as_member(here, fleet),
        encryption=encryption(here),
        schedules=schedules_of(loaded),
        name=fleet["name"],
    )
    with engine, Triggers(engine, triggers_of(loaded)) as triggers:
        _say_begun(here, engine)
        fault = _wait(engine, triggers, stop, until_idle=until_idle, length=length)
    end_of(engine, fault)


def _say_begun(here: Here, engine: Engine) -> None:
    flows = sorted(default_registry().flows)
    if here.json:
        told = {"worker": os.getpid(), "id": engine.worker, "queues": engine.config.queues}
        emit({**told, "store": here.shown, "flows": flows})
    else:
        named = ", ".join(flows)
        queues = engine.config.queues
        alone = "" if queues is None else f", queues: {', '.join(q or '(none)' for q in queues)}"
        begun = f"worker {os.getpid()} on {here.shown}"
        words = f"{begun}, flows: {named}{alone}; Ctrl-C ends it"
        click.echo(plain(words), err=True)


def _wait(
    engine: Engine,
    triggers: Triggers,
    stop: threading.Event,
    *,
    until_idle: bool,
    length: float | None,
) -> BaseException | None:
    """Until a signal, the time, or idleness says so; the engine's fault, if it had one."""
    left = length
    while engine.fault is None and not engine.draining and (left is None or left > 0):
        pause = LOOK if left is None else min(LOOK, left)
        idle = until_idle and not stop.is_set() and engine.join(pause)
        if idle and not triggers.settle() and not _due_soon(engine):
            break
        if stop.wait(min(pause, A_LITTLE) if until_idle else pause):
            break
        left = None if left is None else left - pause
    return engine.fault


def _due_soon(engine: Engine) -> bool:
    """Whether what rests goes on soon: by a timer, a queue's rate, or an instant that waits."""
    store, now = engine.client.store, engine.client.clock.wall()
    mine = [row.id for row in store.workers() if row.pid == os.getpid() and not row.gone]
    within, serves = round(SOON * 1_000_000), engine.config.serves
    return moves_soon(store, mine, now=now, within=within, serves=serves)
