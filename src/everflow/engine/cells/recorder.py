"""The recorder: the one place where a run learns something.

``record`` tells the machine an entry and puts the entry, and all rows that follow from it, into the
draft of the next batch. What the entry opened is handed to ``opened``; a node with effects is begun
only after the draft is committed, which is why the draft keeps what it releases.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from everflow.core.definition import Definition
from everflow.core.entries import Entry, Kind, row_of
from everflow.core.journal import base_entry, outcome_text
from everflow.core.ops import CallOp, NodeOp, Op, QuestionOp, TimerOp
from everflow.core.refs import SMALL
from everflow.engine.cells.cell import Cell
from everflow.engine.cells.draft import Draft, Ending
from everflow.engine.given.questions import opened as row_of_question
from everflow.store import (
    OUTCOMES,
    ChildEnded,
    Letter,
    QuestionClosed,
    RunChange,
    RunRow,
    Status,
)

__all__ = ["Recorder", "change_of"]

RESTING = frozenset({Status.WAITING, Status.SUSPENDED})
RUNNING_FLOOR = 16  # times as much must have come while a run is running: it may rest soon


class Recorder:
    """Builds the draft. ``opened(cell, op)`` is told every op that an entry opened or stopped."""

    def __init__(self, opened: Callable[[Cell, Op], None], base_floor: int) -> None:
        self._opened = opened
        self._floor = base_floor
        self.draft = Draft()
        self.now = 0
        self.late = 0  # results of closed ops: dropped and counted

    def take(self) -> Draft:
        """Close the draft: what every touched run's row is to say is added, and a new one begun."""
        draft, self.draft = self.draft, Draft()
        for cell in draft.touched.values():
            cell.touched = False
            going_on = cell.nodes and cell.row.status is Status.RUNNING and not cell.changed
            if not cell.dropped and (not going_on or cell.grown > self._floor * RUNNING_FLOOR):
                self._stand(draft, cell)
        return draft

    def touch(self, cell: Cell) -> None:
        """The run's standing may change with this draft."""
        if not cell.touched:
            cell.touched = True
            self.draft.touched[cell.row.no] = cell
            if cell.machine.state.called:
                self.draft.called.append(cell)

    def take_up(self, cell: Cell) -> None:
        """A run came into memory. One that rests has its calls in the store with what it rests by.

        All others' are sent again.
        """
        self.touch(cell)
        if cell.row.status not in RESTING:
            ops = cell.machine.state.ops.values()
            self.draft.calls += [(cell, op) for op in ops if type(op) is CallOp]

    def record(
        self,
        cell: Cell,
        kind: str,
        op: str = "",
        payload: str = "null",
        node: str = "",
        source: int | None = None,
        ticks: int = 0,
        note: str = "",
    ) -> None:
        """Tell the run one thing, and write down that it was told."""
        machine = cell.machine
        seq = machine.seq + 1
        entry = Entry(seq, self.now, kind, op, payload, node, source, ticks, note)
        machine.tell(entry)
        row = row_of(cell.row.no, entry)
        self.draft.entries.append(row)
        cell.grown += len(row[2])
        if len(payload) > SMALL:
            cell.remember(seq, payload)
        if not cell.touched:
            self.touch(cell)
        if kind == Kind.WANTED:
            cell.nodes -= 1
        if machine.gone:
            cell.close_bodies(machine.gone)
        if machine.closed:
            self._count_closed(cell, machine.closed, entry)
        for question in machine.answered:
            self._list(cell, question, early=True)
        if machine.opened:
            self._count_opened(cell, machine.opened)

    def move(self, cell: Cell, kind: str, led_to: Definition, payload: str = "null") -> None:
        """Go on under another definition; the journal says so from where on."""
        self.record(cell, kind, payload=payload, note=led_to.hash)
        self.draft.definitions.append((led_to.hash, led_to.body))
        cell.machine.move(led_to.program)
        cell.definition, cell.row.definition = led_to, led_to.hash
        cell.changed = True

    def _count_closed(self, cell: Cell, ops: list[Op], entry: Entry) -> None:
        for op in ops:
            if type(op) is not NodeOp:
                self._closed(cell, op, entry)
            elif not op.asking:
                cell.nodes -= 1

    def _count_opened(self, cell: Cell, ops: list[Op]) -> None:
        for op in ops:
            if type(op) is not NodeOp:
                self._note_opened(cell, op)
            elif not op.stopping:
                cell.nodes += 1
            if type(op) is CallOp:
                self.draft.calls.append((cell, op))
        for op in ops:  # now that the counts are right: what was opened may be stopped at once
            self._opened(cell, op)

    def _closed(self, cell: Cell, op: Op, entry: Entry) -> None:
        if type(op) is TimerOp:
            cell.timers -= 1
        elif type(op) is QuestionOp:
            cell.questions -= 1
            cell.asked.pop((op.tag, op.occurrence), None)
            state: Literal["answered", "expired", "cancelled"] = "cancelled"
            if entry.kind == Kind.ANSWER and entry.op == op.id:
                state = "answered"
            elif entry.kind == Kind.FIRED:
                state = "expired"
            closing = QuestionClosed(cell.row.no, op.tag, op.occurrence, state)
            self.draft.closed.append(closing)

    def _note_opened(self, cell: Cell, op: Op) -> None:
        if type(op) is TimerOp:
            cell.timers += 1
        elif type(op) is QuestionOp:
            cell.questions += 1
            self.open_question(cell, op)

    def open_question(self, cell: Cell, op: QuestionOp) -> None:
        """Have the store list a question, so that it can be answered."""
        cell.asked[op.tag, op.occurrence] = op.id
        self._list(cell, op, early=False)

    def _list(self, cell: Cell, op: QuestionOp, *, early: bool) -> None:
        machine = cell.machine
        row = row_of_question(cell.row.no, op, machine.program, machine.sites, early=early)
        self.draft.opened.append(row)

    def _stand(self, draft: Draft, cell: Cell) -> None:
        """Add the change of a run's row if it stands elsewhere than the store knows."""
        row, machine = cell.row, cell.machine
        status = cell.status()
        ended = status in OUTCOMES
        resting = cell.resting and not ended
        floor = self._floor if resting else self._floor * RUNNING_FLOOR
        if not ended and cell.grown > floor and cell.grown > cell.weight():
            self._rebase(draft, cell)
        due = machine.next_due() if resting and cell.timers else None
        if not cell.changed and row.status == status and row.due == due:
            return
        cell.changed = False
        row.status, row.due, row.until, row.reason = status, due, "", ""
        outcome = machine.outcome
        if outcome is not None and ended:
            row.ended, row.outcome = self.now, outcome_text(outcome)
            if row.no in draft.endings and row.parent is not None:
                draft.letters.append(self._news(cell, row.parent, draft.endings[row.no]))
        draft.changes.append(change_of(row))

    def _news(self, cell: Cell, parent: str, ending: Ending) -> Letter:
        """What a caller is told, provided that the store takes the outcome."""
        op = cell.machine.state.called.op  # type: ignore[union-attr]  # it has an ending
        _, kind, payload = ending
        told = ChildEnded(no=0, op=op, kind=kind, payload=payload, at=self.now)
        return Letter(run=parent, message=told, of=cell.row.no)

    def _rebase(self, draft: Draft, cell: Cell) -> None:
        """Write a snapshot: the fold begins at it from now on."""
        machine = cell.machine
        entry = base_entry(machine, self.now, cell.row.definition)
        machine.tell(entry)
        draft.entries.append(row_of(cell.row.no, entry))
        cell.row.base = entry.seq
        cell.grown, cell.base_size, cell.changed = 0, len(entry.payload), True


def change_of(row: RunRow) -> RunChange:
    """The change that writes a row's standing as it is."""
    return RunChange(
        row.no,
        row.status,
        row.until,
        row.reason,
        row.due,
        row.base,
        row.ended,
        row.outcome,
        row.definition,
        row.deaths,
    )
