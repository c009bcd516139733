"""A process that delivers what the actors of a store say, until its input ends.

``python -m tests.faults.posting STORE``
"""

from __future__ import annotations

import sys

from everflow import Config, Engine, Registry
from everflow.activitypub import deliveries


def main() -> None:
    store, registry = sys.argv[1], Registry()
    provide = deliveries(store, registry=registry)
    with Engine(store, registry=registry, provide=provide, config=Config(lease_s=1.0)):
        sys.stdin.read()


if __name__ == "__main__":
    main()
