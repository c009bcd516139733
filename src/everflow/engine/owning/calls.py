"""Calls: runs that runs start, and what these tell them of their ends.

Three rules hold here. A child's start is in the transaction of the entry that asked for it, and its
end's news in that of its outcome, so that no crash comes between. A child's id follows from its
caller, so that what isn't known to have been started is started again, which changes nothing. All
that has to be read is read before a draft is closed, so that a store that is away leaves it as it
is.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from everflow.core.combine.call import child_run
from everflow.core.entries import Entry, Kind, row_of
from everflow.core.faults import encode_error
from everflow.core.ops import CallOp
from everflow.core.state import Done, Failed
from everflow.engine.cells.cell import Cell
from everflow.engine.cells.draft import Draft, Ending
from everflow.engine.cells.loader import Definitions
from everflow.engine.owning.parts import Parts
from everflow.engine.records.errands import ERRAND, errand_put, stop_put
from everflow.errors import StoreDamaged
from everflow.store import Cancel, ChildEnded, Letter, NewRun, RunRow

__all__ = ["Calls"]


class Calls:
    """Sees to each draft before it is closed. ``block`` parks a run, ``nudge`` has inboxes read."""

    def __init__(
        self,
        parts: Parts,
        block: Callable[[Cell, str, str], None],
        nudge: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._definitions: Definitions = parts.definitions
        self._block = block
        self._nudge = nudge

    def look(self) -> None:
        """Put in the draft what it starts, stops and tells."""
        draft = self._parts.recorder.draft
        while draft.calls:
            cell, op = draft.calls[0]
            if not cell.dropped and cell.machine.state.ops.get(op.id) is op:
                try:
                    self._call(draft, cell, op)
                except StoreDamaged as error:
                    self._block(cell, "store", error.message)
            draft.calls.popleft()
        for cell in draft.called:
            try:
                self._end(draft, cell)
            except StoreDamaged as error:
                self._block(cell, "store", error.message)

    def _call(self, draft: Draft, cell: Cell, op: CallOp) -> None:
        recorder, machine = self._parts.recorder, cell.machine
        child = child_run(machine.run, machine.state.generation, op.id)
        if op.peer:
            self._send_out(draft, cell, op, child)
            return
        started = op.id in cell.called
        if not started and not (op.detached and op.stopping):
            started = self._start(draft, cell, op, child)
            if not started and not op.stopping:
                self._lack(cell, op)
                return
        if op.detached and not op.stopping:
            recorder.record(cell, Kind.CHILD, op.id, f'"{child}"', note="result")
        elif not started:
            recorder.record(cell, Kind.CHILD, op.id, note="cancelled")
        elif op.stopping:
            message = Cancel(no=0, at=recorder.now, by=f"run {machine.run}")
            draft.letters.append(Letter(run=child, message=message, source=cell.no))
            draft.after.append(self._nudge)

    def _start(self, draft: Draft, cell: Cell, op: CallOp, child: str) -> bool:
        """Start a child, which may be there already; False when its flow isn't here."""
        definition = self._definitions.today(op.flow)
        if definition is None:
            return self._parts.store.find(child) is not None
        queue = definition.program.flow.queue_of_flow
        if queue and not op.detached and self._has_place(cell, queue):
            queue = ""
        now, depth = self._parts.recorder.now, cell.machine.state.depth + 1
        payload = cell.payload(op.input, self._fetch)
        caller, depth = ("", 0) if op.detached else (op.id, depth)
        entry = Entry(
            0, now, Kind.START, caller, payload, definition.hash, None, ticks=depth, note=child
        )
        _, _, body, checksum = row_of(0, entry)
        draft.starts.append(
            NewRun(
                id=child,
                flow=op.flow,
                definition=definition.hash,
                body=body,
                sum=checksum,
                at=now,
                parent=cell.machine.run,
                queue=queue,
            )
        )
        if (definition.hash, definition.body) not in draft.definitions:
            draft.definitions.append((definition.hash, definition.body))
        cell.called.add(op.id)
        draft.after.append(self._nudge)
        return True

    def _has_place(self, cell: Cell, queue: str) -> bool:
        """Whether the caller, or whoever waits for it, is in that queue.

        Then a child that waited there for its turn would wait for the end of its own caller.
        """
        row: RunRow | None = cell.row
        for _ in range(cell.machine.state.depth):
            if row is None or row.queue == queue:
                break
            row = self._parts.store.find(row.parent) if row.parent else None
        return row is not None and row.queue == queue

    def _send_out(self, draft: Draft, cell: Cell, op: CallOp, child: str) -> None:
        """Have a peer asked, or told to stop; once, however often the run is taken up."""
        recorder, now = self._parts.recorder, self._parts.recorder.now
        known = (
            op.id in cell.called
            or bool(self._parts.store.records(ERRAND, keys=[child]))
            or self._is_told(cell, op)
        )
        if not known and op.stopping:
            recorder.record(cell, Kind.CHILD, op.id, note="cancelled")
        elif not known:
            payload = cell.payload(op.input, self._fetch)
            depth, run = cell.machine.state.depth + 1, cell.machine.run
            put = errand_put(child, run, op, payload, at=now, depth=depth)
            draft.puts.append(replace(put, source=cell.no))
            cell.called.add(op.id)
        elif op.stopping:
            draft.puts.append(replace(stop_put(child, at=now), source=cell.no))

    def _is_told(self, cell: Cell, op: CallOp) -> bool:
        """Whether the end waits in the run's inbox: its carrier forgets an errand only after that.

        So this is looked at last. What is asked again then would be done again.
        """
        standing = self._parts.store.standing(cell.no)
        if standing is None or not standing[1]:
            return False
        arrivals = (
            arrival for run in self._parts.store.load([cell.no]) for arrival in run.arrivals
        )
        ends = (found.message for found in arrivals if isinstance(found.message, ChildEnded))
        return any(end.op == op.id for end in ends)

    def _lack(self, cell: Cell, op: CallOp) -> None:
        where = f"at {op.position} it calls {op.flow!r}, and no module imported here has that flow"
        self._block(cell, "code", f"{where}; it goes on by itself once one is imported")

    def _end(self, draft: Draft, cell: Cell) -> None:
        """Note what the caller is to be told, if the run ended."""
        outcome = cell.machine.outcome
        known = draft.endings.get(cell.no)
        if outcome is None or (known is not None and known.outcome is outcome):
            return
        if isinstance(outcome, Done):
            payload = cell.payload(outcome.value, self._fetch)
            draft.endings[cell.no] = Ending(outcome, "result", payload)
        elif isinstance(outcome, Failed):
            draft.endings[cell.no] = Ending(outcome, "error", encode_error(outcome.error))
        else:
            draft.endings[cell.no] = Ending(outcome, "cancelled", "null")
        draft.after.append(self._nudge)

    def _fetch(self, no: int, seq: int) -> str:
        return self._parts.store.entries(no, [seq])[seq]
