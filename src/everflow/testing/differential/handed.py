"""Random acts on runs that more than one instance has."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from everflow.testing.differential.chance import at, chance, maybe, of_run, of_worker, run, some

__all__ = ["HANDED"]


def _slice(random: Random) -> dict[str, Any]:
    return of_run(random) | {"after": random.randrange(4)}


def _tenures(random: Random) -> dict[str, Any]:
    return {"runs": some(random)}


def _hand(random: Random) -> dict[str, Any]:
    drawn = {
        "run": run(random),
        "stale": random.choice((None,) * 9 + ("version", "seq", "rev")),
        "here": chance(random, 0.5),
        "holder": random.choice(("", "B")),
        "leased": chance(random, 0.1),
        "keep": maybe(random, random.randrange(4), 0.3),
        "nth": maybe(random, random.randrange(4), 0.4),
        "newer": chance(random, 0.7),
        "due": maybe(random, at(random)),
        "at": at(random),
    }
    return drawn | {"drop": drawn["keep"] == 0 and not drawn["here"]}


HANDED: dict[str, tuple[int, Callable[[Random], dict[str, Any]]]] = {
    "taken_from": (4, of_worker),
    "tenures": (2, _tenures),
    "slice": (3, _slice),
    "hand": (6, _hand),
    "branches": (3, of_run),
}
