"""The draft: what a worker's next batch is made of, run by run.

Each row in it is of one run, so that what it bears of one can be taken out or written by itself.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from everflow.core.ops import CallOp, NodeOp
from everflow.core.state import Outcome
from everflow.engine.cells.cell import Cell
from everflow.store import (
    Batch,
    EntryRow,
    Letter,
    NewRun,
    Put,
    QuestionClosed,
    QuestionOpened,
    Released,
    RunChange,
)

__all__ = ["Draft", "Ending", "joined"]


class Ending(NamedTuple):
    """How a run that was called ended, as its caller is told."""

    outcome: Outcome
    kind: Literal["result", "error", "cancelled"]
    payload: str


@dataclass(slots=True)
class Draft:
    """A batch in the making. ``releases``: ops that may begin once it is committed.

    ``arrivals`` has the number of its run for each message. ``calls`` are to be seen to before it
    is closed, ``called`` the touched runs that have a caller.
    """

    entries: list[EntryRow] = field(default_factory=list)
    changes: list[RunChange] = field(default_factory=list)
    opened: list[QuestionOpened] = field(default_factory=list)
    closed: list[QuestionClosed] = field(default_factory=list)
    arrivals: dict[int, int] = field(default_factory=dict)
    definitions: list[tuple[str, str]] = field(default_factory=list)
    starts: list[NewRun] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    puts: list[Put] = field(default_factory=list)
    released: list[Released] = field(default_factory=list)
    calls: deque[tuple[Cell, CallOp]] = field(default_factory=deque)
    called: list[Cell] = field(default_factory=list)
    endings: dict[int, Ending] = field(default_factory=dict)
    releases: list[tuple[Cell, NodeOp]] = field(default_factory=list)
    touched: dict[int, Cell] = field(default_factory=dict)
    recorded: int = 0  # results of nodes that were counted as unrecorded
    after: list[Callable[[], None]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(
            self.entries
            or self.touched
            or self.changes
            or self.closed
            or self.opened
            or self.puts
            or self.arrivals
            or self.released
            or self.recorded
            or self.after
        )

    def batch(self, worker: int, epoch: int, number: int, at: int) -> Batch:
        """The batch that the store is given."""
        return Batch(
            worker=worker,
            epoch=epoch,
            number=number,
            at=at,
            entries=self.entries,
            changes=self.changes,
            opened=self.opened,
            closed=self.closed,
            arrivals=list(self.arrivals),
            definitions=self.definitions,
            starts=self.starts,
            letters=self.letters,
            puts=self.puts,
            released=self.released,
        )

    def parts(self) -> dict[int, Draft]:
        """What it bears of each run, by number; under 0 what is of none.

        What was recorded, and what comes after all of it, is in none of them.
        """
        found = defaultdict[int, Draft](Draft)
        nos = {cell.row.id: no for no, cell in self.touched.items()}
        for row in self.entries:
            found[row[0]].entries.append(row)
        for name in _BY_NO:
            for given in getattr(self, name):
                getattr(found[given.no], name).append(given)
        for arrival, no in self.arrivals.items():
            found[no].arrivals[arrival] = no
        for start in self.starts:
            found[nos.get(start.parent or "", 0)].starts.append(start)
        for letter in self.letters:
            found[letter.source or letter.of].letters.append(letter)
        for put in self.puts:
            found[put.source].puts.append(put)
        for cell, op in self.releases:
            found[cell.no].releases.append((cell, op))
        for no, cell in self.touched.items():
            found[no].touched[no] = cell
        self._define(found)
        return dict(found)

    def _define(self, parts: defaultdict[int, Draft]) -> None:
        """Give each part the definitions that it needs."""
        needed = {
            no: {start.definition for start in part.starts}
            | {change.definition for change in part.changes}
            for no, part in parts.items()
        }
        for pair in self.definitions:
            for no in [no for no, hashes in needed.items() if pair[0] in hashes] or [0]:
                parts[no].definitions.append(pair)

    def take_out(self, no: int) -> Draft:
        """Take out what it bears of a run, and give that."""
        parts = self.parts()
        gone, rest = parts.pop(no, Draft()), joined(parts.values())
        for name in _OF_RUNS:
            setattr(self, name, getattr(rest, name))
        self.calls = deque((cell, op) for cell, op in self.calls if cell.no != no)
        self.called = [cell for cell in self.called if cell.no != no]
        self.endings.pop(no, None)
        return gone


_BY_NO = ("changes", "opened", "closed", "released")
_OF_RUNS = (
    "entries", "changes", "opened", "closed", "arrivals", "definitions", "starts", "letters",
    "puts", "released", "releases", "touched",
)  # fmt: skip


def joined(parts: Iterable[Draft]) -> Draft:
    """One draft of several parts."""
    made = Draft()
    for part in parts:
        for name in _OF_RUNS:
            mine, given = getattr(made, name), getattr(part, name)
            mine.update(given) if isinstance(mine, dict) else mine.extend(given)
    made.definitions = list(dict.fromkeys(made.definitions))
    return made
