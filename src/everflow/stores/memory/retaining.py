"""Letting go of ended runs. There are no eras: what is deleted is gone."""

from __future__ import annotations

from everflow.store import BRANCH, OUTCOMES, TENURE, LetGo, Retention, RunRow
from everflow.stores.eraless import Eraless
from everflow.stores.memory.records import Records
from everflow.stores.memory.tables import age, locked


class Retaining(Records, Eraless):
    """``let_go``; there is nothing else to give back."""

    @locked
    def let_go(
        self,
        retention: Retention,
        *,
        after: tuple[int, int] | None = None,
        limit: int = 100,
        dry: bool = False,
    ) -> LetGo:
        """Delete ended runs that are old enough."""
        looked = sorted(
            age(run)
            for run in self._runs.values()
            if run.created < retention.before and (after is None or age(run) > after)
        )[: max(limit, 0)]
        rows = [self._runs[no] for _, no in looked]
        old = [run for run in rows if _ended_before(run, retention.before)]
        gone = [run for run in old if not self._is_kept(run, retention)]
        if not dry:
            for run in gone:
                self._delete(run)
                self._delete_records(run.id, retention.kinds)
            self._version += 1
        return LetGo(
            gone=[run.id for run in gone],
            kept=len(old) - len(gone),
            after=looked[-1] if looked and len(looked) == limit else None,
        )

    def _is_kept(self, run: RunRow, retention: Retention) -> bool:
        labels = (
            name in run.labels and value in {None, run.labels[name]}
            for name, value in retention.keep
        )
        return any(labels) or (TENURE, run.id) in self._records

    def _delete_records(self, run: str, kinds: tuple[str, ...]) -> None:
        branches = [key for key in self._record_keys[BRANCH] if key.startswith(f"{run}/")]
        for place in [(BRANCH, key) for key in branches] + [(kind, run) for kind in kinds]:
            self._take_out(*place)


def _ended_before(run: RunRow, before: int) -> bool:
    return run.status in OUTCOMES and run.ended is not None and run.ended < before
