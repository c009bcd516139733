"""How things begin: after a kill, on a full store, from nothing. Each in processes of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.flows import LEDGER
from bench.goals import Goal, Workload
from bench.scene import PATIENCE, Figures, Scene, clock
from bench.workloads.questions import resting
from everflow import Engine, RunQuery, Status, connect

__all__ = ["WORKLOADS"]

NODES = 10
LOOK = 0.002  # seconds
OPENING = """
import sys, time
import bench.flows
from everflow import Engine
begun = time.perf_counter()
with Engine(sys.argv[1]):
    print(time.perf_counter() - begun)
"""


def killed(scene: Scene) -> Figures:
    """1,000 runs of 10 nodes on threads: undisturbed, then with SIGKILL in the middle.

    Both by ``everflow worker``, from its start to its end; so the restart counts.
    """
    many = scene.many(1_000, 40)
    _python(scene, "import everflow.cli.commands.worker, bench.flows")  # compiled once for all
    whole = _undisturbed(scene, many)
    path, ledger = _prepared(scene, many)
    begun = time.perf_counter()
    with _worker(scene, path, ledger) as first:
        _until(ledger, many * NODES // 2)
        first.send_signal(signal.SIGKILL)
        first.wait()
    with _worker(scene, path, ledger) as second:
        if second.wait(PATIENCE):
            raise AssertionError(f"the second worker ended with {second.returncode}")
    seconds = time.perf_counter() - begun
    _check(path, many)
    repeats = ledger.stat().st_size - many * NODES
    return {"whole": whole, "killed": seconds, "beyond": seconds - whole, "repeats": repeats}


def _undisturbed(scene: Scene, many: int) -> float:
    path, ledger = _prepared(scene, many)
    with _worker(scene, path, ledger) as worker:
        seconds = clock(lambda: worker.wait(PATIENCE))
    _check(path, many)
    return seconds


def _prepared(scene: Scene, many: int) -> tuple[Path, Path]:
    """A store with so many queued runs, and an empty ledger."""
    path = scene.store()
    ledger = path.with_suffix(".ledger")
    ledger.touch()
    with connect(path, create=True) as flows:
        flows.client.start_all("bench_ten_told", [1] * many)
    return path, ledger


def _worker(scene: Scene, path: Path, ledger: Path) -> subprocess.Popen[bytes]:
    worker = ["worker", "bench.flows", "--until-idle", "--store", str(path)]
    return subprocess.Popen(
        [sys.executable, "-m", "everflow.cli", *worker],
        env=scene.environment(**{LEDGER: str(ledger)}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _until(ledger: Path, size: int) -> None:
    end = time.perf_counter() + PATIENCE
    while ledger.stat().st_size < size:
        if time.perf_counter() > end:
            raise TimeoutError(f"the ledger stays at {ledger.stat().st_size} of {size} bytes")
        time.sleep(LOOK)


def _check(path: Path, many: int) -> None:
    with connect(path) as flows:
        found = flows.store.count(RunQuery())
    if found != {Status.DONE: many}:
        raise AssertionError(f"the runs are {found}")


def opening(scene: Scene) -> Figures:
    """An engine opened on 100,000 suspended runs, in a fresh process that has its imports."""
    path = scene.store()
    with Engine(path) as engine:
        resting(engine, scene.many(100_000, 300))
    seconds = [float(_python(scene, OPENING, str(path))) for _ in range(3)]
    return {"seconds": median(seconds)}


def importing(scene: Scene) -> Figures:
    """``import everflow`` over bare Python, one after the other in turns."""
    _python(scene, "import everflow")
    bare, whole = [], []
    for _ in range(9):
        bare.append(clock(lambda: _python(scene, "pass")))
        whole.append(clock(lambda: _python(scene, "import everflow")))
    return {"bare": median(bare), "whole": median(whole), "over": median(whole) - median(bare)}


def _python(scene: Scene, code: str, *args: str) -> str:
    command = [sys.executable, "-c", code, *args]
    ended = subprocess.run(
        command, env=scene.environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    return ended.stdout


WORKLOADS = [
    Workload(
        "killed",
        killed,
        (
            Goal("1,000 runs of 10 killed: beyond the work", "beyond", "s", 1, at_most=True),
            Goal("nodes that ran twice by that", "repeats", "nodes", 64, at_most=True),
            Goal("the work itself, by a worker", "whole", "s", None),
        ),
    ),
    Workload(
        "opening",
        opening,
        (Goal("opening 100,000 suspended runs", "seconds", "s", 0.2, at_most=True),),
        "python",
    ),
    Workload(
        "importing",
        importing,
        (Goal("import everflow over bare Python", "over", "s", 0.1, at_most=True),),
        "python",
    ),
]
