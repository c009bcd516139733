"""What is drawn again and again: runs, workers, times, and whether at all."""

from __future__ import annotations

from random import Random
from typing import Any

START = 1_700_000_000_000_000
RUNS = tuple(f"r{i}" for i in range(10))
WORKERS = 4


def run(random: Random) -> str:
    """A run."""
    return random.choice(RUNS)


def some(random: Random, most: int = 3) -> list[str]:
    """Some runs, maybe none."""
    return [run(random) for _ in range(random.randint(0, most))]


def worker(random: Random) -> int:
    """A worker, by how late it enlisted."""
    return random.randrange(WORKERS)


def at(random: Random) -> int:
    """A time."""
    return START + random.randrange(20)


def maybe(random: Random, value: Any, share: float = 0.5) -> Any:
    """The value, by chance."""
    return value if chance(random, share) else None


def chance(random: Random, share: float) -> bool:
    """Whether at all."""
    return random.random() < share


def nothing(random: Random) -> dict[str, Any]:
    """What a verb is given that takes nothing."""
    del random
    return {}


def of_worker(random: Random) -> dict[str, Any]:
    """A worker."""
    return {"worker": worker(random)}


def of_run(random: Random) -> dict[str, Any]:
    """A run."""
    return {"run": run(random)}


def of_runs(random: Random) -> dict[str, Any]:
    """Some runs."""
    return {"runs": some(random)}
