"""Ties: what keeps a run where it is, and what is left behind where it was.

Three rules hold. Who was asked for something by a run, or asked it, knows this instance alone: so a
planned handoff waits until nobody waits for anybody. A run that was taken away leaves nothing that
acts for it: its calls of peers aren't carried any more, and the runs that it waits for here are
cancelled, since its new owner has its own. And what is read here needs no code of a flow.
"""

from __future__ import annotations

from everflow.core.machine import Machine
from everflow.core.ops import CallOp
from everflow.engine.asking.client import Client
from everflow.engine.cells.history import History
from everflow.engine.records.errands import ERRAND, STOP, errands_of
from everflow.store import OUTCOMES, Cancel, Letter, Put, RunQuery, RunRow, Store

__all__ = ["let_loose", "ties_of"]

PAGE = 500


def ties_of(store: Store, run: str) -> list[str]:
    """Why a run can't be given away now, in words; nothing where it can."""
    row = store.find(run)
    if row is None or row.status in OUTCOMES:
        return []
    machine = _machine(store, row)
    found = [
        f"it waits for {op.flow} at the peer {op.peer}" if op.peer else f"it waits for {op.flow}"
        for op in machine.state.ops.values()
        if isinstance(op, CallOp) and not op.detached
    ]
    if machine.state.called and row.parent is None:
        found.append("a peer called it, and waits for its end")
    elif machine.state.called and _goes_on(store, row.parent):
        found.append(f"the run {row.parent} called it, and waits for its end")
    return found


def let_loose(client: Client, run: str, holder: str) -> None:
    """See to what a run left behind that another instance has."""
    store, at = client.store, client.clock.wall()
    puts = [
        Put(kind=kind, key=record.key, body=None)
        for record in errands_of(store, run)
        for kind in (ERRAND, STOP)
    ]
    by = f"run {run}, which {holder} has"
    letters = [
        Letter(run=child, message=Cancel(no=0, at=at, by=by)) for child in _awaited(store, run)
    ]
    if puts or letters:
        store.write(puts, at=at, letters=letters)
        client.nudge()


def _awaited(store: Store, run: str) -> list[str]:
    """The runs that a run called here and that go on; those that it doesn't wait for are free."""
    found: list[str] = []
    after = 0
    while True:
        page = store.runs(RunQuery(parent=run, after=after, limit=PAGE))
        going = [child for child in page if child.status not in OUTCOMES]
        found += [c.id for c in going if _machine(store, c).state.called]
        if len(page) < PAGE:
            return found
        after = page[-1].no


def _goes_on(store: Store, run: str | None) -> bool:
    row = store.find(run) if run else None
    return row is not None and row.status not in OUTCOMES


def _machine(store: Store, row: RunRow) -> Machine:
    return History(store, row).machine()
