"""One sample of one workload, in a process of its own: prints its figures as JSON."""

from __future__ import annotations

import argparse
import logging
import tempfile
from pathlib import Path

import msgspec

from bench.flows import NAMES
from bench.scene import Scene, settle
from bench.workloads import WORKLOADS

__all__ = ["main"]


def main() -> None:
    """Take the sample that the command line names."""
    parser = argparse.ArgumentParser(prog="bench.sample")
    parser.add_argument("name", choices=WORKLOADS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    workload = WORKLOADS[asked.name]
    if not NAMES:
        parser.error("there are no flows")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.folder) as folder:
        if workload.settings == "worker":
            settle()
        figures = workload.measure(Scene(Path(folder), asked.quick))
    print(msgspec.json.encode(figures).decode())


if __name__ == "__main__":
    main()
