"""The count at the end: what every journal says against what the world saw.

The journal is Everflow's own word; the ledger, the site, the feed, the outbox and the Maildir are
not. A promise that doesn't hold is a sentence in ``broken``.
"""

from __future__ import annotations

import json
import mailbox
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from everflow.core.entries import Entry, Kind, decode_body
from everflow.core.ops import attempt_of, stable_key
from everflow.engine.faces.connect import Connection
from everflow.store import RunRow, Status
from everflow.views import outcome_view

__all__ = ["Line", "Tally", "begun", "count", "journal_of", "recorded"]

ENTRY = "{http://www.w3.org/2005/Atom}entry"
_CLOSING = frozenset({Kind.RESULT, Kind.ERROR, Kind.STOPPED})


class Line(NamedTuple):
    """A node that began, as the example's ledger has it."""

    node: str
    run: str
    key: str
    attempt: int
    pid: int

    @property
    def one(self) -> tuple[str, int]:
        """The attempt that it was."""
        return self.key, self.attempt


@dataclass
class Tally:
    """How it went.

    ``results``: nodes whose result is recorded. ``twice``: the attempts that were begun more than
    once, as (node, post).
    """

    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: int = 0
    begun: int = 0
    twice: list[tuple[str, str]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def with_status(self, status: str) -> list[str]:
        """The posts that ended so."""
        return [post for post, end in self.outcomes.items() if end.get("status") == status]

    def demand(self, holds: object, otherwise: str) -> None:
        """Note a promise that doesn't hold."""
        if not holds:
            self.broken.append(otherwise)


def begun(folder: Path) -> list[Line]:
    """The ledger's whole lines, oldest first."""
    ledger = folder / "work" / "ledger.txt"
    if not ledger.exists():
        return []
    whole = ledger.read_text("utf-8").rpartition("\n")[0]
    rows = (line.split() for line in whole.splitlines())
    return [Line(node, run, key, int(attempt), int(pid)) for node, run, key, attempt, pid in rows]


def journal_of(flows: Connection, row: RunRow) -> list[Entry]:
    """All of a run's entries; the demo's are few."""
    return [decode_body(body) for _, _, body, _ in flows.store.journal(row.no, limit=10_000)]


def recorded(flows: Connection, rows: list[RunRow]) -> set[tuple[str, int]]:
    """The attempts whose end stands in a journal, as the ledger names them."""
    return {
        (f"{row.id}:{stable_key(entry.op)}".replace(" ", "_"), attempt_of(entry.op))
        for row in rows
        for entry in journal_of(flows, row)
        if entry.kind in _CLOSING
    }


def count(
    flows: Connection, folder: Path, posts: dict[str, str], before: list[set[tuple[str, int]]]
) -> Tally:
    """Count and check. ``posts``: by run; ``before``: what was recorded when each kill came."""
    tally = Tally()
    rows = [flows.run(run).row() for run in posts]
    for row in rows:
        post = posts[row.id]
        tally.demand(row.status is Status.DONE, f"the run of {post} is {row.status}, not done")
        if row.status is Status.DONE:
            tally.outcomes[post] = outcome_view(flows.store, row)["result"]
        ends = [entry.op for entry in journal_of(flows, row) if entry.kind in _CLOSING]
        tally.results += len(ends)
        tally.demand(len(ends) == len(set(ends)), f"{post} has two results of one attempt")
    _check_ledger(tally, begun(folder), posts, before)
    _check_site(tally, folder)
    _check_mail(tally, folder)
    return tally


def _check_ledger(
    tally: Tally, lines: list[Line], posts: dict[str, str], before: list[set[tuple[str, int]]]
) -> None:
    tally.begun = len(lines)
    pids = list(dict.fromkeys(line.pid for line in lines))
    first: dict[tuple[str, int], Line] = {}
    by: dict[tuple[str, int], list[int]] = {}
    for line in lines:
        first.setdefault(line.one, line)
        by.setdefault(line.one, []).append(line.pid)
    for one, workers in by.items():
        if len(workers) > 1:
            tally.twice.append((first[one].node, posts[first[one].run]))
        tally.demand(len(workers) == len(set(workers)), f"{one[0]} ran twice in one worker")
    for number, known in enumerate(before):
        later = {line.one for line in lines if line.pid in pids[number + 1 :]}
        tally.demand(
            not known & later, f"after kill {number + 1} a node ran again whose result was recorded"
        )


def _check_site(tally: Tally, folder: Path) -> None:
    published = tally.with_status("published")
    public, outbox = folder / "work" / "public", folder / "work" / "outbox"
    index = (public / "index.html").read_text("utf-8") if published else ""
    for post in published:
        tally.demand((public / f"{post}.html").is_file(), f"{post} has no page")
        tally.demand(f"{post}.html" in index, f"the index doesn't lead to {post}")
    feed = ET.fromstring((public / "feed.xml").read_text("utf-8")) if published else None  # noqa: S314 - written by our own example a second ago
    found = 0 if feed is None else len(feed.findall(ENTRY))
    tally.demand(found == len(published), f"the feed has {found} of {len(published)} posts")
    activities = [json.loads(file.read_text("utf-8")) for file in outbox.glob("*.json")]
    objects = sorted(activity["object"]["url"] for activity in activities)
    urls = sorted(end["url"] for end in tally.outcomes.values() if end["status"] == "published")
    tally.demand(objects == urls, "the outbox hasn't one activity for each published post")
    creates = all(activity["type"] == "Create" for activity in activities)
    tally.demand(creates, "an activity isn't a Create: a post went online twice")


def _check_mail(tally: Tally, folder: Path) -> None:
    box = mailbox.Maildir(folder / "work" / "mail", create=False)
    mails: list[Message] = list(box)
    ids = [mail["Message-ID"] for mail in mails]
    told = sorted(mail["Message-ID"] for mail in mails if "Declined" in mail["Subject"])
    wanted = sorted(
        end["message_id"] for end in tally.outcomes.values() if end["status"] == "declined"
    )
    tally.demand(len(ids) == len(set(ids)), "a mail is there twice")
    tally.demand(told == wanted, "the authors of declined posts weren't told once each")
