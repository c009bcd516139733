"""Reading. Each verb is one query on the glass that gives one JSON text."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import msgspec

from everflow.errors import StoreDamaged
from everflow.store import (
    EntryRow,
    Loaded,
    QuestionQuery,
    QuestionRow,
    RunQuery,
    RunRow,
    Status,
    StoreInfo,
)
from everflow.stores.sqlite.desk import Desk, as_json
from everflow.stores.sqlite.opening import Value
from everflow.stores.sqlite.trouble import RESTORE


class Found(msgspec.Struct):
    """Single entries, and the public name of their run."""

    run: str
    entries: list[EntryRow]


class Reading(Desk):
    """The verbs that change nothing."""

    def info(self) -> StoreInfo:
        """What the store says of itself."""
        return self._ask("info", StoreInfo, {"place": self._name})

    def version(self) -> int:
        """Changes when another object or process wrote; own writes don't change it."""
        return self._pen.version()

    def load(self, nos: Sequence[int]) -> list[Loaded]:
        """Runs with their entries since their base and their inbox."""
        loaded = self._ask("load", list[Loaded], {"nos": as_json(nos)})
        for run in loaded:
            check_sums(run.row.id, run.entries)
            check_whole(run.row.id, run.row.base, run.entries)
        return loaded

    def entries(self, no: int, seqs: Sequence[int]) -> dict[int, str]:
        """The bodies of single entries."""
        found = self._ask("entries", Found, {"no": no, "seqs": as_json(seqs)})
        run = found.run or str(no)
        check_sums(run, found.entries)
        bodies = {entry[1]: entry[2] for entry in found.entries}
        for seq in seqs:
            if seq not in bodies:
                raise missing(run, seq)
        return bodies

    def journal(self, no: int, *, first: int = 0, limit: int = 1000) -> list[EntryRow]:
        """A run's entries in order, unchecked."""
        values = {"no": no, "first": first, "limit": max(limit, 0)}
        return self._ask("journal", list[EntryRow], values)

    def find(self, id: str) -> RunRow | None:  # noqa: A002 - the contract's word for it
        """The run of that public name."""
        return self._ask("find", tuple[RunRow | None], {"id": id})[0]

    def find_key(self, flow: str, key: str) -> RunRow | None:
        """The run that was started with that key."""
        return self._ask("find_key", tuple[RunRow | None], {"flow": flow, "key": key})[0]

    def rows(self, nos: Sequence[int]) -> list[RunRow]:
        """Runs by number."""
        return self._ask("rows", list[RunRow], {"nos": as_json(nos)})

    def runs(self, query: RunQuery) -> list[RunRow]:
        """The runs that a query asks for."""
        name = "runs_newest_first" if query.newest_first else "runs"
        values = {**_filters(query), "after": query.after, "limit": max(query.limit, 0)}
        return self._ask(name, list[RunRow], values)

    def count(self, query: RunQuery) -> dict[Status, int]:
        """How many runs by status."""
        return self._ask("count", dict[Status, int], _filters(query))

    def questions(self, query: QuestionQuery) -> list[QuestionRow]:
        """The questions that a query asks for."""
        values = {
            "no": query.no,
            "tag": query.tag,
            "occurrence": query.occurrence,
            "open_only": query.open_only,
            "limit": max(query.limit, 0),
        }
        return self._ask("questions", list[QuestionRow], values)

    def definition(self, hash: str) -> str | None:  # noqa: A002 - the contract's word for it
        """The body of a definition."""
        return self._ask("definition", tuple[str | None], {"hash": hash})[0]


def _filters(query: RunQuery) -> dict[str, Value]:
    return {
        "any_status": not query.status,
        "status": as_json(query.status),
        "flow": query.flow,
        "since": query.since,
        "before": query.before,
        "tag": query.tag,
        "any_label": not query.labels,
        "labels": as_json(query.labels),
    }


def check_sums(run: str, entries: Iterable[EntryRow]) -> None:
    """Raise ``StoreDamaged`` for the first entry whose checksum doesn't hold."""
    for _, seq, body, checksum in entries:
        if zlib.crc32(body.encode()) != checksum:
            raise StoreDamaged(
                f"Entry {seq} is damaged: its checksum is wrong.", run=run, hint=RESTORE
            )


def check_whole(run: str, base: int, entries: Sequence[EntryRow]) -> None:
    """Raise ``StoreDamaged`` for the first entry from ``base`` on that is missing."""
    if not entries:
        raise missing(run, base)
    for seq, entry in enumerate(entries, base):
        if entry[1] != seq:
            raise missing(run, seq)


def missing(run: str, seq: int) -> StoreDamaged:
    """The error for an entry that isn't there."""
    return StoreDamaged(f"Entry {seq} is missing.", run=run, hint=RESTORE)
