"""What operators do to runs of any status: the next generation, and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from everflow.store import Put, QuestionRow, Reopened, RunRow, Status
from everflow.stores.memory.records import Records
from everflow.stores.memory.tables import locked


class Operating(Records):
    """``reopen`` and ``relabel``."""

    @locked
    def reopen(self, runs: Sequence[Reopened], *, at: int) -> list[bool]:
        """Open the next generation of failed runs."""
        self._version += 1
        return [self._reopen(given, at) for given in runs]

    def _reopen(self, given: Reopened, at: int) -> bool:
        run = self._runs.get(given.no)
        if run is None or run.status is not Status.FAILED or run.generation != given.generation:
            return False
        _, seq, body, checksum = given.entry
        if seq != max(self._entries[run.no]) + 1:
            return False
        self._entries[run.no][seq] = (run.no, seq, body, checksum)
        run.status, run.generation, run.base = Status.QUEUED, given.generation + 1, seq
        run.until = run.reason = ""
        run.ended = run.due = run.outcome = run.admitted = None
        run.owner = run.deaths = 0
        run.updated = at
        self._put(given.puts, at)
        for opened in given.questions:
            fields = {name: getattr(opened, name) for name in _OPENED}
            self._questions[run.no, opened.tag, opened.occurrence] = _question(run, fields)
        return True

    @locked
    def relabel(
        self,
        nos: Sequence[int],
        labels: Mapping[str, str | None],
        puts: Sequence[Put] = (),
        *,
        at: int,
    ) -> None:
        """Give and take labels."""
        self._put(puts, at)
        self._version += 1
        runs = (self._runs[no] for no in nos if no in self._runs)
        for run in (run for run in runs if run.status is not Status.HANDED_OFF):
            for name, value in labels.items():
                if value is None:
                    run.labels.pop(name, None)
                else:
                    run.labels[name] = value


_OPENED = ("tag", "occurrence", "op", "position", "at", "due", "prompt")


def _question(run: RunRow, fields: dict[str, object]) -> QuestionRow:
    where = {"no": run.no, "run": run.id, "flow": run.flow, "definition": run.definition}
    return QuestionRow(state="open", key=None, **where, **fields)  # type: ignore[arg-type]  # the same names and types
