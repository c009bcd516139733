"""Handing: what is here of a run that other instances have, too, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence

from everflow.errors import StoreError
from everflow.store import Branch, Hand, Slice, Tenure
from everflow.stores.sqlite.desk import Desk


class Handing(Desk):
    """The verbs for runs that more than one instance has."""

    def taken_from(self, worker: int) -> list[int]:  # noqa: ARG002 - the contract's
        """The runs that were taken from the worker."""
        return []

    def tenures(self, runs: Sequence[str]) -> list[Tenure]:
        """What is here of these runs."""
        return [Tenure(run=run, body="", version=0, seq=0, rev=0, status=None) for run in runs]

    def slice(self, run: str, after: int) -> Slice:  # noqa: ARG002 - the contract's
        """What is shipped of a run."""
        raise StoreError("a file can't do that yet", run=run)

    def hand(self, act: Hand, *, at: int) -> bool:  # noqa: ARG002 - the contract's
        """Write a tenure and what follows from it."""
        raise StoreError("a file can't do that yet", run=act.run)

    def branches(self, run: str) -> list[Branch]:  # noqa: ARG002 - the contract's
        """What was set aside of a run."""
        return []
