"""The inbox: how a message that was accepted for a run becomes an entry of its journal.

Two rules hold here. A message's row goes in the batch that journals it, and not before. An answer
by tag never takes a question from one that was told it had answered: the question is closed in the
store first, and answered only if no addressed answer was faster.
"""

from __future__ import annotations

from collections.abc import Callable

from everflow.core.entries import Kind
from everflow.core.values import Types
from everflow.engine.answers import as_asked, position_of_tag
from everflow.engine.cell import Cell, Cells
from everflow.engine.recorder import Recorder
from everflow.errors import FlowError
from everflow.store import Answer, Arrival, Cancel, Early, QuestionClosed

__all__ = ["Inbox"]

Question = tuple[str, int]  # tag, occurrence


class Inbox:
    """Applies messages to runs in memory.

    ``take`` reads what came since; ``again`` has everything unapplied read once more; ``block``
    parks a run whose code doesn't take a message.
    """

    def __init__(
        self,
        recorder: Recorder,
        cells: Cells,
        types: Types,
        *,
        take: Callable[[], bool],
        again: Callable[[], None],
        block: Callable[[Cell, str, str], None],
    ) -> None:
        self._recorder = recorder
        self._cells = cells
        self._types = types
        self._take = take
        self._again = again
        self._block = block
        self._applying: set[int] = set()  # ids in a draft that isn't committed

    def apply(self, cell: Cell, arrival: Arrival) -> None:
        """Journal a message, unless that is under way."""
        if arrival.id in self._applying or cell.dropped:
            return
        self._applying.add(arrival.id)
        self._cells.wake(cell)
        message = arrival.message
        asked = _asked(cell, message) if isinstance(message, Early) else None
        if asked is None:
            self._journal(cell, arrival)
        else:
            self._close_first(cell, asked, arrival)

    def written(self, arrivals: list[int]) -> None:
        """These messages are journaled, and gone from the store."""
        self._applying.difference_update(arrivals)

    def clear(self) -> None:
        """The worker begins anew."""
        self._applying.clear()

    def _close_first(self, cell: Cell, asked: Question, arrival: Arrival) -> None:
        draft, no = self._recorder.draft, cell.row.no
        draft.closed.append(QuestionClosed(no, *asked, "answered"))
        draft.after.append(lambda: self._closed(no, asked, arrival))

    def _closed(self, no: int, asked: Question, arrival: Arrival) -> None:
        """The question takes no answers any more: those that were faster come first."""
        self._take()
        self._applying.discard(arrival.id)
        cell = self._cells.get(no)
        if cell is None:
            self._again()
        elif asked in cell.asked:
            self._applying.add(arrival.id)
            self._journal(cell, arrival, asked)
        else:
            self.apply(cell, arrival)

    def _journal(self, cell: Cell, arrival: Arrival, asked: Question | None = None) -> None:
        recorder, message = self._recorder, arrival.message
        recorder.draft.arrivals.append(arrival.id)
        self._cells.wake(cell)
        recorder.touch(cell)
        try:
            if isinstance(message, Answer):
                self._answered(cell, (message.tag, message.occurrence), message)
            elif isinstance(message, Early) and asked is not None:
                self._answered(cell, asked, message)
            elif isinstance(message, Early) and cell.machine.outcome is None:
                self._kept(cell, message)
            elif isinstance(message, Cancel) and not cell.machine.state.cancelling:
                recorder.record(cell, Kind.CANCEL, note=message.by)
                cell.changed = True  # it is cancelling now, whatever still runs
        except FlowError as error:
            recorder.draft.arrivals.remove(arrival.id)  # it stays until code that takes it is here
            self._applying.discard(arrival.id)
            self._block(cell, "code", str(error))

    def _answered(self, cell: Cell, asked: Question, message: Answer | Early) -> None:
        op = cell.asked.get(asked)
        if op is None:
            return
        program, question = cell.machine.program, cell.machine.state.ops[op]
        payload = as_asked(program, question.position, message.payload, self._types)
        self._recorder.record(cell, Kind.ANSWER, op, payload, note=message.by)

    def _kept(self, cell: Cell, message: Early) -> None:
        """Nobody asks yet: the answer is kept for the question."""
        program = cell.machine.program
        position = position_of_tag(program, message.tag)
        payload = as_asked(program, position, message.payload, self._types)
        self._recorder.record(cell, Kind.EARLY, message.tag, payload, note=message.by)


def _asked(cell: Cell, message: Early) -> Question | None:
    """The first open question that an answer by tag fits."""
    return next((asked for asked in cell.asked if asked[0] == message.tag), None)
