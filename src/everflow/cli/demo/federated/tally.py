"""The count at the end: what the journals say against what both servers' folders hold.

A promise that doesn't hold is a sentence in ``broken``. A takeover that an operator orders may
execute twice what the dead server couldn't copy any more: that is counted, and no promise broken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from everflow.cli.demo.tally import begun, journal_of
from everflow.core.entries import Kind
from everflow.engine.faces.connect import Connection
from everflow.store import RunQuery, Status
from everflow.views import outcome_view

__all__ = ["Seen", "Tally", "count", "opinions"]

_CLOSING = frozenset({Kind.RESULT, Kind.ERROR, Kind.STOPPED})


class Seen(NamedTuple):
    """A server as the count sees it, alive or dead. ``actor``: the id of its actor."""

    name: str
    folder: Path
    flows: Connection
    actor: str


@dataclass
class Tally:
    """How it went. ``places``: where each published post is online, and ``read``: by whom noted."""

    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)
    results: int = 0
    begun: dict[str, int] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def demand(self, holds: object, otherwise: str) -> None:
        """Note a promise that doesn't hold."""
        if not holds:
            self.broken.append(otherwise)


def opinions(folder: Path) -> list[dict[str, Any]]:
    """What a server noted of articles that it was sent."""
    files = sorted((folder / "work" / "opinions").glob("*.json"))
    return [json.loads(file.read_text("utf-8")) for file in files]


def count(west: Seen, east: Seen, posts: dict[str, str], copied: set[tuple[str, int]]) -> Tally:
    """Count and check. ``posts``: by run; ``copied``: the attempts that east had the end of."""
    tally = Tally()
    for run, post in posts.items():
        row = east.flows.store.find(run)
        tally.demand(row is not None, f"east lacks the run of {post}")
        if row is None:
            continue
        tally.demand(row.status is Status.DONE, f"the run of {post} is {row.status}, not done")
        if row.status is Status.DONE:
            tally.outcomes[post] = outcome_view(east.flows.store, row)["result"]
        ends = [entry.op for entry in journal_of(east.flows, row) if entry.kind in _CLOSING]
        tally.results += len(ends)
        tally.demand(len(ends) == len(set(ends)), f"{post} has two results of one attempt")
    _check_sites(tally, west, east)
    _check_ledgers(tally, west, east)
    again = copied & {line.one for line in begun(east.folder)}
    tally.demand(not again, "east ran a node again whose result it had")
    _check_readers(tally, west, east)
    return tally


def _check_sites(tally: Tally, *sides: Seen) -> None:
    for post, end in tally.outcomes.items():
        if end["status"] != "published":
            continue
        pages = {side.name: side.folder / "work" / "public" / f"{post}.html" for side in sides}
        places = [name for name, page in pages.items() if page.is_file()]
        tally.places[post] = places
        tally.demand(places, f"{post} has no page on either server")


def _check_ledgers(tally: Tally, *sides: Seen) -> None:
    """What the dead server began and couldn't copy any more is begun again, and nothing else."""
    attempts: dict[tuple[str, int], list[str]] = {}
    for side in sides:
        lines = begun(side.folder)
        tally.begun[side.name] = len(lines)
        for line in lines:
            attempts.setdefault(line.one, []).append(line.node)
    for one, nodes in attempts.items():
        if len(nodes) > 1:
            tally.twice.append(nodes[0])
        tally.demand(len(nodes) <= len(sides), f"{one[0]} ran more than once on one server")


def _check_readers(tally: Tally, west: Seen, east: Seen) -> None:
    """Each article that arrived started one run, and left one opinion."""
    found = opinions(east.folder)
    tally.read = sorted(one["title"] for one in found)
    looks = east.flows.store.runs(RunQuery(labels=(("trigger", "on-article"),)))
    tally.demand(len(looks) == len(found), f"{len(looks)} looks left {len(found)} opinions")
    mine = all(one["by"] == west.actor for one in found)
    tally.demand(mine, "an article came from somebody else than west")
