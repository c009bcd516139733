"""Parking: what becomes of a run that can't go on here. Nothing of it is lost.

Two rules hold here. A run is parked with a reason, and with what it waits for. A run that was
written to in the draft is released after that is committed, and not before.
"""

from __future__ import annotations

import logging

from everflow.core.ops import NodeOp
from everflow.engine.cell import Cell
from everflow.engine.parts import Parts
from everflow.engine.recorder import change_of
from everflow.store import RunRow, Status

__all__ = ["Parking"]

_log = logging.getLogger("everflow.engine")


class Parking:
    """``without``: the definitions that can't be run here."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.without: set[str] = set()

    def block(self, cell: Cell, until: str, reason: str) -> None:
        """Park a run that is in memory."""
        for op in cell.machine.commands():
            if type(op) is NodeOp:
                self._parts.dispatcher.stop(cell, op)
        self._parts.cells.drop(cell.row.no)
        self.block_row(cell.row, until, reason, missing=False)

    def block_row(self, row: RunRow, until: str, reason: str, *, missing: bool) -> None:
        """Park a run that isn't; ``missing``: no run of its definition can go on here."""
        draft = self._parts.recorder.draft
        no = row.no
        if missing and self._parts.guest:
            self.without.add(row.definition)
            self._parts.store.release(self._parts.ownership.worker, [no])
            return
        _log.warning("run %s of %s is blocked until %s: %s", row.id, row.flow, until, reason)
        if missing:
            self.without.add(row.definition)
        if missing or until == "operator":
            worker = self._parts.ownership.worker
            draft.after.append(lambda: self._parts.store.release(worker, [no]))
        if (row.status, row.until, row.reason) != (Status.BLOCKED, until, reason) or not missing:
            row.status, row.until, row.reason, row.due = Status.BLOCKED, until, reason, None
            draft.changes.append(change_of(row))
        elif missing:
            self._parts.store.release(self._parts.ownership.worker, [no])

    def leave(self, cell: Cell, reason: str) -> None:
        """Park a run until code that something was written to just now."""
        row, parts = cell.row, self._parts
        parts.cells.drop(row.no)
        self.without.add(row.definition)
        worker, no = parts.ownership.worker, row.no
        parts.recorder.draft.after.append(lambda: parts.store.release(worker, [no]))
        row.status, row.until, row.reason, row.due = Status.BLOCKED, "code", reason, None
        parts.recorder.draft.changes.append(change_of(row))
