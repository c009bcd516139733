"""An engine in another process with other code: it has the flow, and not all of its nodes.

``python -m tests.faults.lacking STORE`` says ``ready`` and executes until its input is closed.
"""

from __future__ import annotations

import sys

from everflow import Config, Engine, flow, node

CONFIG = Config(lease_s=1.0, poll_s=0.01)


@node(name="shared.first")
def first(x: int) -> int:
    return x + 1


other = flow("only-first", first)


def main(store: str) -> None:
    with Engine(store, config=CONFIG):
        print("ready", flush=True)  # noqa: T201 - the parent reads it
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
