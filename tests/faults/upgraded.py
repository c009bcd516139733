"""A worker in another process with the flow as it is after a change.

``python -m tests.faults.upgraded STORE`` says ``ready`` and executes until its input is closed.
"""

from __future__ import annotations

import sys

from everflow import Config, Engine, Registry, flow, node, suspend

CONFIG = Config(lease_s=1.0, poll_s=0.01, live_runs=10)


def twice(x: int) -> int:
    return x * 2


def before() -> Registry:
    """The code of before."""
    registry = Registry()
    flow("upgraded", suspend("go") >> node(twice), registry=registry)
    return registry


def after() -> Registry:
    """The code of today."""
    registry = Registry()
    flow("upgraded", suspend("go") >> node(twice) >> node(twice), registry=registry)
    return registry


def main(store: str) -> None:
    with Engine(store, registry=after(), config=CONFIG):
        print("ready", flush=True)  # noqa: T201 - the parent reads it
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
