"""Reading. Each verb is one query on the glass that gives one JSON text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

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
from everflow.stores.documents import as_json
from everflow.stores.refusals import TooBig
from everflow.stores.sqlite.desk import Desk
from everflow.stores.sqlite.opening import Value
from everflow.stores.sums import check_sums, check_whole, missing


class Found(msgspec.Struct):
    """Single entries, and the public name of their run."""

    run: str
    entries: list[EntryRow]


class Reading(Desk):
    """The verbs that change nothing."""

    def info(self) -> StoreInfo:
        """What the store says of itself."""
        return self._ask("info", StoreInfo, {"place": self._name, "name": self._place.path.name})

    def heed(self, react: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG002 - never called
        """The file says nothing by itself: ``version`` is cheap enough to be asked often."""
        return lambda: None

    def version(self) -> int:
        """Changes when another object or process wrote; own writes don't change it."""
        return self._pen.version()

    def load(self, nos: Sequence[int]) -> list[Loaded]:
        """Runs with their entries since their base and their inbox."""
        try:
            loaded = self._ask("load", list[Loaded], {"nos": as_json(nos)})
        except TooBig:
            if len(nos) < 2:  # noqa: PLR2004 - one alone can't be halved
                raise
            half = len(nos) // 2
            return self.load(nos[:half]) + self.load(nos[half:])
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

    def standing(self, no: int) -> tuple[Status, int] | None:
        """Where a run stands, and what waits for it."""
        return self._ask("standing", tuple[tuple[Status, int] | None], {"no": no})[0]

    def asked(
        self, places: Sequence[tuple[str, str, int]]
    ) -> list[tuple[RunRow | None, QuestionRow | None]]:
        """Runs and questions by their public names."""
        return self._ask(
            "asked",
            list[tuple[RunRow | None, QuestionRow | None]],
            {"places": as_json(places)},
        )

    def runs(self, query: RunQuery) -> list[RunRow]:
        """The runs that a query asks for."""
        filters = _filters(query)
        if query.after:
            filters["back_from" if query.newest_first else "after"] = query.after
        name = "runs_newest_first" if query.newest_first else "runs"
        return self._ask_filtered(name, list[RunRow], filters, query.limit)

    def count(self, query: RunQuery) -> dict[Status, int]:
        """How many runs by status."""
        return self._ask_filtered("count", dict[Status, int], _filters(query), 0)

    def questions(self, query: QuestionQuery) -> list[QuestionRow]:
        """The questions that a query asks for."""
        filters: dict[str, Value] = {
            "no": query.no,
            "tag": query.tag,
            "occurrence": query.occurrence,
            "past": None if query.after is None else as_json(query.after),
            "open": query.open_only or None,
        }
        return self._ask_filtered("questions", list[QuestionRow], _given(filters), query.limit)

    def definition(self, hash: str) -> str | None:  # noqa: A002 - the contract's word for it
        """The body of a definition."""
        return self._ask("definition", tuple[str | None], {"hash": hash})[0]


def _filters(query: RunQuery) -> dict[str, Value]:
    """One status is a filter of its own: then an index gives the runs in their order."""
    several = len(query.status) > 1
    return _given(
        {
            "status": None if several else next(iter(query.status), None),
            "statuses": as_json(query.status) if several else None,
            "flow": query.flow,
            "queue": query.queue,
            "parent": query.parent,
            "since": query.since,
            "before": query.before,
            "run_tag": query.tag,
            "labels": as_json(query.labels) if query.labels else None,
        }
    )


def _given(filters: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in filters.items() if value is not None}
