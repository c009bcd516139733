"""Reading: runs, entries and questions, always as copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from everflow.store import (
    EntryRow,
    Loaded,
    QuestionQuery,
    QuestionRow,
    RunQuery,
    RunRow,
    Status,
)
from everflow.stores.memory.tables import Tables, age, copied, locked


class Reading(Tables):
    """The verbs that change nothing."""

    @locked
    def load(self, nos: Sequence[int]) -> list[Loaded]:
        """Runs with their entries since their base and their inbox."""
        return [self._load(self._runs[no]) for no in nos if no in self._runs]

    def _load(self, run: RunRow) -> Loaded:
        last = max([run.base, *self._entries[run.no]])
        return Loaded(
            row=copied(run),
            entries=[self._entry(run.no, seq) for seq in range(run.base, last + 1)],
            arrivals=list(self._arrivals({run.no})),
        )

    @locked
    def entries(self, no: int, seqs: Sequence[int]) -> dict[int, str]:
        """The bodies of single entries."""
        return {seq: self._entry(no, seq)[2] for seq in seqs}

    @locked
    def journal(self, no: int, *, first: int = 0, limit: int = 1000) -> list[EntryRow]:
        """A run's entries in order, unchecked."""
        entries = self._entries.get(no, {})
        return [entries[seq] for seq in sorted(entries) if seq >= first][: max(limit, 0)]

    @locked
    def find(self, id: str) -> RunRow | None:  # noqa: A002 - the contract's word for it
        """The run of that public name."""
        return copied(self._runs[self._ids[id]]) if id in self._ids else None

    @locked
    def find_key(self, flow: str, key: str) -> RunRow | None:
        """The run that was started with that key."""
        no = self._keys.get((flow, key))
        return None if no is None else copied(self._runs[no])

    @locked
    def rows(self, nos: Sequence[int]) -> list[RunRow]:
        """Runs by number."""
        return [copied(self._runs[no]) for no in nos if no in self._runs]

    @locked
    def standing(self, no: int) -> tuple[Status, int] | None:
        """Where a run stands, and what waits for it."""
        run = self._runs.get(no)
        return None if run is None else (run.status, len(list(self._arrivals({no}))))

    @locked
    def asked(
        self, places: Sequence[tuple[str, str, int]]
    ) -> list[tuple[RunRow | None, QuestionRow | None]]:
        """Runs and questions by their public names."""
        return [self._asked(*place) for place in places]

    def _asked(
        self, name: str, tag: str, occurrence: int
    ) -> tuple[RunRow | None, QuestionRow | None]:
        run = self._runs.get(self._ids.get(name, 0))
        if run is None:
            return None, None
        question = self._questions.get((run.no, tag, occurrence))
        return copied(run), None if question is None else self._today(question)

    @locked
    def runs(self, query: RunQuery) -> list[RunRow]:
        """The runs that a query asks for."""
        if query.after and query.after not in self._runs:
            return []
        found = sorted(self._matching(query), key=age, reverse=query.newest_first)
        if query.after:
            mark = age(self._runs[query.after])
            found = [
                run for run in found if age(run) != mark and (age(run) < mark) is query.newest_first
            ]
        return [copied(run) for run in found[: max(query.limit, 0)]]

    @locked
    def count(self, query: RunQuery) -> dict[Status, int]:
        """How many runs by status."""
        return dict(Counter(run.status for run in self._matching(query)))

    def _matching(self, query: RunQuery) -> list[RunRow]:
        tagged = {
            q.no for q in self._questions.values() if q.state == "open" and q.tag == query.tag
        }
        return [
            run
            for run in self._runs.values()
            if (not query.status or run.status in query.status)
            and query.flow in {None, run.flow}
            and query.queue in {None, run.queue}
            and query.parent in {None, run.parent}
            and (query.tag is None or run.no in tagged)
            and set(query.labels) <= set(run.labels.items())
            and (query.since is None or run.created >= query.since)
            and (query.before is None or run.created < query.before)
        ]

    @locked
    def questions(self, query: QuestionQuery) -> list[QuestionRow]:
        """The questions that a query asks for."""
        if query.after is not None and query.after not in self._questions:
            return []
        opened = iter(self._questions.items())
        if query.after is not None:
            next(place for place, _ in opened if place == query.after)
        found = (
            self._today(question)
            for _, question in opened
            if query.no in {None, question.no}
            and query.tag in {None, question.tag}
            and query.occurrence in {None, question.occurrence}
            and not (query.open_only and question.state != "open")
        )
        return list(islice(found, max(query.limit, 0)))

    @locked
    def definition(self, hash: str) -> str | None:  # noqa: A002 - the contract's word for it
        """The body of a definition."""
        return self._definitions.get(hash)
