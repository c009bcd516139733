"""Settling: what a node wrote is kept as a list that tests can look at, beside its result."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from everflow.errors import Fenced, StoreError
from everflow.store import OUTCOMES, NewRun, Settled, Settlement, SideRow
from everflow.stores.memory.tables import copied, locked
from everflow.stores.memory.writing import Writing


class Settling(Writing):
    """``settle``; nothing executes the statements, so none of them fails."""

    @locked
    def settle(
        self,
        settled: Settled | None,
        statements: Sequence[SideRow] = (),
        *,
        worker: int = 0,
        epoch: int = 0,
        starts: Sequence[NewRun] = (),
        definitions: Sequence[tuple[str, str]] = (),
        within: object = None,
    ) -> Settlement | None:
        """Keep the statements, put the result into the inbox, and start the runs."""
        if within is not None:
            raise StoreError("Nobody's transaction is open in a store in memory.")
        if settled is not None:
            self._check_epoch(worker, epoch)
            if not self._may_settle(worker, settled.no):
                return None
            known = self._settled(settled)
            if known:
                return Settlement(id=known, started=self.start(starts))
        self._check_numbers(starts)
        self.side.extend(copy.deepcopy(statements))
        if settled is not None:
            self._post(settled)
        started = [copied(row) for row in self.start(starts, definitions)]
        return Settlement(id=0 if settled is None else self._last_arrival, started=started)

    def _check_epoch(self, worker: int, epoch: int) -> None:
        if not self._lives(worker) or self._workers[worker].epoch != epoch:
            raise Fenced(f"worker {worker} was deposed", hint="enlist again")

    def _may_settle(self, worker: int, no: int) -> bool:
        run = self._runs.get(no)
        owned = run is not None and run.owner == worker and run.status not in OUTCOMES
        return owned and no not in self._taken.get(worker, {})

    def _settled(self, settled: Settled) -> int:
        """The id of the message of that op which is in the inbox, or 0."""
        for arrival in self._inbox.values():
            known = arrival.message
            if isinstance(known, Settled) and (known.no, known.op) == (settled.no, settled.op):
                return arrival.id
        return 0
