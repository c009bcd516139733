"""Spoiling: runs of which the store refuses for good what they learn, until somebody mends that.

What it refuses is the run's alone: it is set aside where it stands in the store, and all others go
on. Nothing of it is written meanwhile, so that its nodes may be begun again once it is adopted.
"""

from __future__ import annotations

from collections.abc import Container
from random import Random

from everflow.engine.asking.client import Client
from everflow.errors import StoreError
from everflow.store import OUTCOMES, Batch, RunQuery, RunRow, Status
from everflow.stores.memory import MemoryStore
from everflow.stores.refusals import Inconsistent
from everflow.testing.simulator.untrue import claim

__all__ = ["SPOILING", "Spoiling", "SpoiltStore"]

SPOILING = {"spoil": 3.0, "mend": 2.0}
TRULY = 0.6  # of the runs that are adopted what was wrong with them is mended


class SpoiltStore(MemoryStore):
    """A store that takes no entries of the runs in ``spoilt``."""

    def __init__(self) -> None:
        super().__init__()
        self.spoilt: set[int] = set()
        self.refused: set[int] = set()  # of these, ever

    def _write(self, batch: Batch) -> list[int]:
        against = {entry[0] for entry in batch.entries} & self.spoilt
        if against:
            self.refused |= against
            raise Inconsistent("The simulated store refused an inconsistent row.")
        return super()._write(batch)


class Spoiling:
    """Who spoils and mends. ``gone``: workers that own nothing any more."""

    def __init__(self, base: SpoiltStore, gone: Container[int]) -> None:
        self._base = base
        self._gone = gone  # workers

    def _rows(self) -> list[RunRow]:
        return [r for r in self._base.runs(RunQuery(limit=1000)) if r.status not in OUTCOMES]

    def spoil(self, client: Client, pick: int, dice: Random) -> str:
        """Have nothing more written of some run."""
        rows = self._rows()
        if not rows:
            return "there is nothing to spoil"
        row = rows[pick % len(rows)]
        self._base.spoilt.add(row.no)
        return f"run {row.no}"

    def mend(self, client: Client, pick: int, dice: Random) -> str:
        """Adopt some run that was set aside, whether it is mended or not."""
        rows = [row for row in self._rows() if self.is_aside(row)]
        if not rows:
            return "nothing is set aside"
        row = rows[pick % len(rows)]
        if dice.random() < TRULY:
            self._base.spoilt.discard(row.no)
        return self._adopt(client, row)

    def _adopt(self, client: Client, row: RunRow) -> str:
        try:
            adopted = client.adopt(row.id)
        except StoreError as error:
            return f"run {row.no}: unclear, {error.code}"
        return f"run {row.no} is {'adopted' if adopted else 'not free'}"

    def is_aside(self, row: RunRow) -> bool:
        """Whether a run is set aside; only one that the store had refused may be."""
        if row.status is not Status.BLOCKED:
            return False
        told = row.until == "operator" and row.reason.startswith("store_refused")
        claim(told, "no run is blocked", f"{row.flow}: {row.reason}")
        claim(row.no in self._base.refused, "nobody is blamed for another's refusal", row.no)
        return True

    def check_rest(self) -> None:
        """When nothing moves: who was set aside is nobody's, and is or was spoilt."""
        for row in self._rows():
            if self.is_aside(row):
                free = row.owner == 0 or row.owner in self._gone
                claim(free, "what is set aside is nobody's", (row.no, row.owner))

    def release(self, client: Client) -> None:
        """Mend everything."""
        self._base.spoilt.clear()
        for row in self._rows():
            if self.is_aside(row):
                self._adopt(client, row)
