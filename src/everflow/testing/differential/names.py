"""From names to a store's own numbers and back, and what is written in names."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from everflow.store import (
    Answer,
    Arrival,
    Batch,
    Cancel,
    ChildEnded,
    Early,
    EntryRow,
    Imported,
    Letter,
    Message,
    NewRun,
    Pause,
    Put,
    QuestionClosed,
    QuestionOpened,
    QuestionRow,
    Record,
    Released,
    RunChange,
    RunQuery,
    RunRow,
    Signal,
    Slice,
    Status,
    Store,
    Unpause,
)
from everflow.testing.differential.edits import entry

NOBODY = 1 << 60  # a number that no store gives


class Names:
    """A store whose runs are named by their ids, and its workers by their order."""

    def __init__(
        self, store: Store, restart: Callable[[Store], Store] = lambda store: store
    ) -> None:
        self.store = store
        self._restart = restart
        self._workers: list[int] = []
        self._here: set[int] = set()  # enlisted since the store was opened: they have a board
        self._numbers: dict[int, int] = {}  # of a worker's last batch
        self._batches: dict[int, Batch] = {}  # a worker's last batch
        self._exports: list[Imported] = []
        self._slices: list[Slice] = []

    def _worker(self, index: int) -> int:
        """The latest has index 0, so that there is always a living one within reach."""
        return self._workers[-1 - index] if index < len(self._workers) else NOBODY

    def _living(self) -> set[int]:
        return {worker.id for worker in self.store.workers() if not worker.gone}

    def _no(self, run: str) -> int:
        row = self.store.find(run)
        return NOBODY if row is None else row.no

    def _nos(self, runs: Sequence[str]) -> list[int]:
        return [self._no(run) for run in runs]

    def _name(self, no: int) -> str:
        rows = self.store.rows([no])
        return rows[0].id if rows else ""

    def _row(self, row: RunRow) -> RunRow:
        owner = self._workers.index(row.owner) + 1 if row.owner else 0
        return structs.replace(row, no=0, owner=owner)

    def _last(self, no: int) -> int:
        return max((seq for _, seq, _, _ in self.store.journal(no, limit=10_000)), default=0)

    def _arrivals(self, arrivals: Sequence[Arrival]) -> list[tuple[str, Message]]:
        return [(self._name(a.no), structs.replace(a.message, no=0)) for a in arrivals]

    def _questions(self, questions: Sequence[QuestionRow]) -> list[QuestionRow]:
        return [structs.replace(question, no=0) for question in questions]

    def _new(self, given: dict[str, Any]) -> NewRun:
        owner = NOBODY if given["owner"] is None else self._worker(given["owner"])
        owner = owner if owner in self._living() else 0
        body = f'["start",{given["at"]}]'
        return NewRun(**given | {"owner": owner, "body": body, "sum": zlib.crc32(body.encode())})

    def _put(self, kind: str, key: str, expect: str | None, **given: Any) -> Put:
        """Versions are the store's own: what is expected is said in words."""
        found = self.store.records(kind, keys=[key])
        there = found[0].version if found else 0
        wanted = {None: None, "none": 0, "there": there, "stale": NOBODY}[expect]
        return Put(kind=kind, key=key, expect=wanted, **given)

    def _letter(self, run: str, of: str | None, **given: Any) -> Letter:
        message: Any = self._message(run=run, **given)
        return Letter(run=run, message=message, of=0 if of is None else self._no(of))

    @staticmethod
    def _records(records: Sequence[Record]) -> list[Record]:
        return [structs.replace(record, version=0) for record in records]

    def _written(self, counts: dict[str, int]) -> list[EntryRow]:
        entries = []
        for run, count in counts.items():
            no = self._no(run)
            if no != NOBODY:
                last = self._last(no)
                seqs = range(last + 1, last + 1 + count)
                entries += [entry(no, seq, f'["{run}",{seq}]') for seq in seqs]
        return entries

    def _change(self, run: str, *, rebase: bool, **given: Any) -> RunChange:
        no = self._no(run)
        rows = self.store.rows([no])
        base = self._last(no) if rebase else (rows[0].base if rows else 0)
        return RunChange(no=no, base=base, **given)

    def _opened(
        self, run: str, tag: str, occurrence: int, at: int, *, early: bool
    ) -> QuestionOpened:
        return QuestionOpened(
            no=self._no(run),
            tag=tag,
            occurrence=occurrence,
            op=f"0/{tag}~{occurrence}",
            position=tag,
            at=at,
            due=None,
            prompt="[0]",
            early=early,
        )

    def _closed(self, run: str, **given: Any) -> QuestionClosed:
        return QuestionClosed(no=self._no(run), **given)

    def _copies(self, worker: int) -> dict[int, str]:
        """Copies that a worker never had as runs: it would write nothing of them."""
        rows = self.store.runs(RunQuery(status=(Status.HANDED_OFF,), limit=1000))
        had = set(self.store.taken_from(worker))
        return {row.no: row.id for row in rows if row.no not in had}

    def _released(self, run: str, *, seen: bool, **given: Any) -> Released:
        """``seen``: all that is in the run's inbox now."""
        no = self._no(run)
        last = max([a.id for one in self.store.load([no]) for a in one.arrivals], default=0)
        return Released(no, seen=last if seen else 0, **given)

    def _applied(self, counts: dict[str, int]) -> list[int]:
        loaded = self.store.load(self._nos(list(counts)))
        return [arrival.id for run in loaded for arrival in run.arrivals[: counts[run.row.id]]]

    def _message(self, kind: str, run: str, **given: Any) -> Message:
        at: dict[str, Any] = {"no": self._no(run), "at": given["at"], "by": given["by"]}
        if kind == "cancel":
            return Cancel(**at)
        if kind in {"pause", "unpause"}:
            return Pause(**at) if kind == "pause" else Unpause(**at)
        if kind == "child":
            return ChildEnded(no=at["no"], at=at["at"], op="op", kind="result", payload="[1]")
        if kind == "signal":
            name = given["tag"]
            return Signal(name=name, key=given["key"], payload=given["payload"], **at)
        at |= {name: given[name] for name in ("tag", "key", "payload")}
        if kind == "early":
            return Early(seen=given["occurrence"] if given["by"] else None, **at)
        return Answer(occurrence=given["occurrence"], **at)
