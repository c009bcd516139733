"""``./run.sh python -m bench``: all workloads, sample after sample, and a table at the end.

The samples go round by round (each workload once, then each again), so that what else the machine
does meets all of them; a workload and its floor share the sample.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import apsw
import msgspec

from bench.goals import judge
from bench.scene import Figures
from bench.table import drawn, number
from bench.workloads import WORKLOADS

__all__ = ["main"]

LONGEST = 900  # seconds a sample may take


def main() -> int:
    """Measure what the command line asks for; 0 when all of it could be measured."""
    asked = _asked()
    names = asked.only or list(WORKLOADS)
    samples: dict[str, list[Figures]] = {name: [] for name in names}
    loads: list[float] = []
    failures: list[str] = []
    for turn in range(asked.runs):
        for name in names:
            loads.append(os.getloadavg()[0])
            begun = time.perf_counter()
            figures, trouble = _sample(name, asked.folder, quick=asked.quick)
            head = f"[{turn + 1}/{asked.runs}] {name}, {time.perf_counter() - begun:.1f} s"
            if figures is None:
                failures.append(f"{name}: {trouble}")
                print(f"{head}: FAILED\n{trouble}", file=sys.stderr, flush=True)
                continue
            samples[name].append(figures)
            shown = ", ".join(f"{key} {number(value)}" for key, value in figures.items())
            print(f"{head}: {shown}", file=sys.stderr, flush=True)
    machine = _machine(asked.folder, loads)
    rows = [
        (WORKLOADS[name].settings, judge(goal, found))
        for name, found in samples.items()
        if found
        for goal in WORKLOADS[name].goals
    ]
    if asked.json:
        goals = [msgspec.to_builtins(judged) | {"reached": judged.reached} for _, judged in rows]
        told = {"machine": machine, "samples": samples, "rows": goals, "failures": failures}
        print(msgspec.json.format(msgspec.json.encode(told)).decode())
    else:
        print(drawn(rows))
        print("\n" + ", ".join(f"{key}: {value}" for key, value in machine.items()))
        print(f"medians of {asked.runs}" + (", QUICK: the figures say nothing" * asked.quick))
    return 1 if failures else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(WORKLOADS), metavar="NAME")
    parser.add_argument("--runs", type=int, default=5, help="samples of each workload (5)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try it out")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where stores are made"
    )
    return parser.parse_args()


def _sample(name: str, folder: Path, *, quick: bool) -> tuple[Figures | None, str]:
    command = [sys.executable, "-m", "bench.sample", name, "--folder", str(folder)]
    try:
        ended = subprocess.run(
            command + ["--quick"] * quick,
            capture_output=True, text=True, timeout=LONGEST, check=True,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        last = [line for line in error.stderr.splitlines() if line.strip()][-6:]
        return None, "\n".join(last)
    except subprocess.TimeoutExpired:
        return None, f"took longer than {LONGEST} s"
    return msgspec.json.decode(ended.stdout, type=Figures), ""


def _machine(folder: Path, loads: list[float]) -> dict[str, Any]:
    """What the figures depend on besides us."""
    return {
        "Python": platform.python_version(),
        "SQLite": apsw.sqlite_lib_version(),
        "cores": os.cpu_count() or 0,
        "file system": _file_system(folder.resolve()),
        "load before the samples": f"{min(loads):.1f} to {max(loads):.1f}",
    }


def _file_system(folder: Path) -> str:
    """The kind of the file system that a folder is on, of the longest mount above it."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    found = [line.split()[1:3] for line in mounts.read_text().splitlines()]
    above = [(len(at), kind) for at, kind in found if folder.is_relative_to(at)]
    return max(above)[1] if above else "unknown"


if __name__ == "__main__":
    sys.exit(main())
