"""Reading. Each verb is one query, so that what it gives was there at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import msgspec

from everflow.store import (
    Arrival,
    EntryRow,
    Loaded,
    Message,
    QuestionQuery,
    QuestionRow,
    RunQuery,
    RunRow,
    Status,
)
from everflow.stores.postgres.desk import Desk
from everflow.stores.postgres.marking import MARK, marked, unmarked
from everflow.stores.postgres.rows import RUN_COLUMNS, entry_row, question_row, run_row
from everflow.stores.sums import check_sums, check_whole, missing

_message = msgspec.json.Decoder(Message).decode
_as_json = msgspec.json.Encoder().encode
_LOAD_COLUMNS = 5  # of ``load``, behind those of the run


class Reading(Desk):
    """The verbs that change nothing."""

    def load(self, nos: Sequence[int]) -> list[Loaded]:
        """Runs with their entries since their base and their inbox."""
        return [_loaded(values) for values in self._rows("load", {"nos": list(nos)})]

    def entries(self, no: int, seqs: Sequence[int]) -> dict[int, str]:
        """The bodies of single entries."""
        found = self._rows("entries", {"no": no, "seqs": list(seqs)})
        run = unmarked(found[0][0]) if found else str(no)
        entries = [entry_row((no, *values)) for _, *values in found if values[0] is not None]
        check_sums(run, entries)
        bodies = {entry[1]: entry[2] for entry in entries}
        for seq in seqs:
            if seq not in bodies:
                raise missing(run, seq)
        return bodies

    def journal(self, no: int, *, first: int = 0, limit: int = 1000) -> list[EntryRow]:
        """A run's entries in order, unchecked."""
        values = {"no": no, "first": first, "limit": max(limit, 0)}
        return [entry_row(entry) for entry in self._rows("journal", values)]

    def find(self, id: str) -> RunRow | None:  # noqa: A002 - the contract's word for it
        """The run of that public name."""
        found = self._one("find", {"id": marked(id)})
        return None if found is None else run_row(found)

    def find_key(self, flow: str, key: str) -> RunRow | None:
        """The run that was started with that key."""
        found = self._one("find_key", {"flow": marked(flow), "key": marked(key)})
        return None if found is None else run_row(found)

    def rows(self, nos: Sequence[int]) -> list[RunRow]:
        """Runs by number."""
        return [run_row(values) for values in self._rows("rows", {"nos": list(nos)})]

    def standing(self, no: int) -> tuple[Status, int] | None:
        """Where a run stands, and what waits for it."""
        found = self._one("standing", {"no": no})
        return None if found is None else (Status(found[0]), found[1])

    def asked(
        self, places: Sequence[tuple[str, str, int]]
    ) -> list[tuple[RunRow | None, QuestionRow | None]]:
        """Runs and questions by their public names."""
        if len(places) == 1:
            ((run, tag, occurrence),) = places
            found = self._call("asked", marked(run), marked(tag), occurrence)
            return [_asked_alone(*values) for values in found] or [(None, None)]
        values = {
            "ids": [marked(place[0]) for place in places],
            "tags": [marked(place[1]) for place in places],
            "occurrences": [place[2] for place in places],
        }
        return [_asked(found) for found in self._rows("asked", values)]

    def runs(self, query: RunQuery) -> list[RunRow]:
        """The runs that a query asks for."""
        filters = _filters(query)
        if query.after:
            filters["back_from" if query.newest_first else "after"] = query.after
        name = "runs_newest_first" if query.newest_first else "runs"
        return [run_row(values) for values in self._filtered(name, filters, query.limit)]

    def count(self, query: RunQuery) -> dict[Status, int]:
        """How many runs by status."""
        return {
            Status(status): many for status, many in self._filtered("count", _filters(query), 0)
        }

    def questions(self, query: QuestionQuery) -> list[QuestionRow]:
        """The questions that a query asks for."""
        filters = _given(
            {
                "no": query.no,
                "tag": None if query.tag is None else marked(query.tag),
                "occurrence": query.occurrence,
                "open": query.open_only or None,
            }
        )
        if query.after is not None:
            no, tag, occurrence = query.after
            filters["past"] = _as_json((no, marked(tag), occurrence)).decode()
        found = self._filtered("questions", filters, query.limit)
        return [question_row(values) for values in found]

    def definition(self, hash: str) -> str | None:  # noqa: A002 - the contract's word for it
        """The body of a definition."""
        found = self._one("definition", {"hash": marked(hash)})
        return None if found is None else unmarked(found[0])


def _loaded(values: tuple[Any, ...]) -> Loaded:
    """A run with what it needs, checked."""
    row = run_row(values)
    seqs, bodies, sums, ids, messages = values[-_LOAD_COLUMNS:]
    if seqs is None:
        raise missing(row.id, row.base)
    if any(MARK in body for body in bodies):
        bodies = [unmarked(body) for body in bodies]
    entries = list(zip(repeat(row.no), seqs, bodies, sums, strict=False))
    check_sums(row.id, entries)
    check_whole(row.id, row.base, entries)
    arrivals = [
        Arrival(id=id_, no=row.no, message=_message(message))
        for id_, message in zip(ids or (), messages or (), strict=True)
    ]
    return Loaded(row=row, entries=entries, arrivals=arrivals)


def _asked(values: tuple[Any, ...]) -> tuple[RunRow | None, QuestionRow | None]:
    run, question = values[:RUN_COLUMNS], values[RUN_COLUMNS:]
    return (
        None if run[0] is None else run_row(run),
        None if question[0] is None else question_row(question),
    )


def _asked_alone(
    run: dict[str, Any], question: dict[str, Any] | None
) -> tuple[RunRow, QuestionRow | None]:
    told = None if question is None else question_row(tuple(question.values()))
    return run_row(tuple(run.values())), told


def _filters(query: RunQuery) -> dict[str, object]:
    """One status is a filter of its own: then an index gives the runs in their order."""
    several = len(query.status) > 1
    labels = {marked(name): marked(value) for name, value in query.labels}
    filters = {
        "status": None if several else next(iter(query.status), None),
        "statuses": list(query.status) if several else None,
        "flow": query.flow,
        "named_queue" if query.queue else "queue": query.queue,
        "parent": query.parent,
        "since": query.since,
        "before": query.before,
        "run_tag": query.tag,
        "labels": _as_json(labels).decode() if labels else None,
        "none": True if len(labels) < len(set(query.labels)) else None,
    }
    return _given(
        {name: marked(value) if type(value) is str else value for name, value in filters.items()}
    )


def _given(filters: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in filters.items() if value is not None}
