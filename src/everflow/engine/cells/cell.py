"""Cells: the runs that are in memory, each with its machine and the payloads that it may need.

A cell is a cache of rows: dropping one loses nothing. ``row`` is what the store says of where the
run stands; what the machine says now is asked of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from everflow.core.definition import Definition
from everflow.core.elements import elements
from everflow.core.entries import decode_body
from everflow.core.machine import Machine
from everflow.core.ops import NodeOp, QuestionOp, TimerOp
from everflow.core.refs import Item, Literal, Ref, Stored, compose
from everflow.core.state import live_seqs
from everflow.store import RunRow, Status

__all__ = ["Cell", "Cells"]

KEPT = 64  # payloads kept beyond those that the state refers to
LISTS = 256  # lists that are kept taken apart, so that an item costs no more in a long one


class Cell:
    """A run in memory. ``running``: op id -> token of the attempt that was begun for it."""

    __slots__ = (
        "asked", "base_size", "bodies", "called", "changed", "definition", "doubted", "dropped",
        "grown", "held", "kept", "lacking", "lists", "machine", "nodes", "paused", "payloads",
        "questions", "row", "running", "seen", "timers", "touched", "tried",
    )  # fmt: skip

    def __init__(self, row: RunRow, definition: Definition, machine: Machine) -> None:
        self.row = row
        self.definition = definition
        self.machine = machine
        self.payloads: dict[int, str] = {}
        self.kept = KEPT  # as many payloads may there be until the next look
        self.lists: OrderedDict[Stored | Item, list[str]] = OrderedDict()
        self.running: dict[str, int] = {}
        self.grown = 0  # bytes of entries since the latest base
        self.base_size = 0  # of the latest snapshot, once one is known
        self.changed = False  # the row must be written even if status and due stay
        self.touched = False
        self.dropped = False
        self.paused = False  # it begins nothing more, and comes to rest
        self.doubted = False  # it went down with its last worker, and isn't given away
        self.lacking = False  # its code isn't here: what it opens can't begin
        self.tried = -1  # where it stood when it was taken up, if it was blocked then
        self.seen = 0  # the last message that it was given
        self.held = 0  # reactions to come that need it in memory
        self.asked: dict[tuple[str, int], str] = {}  # the open questions' ops
        self.bodies: dict[str, Any] = {}  # direct-style code, by the path of its frame
        self.called: set[str] = set()  # calls that are started, or will be by this draft
        self.nodes = self.questions = self.timers = 0
        self.count()

    def count(self) -> None:
        """Count what is outstanding, after a load."""
        for op in self.machine.state.ops.values():
            if type(op) is NodeOp:
                self.nodes += not op.asking
            elif type(op) is TimerOp:
                self.timers += 1
            elif type(op) is QuestionOp:
                self.asked[op.tag, op.occurrence] = op.id
                self.questions += 1

    @property
    def no(self) -> int:
        """The run's number in the store."""
        return self.row.no

    @property
    def resting(self) -> bool:
        """Whether nothing of the run is to be done until the world speaks."""
        return not self.nodes or self.machine.outcome is not None

    def weight(self) -> int:
        """About how many bytes a snapshot would have."""
        state = self.machine.state
        return self.base_size or 250 * (len(state.ops) + len(state.frames))

    def status(self) -> Status:
        """Where the run stands by what its machine says."""
        machine = self.machine
        if machine.outcome is not None:
            return Status(machine.outcome.__struct_config__.tag)  # type: ignore[arg-type]  # the tag is a text here
        if machine.state.cancelling:
            return Status.CANCELLING
        if self.nodes:
            return Status.RUNNING
        return Status.SUSPENDED if self.questions else Status.WAITING

    def remember(self, seq: int, payload: str) -> None:
        """Keep a payload that is too long to stand in its ref, while the state refers to it."""
        self.payloads[seq] = payload
        if len(self.payloads) > self.kept:
            live = live_seqs(self.machine.state, logs=False)
            self.payloads = {s: p for s, p in self.payloads.items() if s in live}
            self.kept = 2 * len(self.payloads) + KEPT

    def close_bodies(self, paths: Iterable[str]) -> None:
        """Forget direct-style code that was cancelled, or has ended."""
        for path in paths:
            live = self.bodies.pop(path, None)
            if live is not None:
                live.close()

    def payload(self, ref: Ref, fetch: Callable[[int, int], str]) -> str:
        """The text that a ref stands for; ``fetch(no, seq)`` reads a body that isn't at hand."""
        if type(ref) is Stored and ref.small is not None:
            return ref.small
        if type(ref) is Literal:
            return ref.payload

        def payload_of(seq: int) -> str:
            known = self.payloads.get(seq)
            if known is None:
                known = self.payloads[seq] = decode_body(fetch(self.row.no, seq)).payload
            return known

        def elements_of(of: Stored | Item) -> list[str]:
            known = self.lists.get(of)
            if known is None:
                known = self.lists[of] = elements(compose(of, payload_of, elements_of))
                if len(self.lists) > LISTS:
                    self.lists.popitem(last=False)
            else:
                self.lists.move_to_end(of)
            return known

        return compose(ref, payload_of, elements_of)


class Cells:
    """The cells by run number. Of the resting ones the least recently used goes first."""

    def __init__(self, warm: int) -> None:
        self._warm = warm
        self._cells: dict[int, Cell] = {}
        self._resting: OrderedDict[int, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def going(self) -> int:
        """How many of them have something to do."""
        return len(self._cells) - len(self._resting)

    def active(self) -> list[Cell]:
        """Those that have something to do, or did something that isn't in the store yet."""
        return [cell for no, cell in self._cells.items() if no not in self._resting]

    def __iter__(self) -> Iterator[Cell]:
        return iter(list(self._cells.values()))

    def get(self, no: int) -> Cell | None:
        """The cell of a run that is in memory."""
        return self._cells.get(no)

    def add(self, cell: Cell) -> None:
        """Take a run into memory."""
        self._cells[cell.row.no] = cell

    def wake(self, cell: Cell) -> None:
        """The cell has something to do: it isn't to be dropped."""
        self._resting.pop(cell.row.no, None)

    def rest(self, cell: Cell) -> None:
        """The cell rests, as the store knows: drop it, or another one, when there are too many."""
        no = cell.row.no
        if no not in self._cells:
            return
        self._resting[no] = None
        self._resting.move_to_end(no)
        while len(self._resting) > self._warm:
            oldest, _ = self._resting.popitem(last=False)
            self.drop(oldest)

    def drop(self, no: int) -> None:
        """Forget a cell: its rows are all there is."""
        self._resting.pop(no, None)
        cell = self._cells.pop(no, None)
        if cell is not None:
            cell.dropped = True
            cell.close_bodies(list(cell.bodies))

    def clear(self) -> None:
        """Forget all cells."""
        for no in list(self._cells):
            self.drop(no)
