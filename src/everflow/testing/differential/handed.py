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
        "ends": chance(random, 0.2),
        "blind": chance(random, 0.2),
        "at": at(random),
    }
    return drawn | {"drop": drawn["keep"] == 0 and not drawn["here"]}


def _hand_all(random: Random) -> dict[str, Any]:
    acts = [_hand(random) | {"run": one} for one in dict.fromkeys(some(random))]
    return {"acts": acts, "families": chance(random, 0.3), "at": at(random)}


def _definitions(random: Random) -> dict[str, Any]:
    return {"after": random.choice(("", "d1", "z")), "limit": random.choice((0, 1, 100))}


def _nothing(_: Random) -> dict[str, Any]:
    return {}


HANDED: dict[str, tuple[int, Callable[[Random], dict[str, Any]]]] = {
    "taken_from": (4, of_worker),
    "tenures": (2, _tenures),
    "slice": (3, _slice),
    "hand": (6, _hand),
    "branches": (3, of_run),
    "slices": (2, _tenures),
    "hand_all": (4, _hand_all),
    "kinds": (1, _nothing),
    "definitions": (1, _definitions),
}
