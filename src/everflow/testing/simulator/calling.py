"""What must hold between a run that calls and the runs that it called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from everflow.core.combine.call import child_run
from everflow.core.entries import Entry, Kind
from everflow.core.machine import Machine
from everflow.core.ops import CallOp
from everflow.core.refs import compose
from everflow.core.state import Done
from everflow.store import OUTCOMES, RunRow, Status
from everflow.stores.memory import MemoryStore
from everflow.testing.simulator.untrue import claim

__all__ = ["Ties"]

_ENDS = {"result": Status.DONE, "error": Status.FAILED, "cancelled": Status.CANCELLED}


class Ties:
    """``machines`` and ``journals`` are the ledger's, by the runs' numbers."""

    def __init__(
        self,
        base: MemoryStore,
        machines: Mapping[int, Machine],
        journals: Mapping[int, Sequence[Entry]],
    ) -> None:
        self._base, self._machines, self._journals = base, machines, journals

    def check_entry(self, no: int, entry: Entry) -> None:
        """What a caller is told of a child is what became of it, in an entry to come."""
        machine = self._machines[no]
        op = machine.state.ops.get(entry.op)
        if entry.kind != Kind.CHILD or type(op) is not CallOp:
            return
        child = self._child(machine, op)
        where = (no, entry, child)
        if child is None:
            unborn = op.stopping and entry.note == "cancelled"
            claim(unborn, "a child that is told of was started", where)
        elif not op.detached:
            told = child.status is _ENDS[entry.note]
            claim(told, "a caller is told what became of its child", where)
            outcome = self._machines[child.no].outcome
            if isinstance(outcome, Done):
                journal = self._journals[child.no]
                value = compose(outcome.value, lambda seq: journal[seq].payload)
                claim(value == entry.payload, "a caller gets its child's value", where)

    def check_rest(self, row: RunRow) -> None:
        """When nothing moves, who waits for a child waits for one that goes on."""
        machine = self._machines[row.no]
        for op in machine.state.ops.values():
            if type(op) is not CallOp:
                continue
            child = self._child(machine, op)
            goes_on = child is not None and child.status not in OUTCOMES
            claim(goes_on, "who waits for a child isn't left waiting", (row.no, op, child))
            if child is not None and op.stopping:
                claim(child.cancel, "a cancel goes down", (row.no, op, child.no))
        if row.parent is not None:
            self._check_child(row, row.parent)

    def _check_child(self, row: RunRow, parent: str) -> None:
        caller = self._base.find(parent)
        claim(caller is not None, "who called a run is there", row)
        called = self._machines[row.no].state.called
        if called and caller is not None:
            own = child_run(parent, caller.generation, called.op) == row.id
            claim(own, "an op calls one run", (row.no, called))
            if caller.status in OUTCOMES:
                over = row.status in OUTCOMES
                claim(over, "no child outlives who waits for it", (row.no, caller.no))

    def _child(self, machine: Machine, op: CallOp) -> RunRow | None:
        return self._base.find(child_run(machine.run, machine.state.generation, op.id))
