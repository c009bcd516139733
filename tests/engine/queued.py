"""A worker process for the tests of queues: its node waits until a file is there.

``python -m tests.engine.queued STORE`` says ``ready`` and executes until it is killed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event

from everflow import Config, Engine, Registry, flow, node

REGISTRY = Registry()
CONFIG = Config(lease_s=1.0, poll_s=0.01)


@node
def hold_until(gate: str) -> str:
    """Looks again and again, since nobody in this process makes the file."""
    never = Event()
    while not Path(gate).exists():
        never.wait(0.005)
    return gate


HELD = flow("queued.held", hold_until, registry=REGISTRY)


def main(store: str) -> None:
    with Engine(store, registry=REGISTRY, config=CONFIG):
        print("ready", flush=True)  # noqa: T201 - the parent reads it
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
