"""``./run.sh python -m bench.scale URL URL``: verbs beside few runs and beside many.

Each URL is that of a database that ``fill.sql`` filled (see there), the one with few runs first.
Every verb is asked several times; shown are the median in milliseconds, and how many blocks of 8 kB
the server looked at, which doesn't depend on what else the machine does. ``--plans`` shows how.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from statistics import median

from bench.scale.store import Explained, opened
from bench.scale.verbs import verbs
from everflow.stores.postgres import PostgresStore

TIMES = 5


def cost(store: Explained, verb: Callable[[PostgresStore], object]) -> tuple[float, int, str]:
    """Milliseconds, blocks and the plan of a verb."""
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        verb(store)
        taken.append((time.perf_counter() - begun) * 1000)
        if taken[-1] > 1000:
            break
    blocks, plans = store.explained(verb)
    return median(taken), blocks, plans


def main() -> None:
    """Print the table, and the plans when they are asked for."""
    urls = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    stores = [opened(url) for url in urls]
    print("| verb |" + "".join(f" {runs:,} runs: ms | blocks |" for _, runs in stores))
    print("| --- |" + " ---: | ---: |" * len(stores))
    for name in verbs(1):
        found = [cost(store, verbs(runs)[name]) for store, runs in stores]
        print(f"| {name} |" + "".join(f" {ms:.1f} | {blocks:,} |" for ms, blocks, _ in found))
        sys.stdout.flush()
        if "--plans" in sys.argv:
            print(found[-1][2], file=sys.stderr)


if __name__ == "__main__":
    main()
