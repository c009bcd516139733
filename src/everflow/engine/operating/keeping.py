"""What a client may do with runs that are there, without executing or telling them anything.

No call here needs the code of a flow. What is pruned is what no run can come to need: the entries
before its base that neither the base nor the outcome nor an open question refers to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, BinaryIO

import msgspec

from everflow.clock import Clock
from everflow.core.definition import Definition
from everflow.core.entries import decode_body
from everflow.core.journal import read_outcome
from everflow.core.ops import AnyRef
from everflow.core.refs import seqs
from everflow.core.state import Done, live_seqs, state_of
from everflow.engine.given.ids import Random
from everflow.engine.given.replies import require_here
from everflow.engine.operating.retaining import Retained, no_such_run, retain
from everflow.engine.records.audit import audit
from everflow.engine.records.debounce import put_off, to_come
from everflow.errors import CallerError
from everflow.store import TENURE, NewRun, Put, QuestionQuery, QuestionRow, RunRow, Store
from everflow.stores.aside import Sweep, sweep
from everflow.stores.layer import as_kept, innermost
from everflow.stores.transfer import ImportReport, export_runs, import_runs
from everflow.stores.urls import is_url, shown

__all__ = ["Keeper"]

PAGE = 1_000
_refs: msgspec.json.Decoder[AnyRef] = msgspec.json.Decoder(AnyRef)


class Keeper:
    """Looks at the runs of a store, and keeps them. ``nudge`` is called once runs were queued."""

    def __init__(
        self, store: Store, nudge: Callable[[], None] | None, clock: Clock, random: Random
    ) -> None:
        self.store = store
        self.clock = clock
        self._nudge = nudge
        self.random = random

    def nudge(self) -> None:
        """Have the runs looked at for which something was written, if they are executed here."""
        if self._nudge is not None:
            self._nudge()

    def _line(self, action: str, row: RunRow, by: str, **detail: Any) -> Put:
        """The audit's record of something that is done to a run."""
        at = self.clock.wall()
        return audit(action, at=at, by=by, run=row.id, random=self.random, **detail)

    def record(self, action: str, row: RunRow, by: str, **detail: Any) -> None:
        """Write it down in the audit."""
        self.store.write([self._line(action, row, by, **detail)], at=self.clock.wall())

    # --- looking

    def row(self, run: str) -> RunRow:
        """A run's row; NoSuchRun when there is none of that id."""
        found = None
        if isinstance(run, str):
            found = self.store.find(run) or to_come(self.store, run) or self.store.find(run)
        if found is None:
            raise no_such_run(self.store, run, "`everflow list` shows the runs there are")
        return found

    def _put_off(self, prepared: tuple[NewRun, Definition, str], debounce: timedelta) -> RunRow:
        run, definition, _ = prepared
        row = put_off(self.store, run, (definition.hash, definition.body), debounce)
        if self._nudge is not None:
            self._nudge()
        return row

    def questions(self, run: str | None = None) -> list[QuestionRow]:
        """The open questions of a run, or of all runs, in the order of their opening."""
        return self.open_questions(None if run is None else self.row(run).no)

    def open_questions(self, no: int | None, tag: str | None = None) -> list[QuestionRow]:
        """All open questions of a run, or of all runs; those of a tag, or all."""
        found: list[QuestionRow] = []
        while True:
            last = (found[-1].no, found[-1].tag, found[-1].occurrence) if found else None
            page = self.store.questions(QuestionQuery(no=no, tag=tag, after=last, limit=PAGE))
            found += page
            if len(page) < PAGE:
                return found

    # --- keeping

    def adopt(self, run: str, *, by: str = "") -> bool:
        """Let a run go on that was put aside: imported and paused, or blocked until the operator.

        It is queued for a worker. False for any other run, which is left as it is.
        """
        row = self.row(run)
        require_here(row)
        (adopted,) = self.store.adopt([row.no])
        if adopted:
            self.record("adopt", row, by)
            self.nudge()
        return adopted

    def export(self, runs: Sequence[str], file: BinaryIO) -> int:
        """Write runs with all that is their own as checked JSON Lines; give how many.

        Runs of a sealed store stay sealed: who imports them needs their keys to read them. A copy
        of a run that another instance has is RunHandedOff: it is exported there.
        """
        rows = [self.row(run) for run in runs]
        for row in rows:
            require_here(row)
        return export_runs(as_kept(self.store), [row.no for row in rows], file)

    def import_runs(
        self, file: BinaryIO, *, replace: bool = False, adopt: bool = False
    ) -> ImportReport:
        """Bring the runs of an export, gzipped or not, into the store; say what became of each.

        Live runs arrive paused, so that a copy doesn't act, unless they are to be adopted at once.
        ``replace``: a run with another history here is replaced, not left. ImportRefused for a file
        that is cut, edited or no export.
        """
        report = import_runs(self.store, file, replace=replace, adopt=adopt)
        if adopt:
            self.nudge()
        return report

    def backup(self, place: str | os.PathLike[str]) -> None:
        """Copy the whole store, of one moment, to a file that doesn't exist yet."""
        if is_url(os.fspath(place)):
            raise CallerError(
                f"a backup is a file, not {shown(os.fspath(place))}",
                hint="everflow move carries runs to another store",
            )
        self.store.backup(os.fspath(place))

    def prune(self, run: str, *, dry: bool = False, by: str = "") -> int:
        """Delete the entries that the run can't come to need; how many. With ``dry``, only count.

        They are gone from ``show`` and from exports. Everything since the run's latest base stays,
        so that a run without one keeps all; so does one that other instances have, too.
        """
        row = self.row(run)
        if row.base == 0 or self.store.records(TENURE, keys=[row.id]):
            return 0
        keep = self._needed(row)
        if not dry:
            pruned = self.store.prune(row.no, before=row.base, keep=sorted(keep))
            self.record("prune", row, by, entries=pruned)
            return pruned
        return sum(seq not in keep for seq in self._old(row))

    def retain(
        self,
        *,
        before: int,
        keep: Sequence[tuple[str, str | None]] = (),
        dry: bool = False,
        by: str = "",
        progress: Callable[[Retained], None] | None = None,
    ) -> Retained:
        """Let go of the runs that ended before a time, in microseconds, with all that is theirs.

        Runs with one of these labels, (name, value or None for any), are kept, and so are those
        that other instances have, too. Their ids and keys are free then. With ``dry``, only count.
        """
        return retain(
            self.store,
            before=before,
            at=self.clock.wall(),
            keep=keep,
            dry=dry,
            by=by,
            progress=progress,
            random=self.random,
        )

    def sweep(self, *, now: int, dry: bool = False) -> Sweep:
        """Delete the large values that nothing refers to any more. It reads every journal."""
        return sweep(innermost(self.store), now=now, dry=dry)

    def _needed(self, row: RunRow) -> set[int]:
        """Entries from before the base whose payloads are still referred to."""
        base = decode_body(self.store.entries(row.no, [row.base])[row.base])
        needed = live_seqs(state_of(base.payload))
        outcome = read_outcome(row.outcome) if row.outcome else None
        if isinstance(outcome, Done):
            needed |= set(seqs(outcome.value))
        for question in self.open_questions(row.no):
            needed |= set(seqs(_refs.decode(question.prompt)))
        return {seq for seq in needed if seq < row.base}

    def _old(self, row: RunRow) -> Iterator[int]:
        """The entries before the base that are there."""
        first = 0
        while page := self.store.journal(row.no, first=first, limit=PAGE):
            for _, seq, _, _ in page:
                if seq >= row.base:
                    return
                yield seq
            first = page[-1][1] + 1
