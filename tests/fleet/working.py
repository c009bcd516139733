"""A worker process over PostgreSQL, for tests: it says when it is up, and works until it is killed.

Its arguments are the store's address, the ledger's path and the lease in seconds.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from everflow import Config, Engine, Registry, flow, node
from tests.faults.outside import Ledger


def flows(ledger: Ledger) -> Registry:
    """The flows: of one the first attempt never ends, of another each kills its worker at once."""
    registry = Registry()

    @node(name="working.hang")
    def hang(number: int) -> int:
        ledger.note("begun", number)
        if len(ledger.of("begun")) == 1:
            threading.Event().wait()
        return number + 1

    @node(name="working.die")
    def die(number: int) -> int:
        ledger.note("dies", number)
        os._exit(3)

    flow("hangs", hang, registry=registry)
    flow("dies", die, registry=registry)
    return registry


def main(url: str, path: str, lease_s: str) -> None:
    """Work until killed."""
    config = Config(lease_s=float(lease_s), poll_s=0.02, alone_deaths=1)
    with Engine(url, registry=flows(Ledger(Path(path))), config=config):
        sys.stdout.write("up\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
