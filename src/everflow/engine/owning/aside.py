"""Putting runs aside: out of memory, unowned, and written down as what others may take up.

Nothing of such a run may be going on here: what it had begun has ended and is in this draft, or in
one before it. It isn't loaded here again before the draft stands.
"""

from __future__ import annotations

from collections.abc import Iterable

from everflow.engine.cells.cell import Cell
from everflow.engine.cells.recorder import change_of
from everflow.engine.owning.parking import Parking
from everflow.engine.owning.parts import Parts
from everflow.store import Status

__all__ = ["is_still", "let_go", "put_aside", "rewrite"]


def is_still(cell: Cell) -> bool:
    """Whether nothing of a run is begun here that hasn't ended."""
    return not (cell.running or cell.held)


def rewrite(cell: Cell) -> None:
    """Have a run's row say where it stands, as one that nobody runs just now."""
    row, status = cell.row, cell.status()
    row.until = row.reason = ""
    row.status = Status.QUEUED if status is Status.RUNNING else status
    row.due = cell.machine.next_due() if row.status is not Status.QUEUED else None


def let_go(parts: Parts, parking: Parking, nos: Iterable[int]) -> int:
    """Release runs of those that aren't in memory, nor on their way out of it; how many."""
    cold = [no for no in nos if parts.cells.get(no) is None and not parking.is_leaving(no)]
    for no in cold:
        parking.give_back(no)
    return len(cold)


def put_aside(parts: Parts, parking: Parking, cell: Cell) -> None:
    """Release a run that is still, with the draft that says where it stands."""
    parts.cells.drop(cell.no)
    rewrite(cell)
    parts.recorder.draft.changes.append(change_of(cell.row))
    parking.give_back(cell.no)
