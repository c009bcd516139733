"""A worker of a fleet, in a process of its own: works on the store until its input ends."""

from __future__ import annotations

import sys

from bench.flows import NAMES
from bench.scene import settle
from everflow import Config, Engine

__all__ = ["main"]

LIVE = 16  # runs at once, so that those who share the work share it evenly


def main(place: str) -> None:
    """Say that it is ready, and work."""
    settle()
    with Engine(place, config=Config(live_runs=LIVE)):
        print(len(NAMES), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
