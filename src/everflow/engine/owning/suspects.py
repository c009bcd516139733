"""Suspects: runs that were in flight when their worker died, each run alone once.

Only a death while one run alone was running counts against it, so that an innocent run is never set
aside. How long a suspect runs alone grows with its deaths: one that kills late is found too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from everflow.config import Config
from everflow.core.ops import NodeOp
from everflow.engine.cells.cell import Cell, Cells
from everflow.engine.cells.recorder import Recorder, change_of
from everflow.engine.nodes.dispatcher import Dispatcher

__all__ = ["Suspects"]


class Suspects:
    """``block(cell, until, reason)`` parks a run."""

    def __init__(
        self,
        config: Config,
        cells: Cells,
        recorder: Recorder,
        dispatcher: Dispatcher,
        block: Callable[[Cell, str, str], None],
    ) -> None:
        self._config = config
        self._cells = cells
        self._recorder = recorder
        self._dispatcher = dispatcher
        self._block = block
        self._waiting: deque[tuple[Cell, list[NodeOp]]] = deque()
        self._ops: set[str] = set()  # what the one that runs alone had begun
        self._until = 0
        self._verdicts = 0  # runs set aside in a draft that isn't committed

    def add(self, cell: Cell, held: list[NodeOp]) -> None:
        """Have a run's ops begun alone, in its turn."""
        self._waiting.append((cell, held))

    def clear(self) -> None:
        """The worker begins anew."""
        self._waiting.clear()
        self._verdicts = 0

    @property
    def restless(self) -> bool:
        """Whether a look right now would change something."""
        alone = self._dispatcher.alone
        return bool(self._waiting) if alone is None else self._ended(alone)

    def died_alone(self, cell: Cell) -> bool:
        """Count a death against a run; True when it was one too many, and the run is set aside.

        Nothing is begun before that is on disk: two deadly runs would else undo each other's last
        count for ever.
        """
        cell.row.deaths += 1
        cell.changed = True
        if cell.row.deaths < self._config.alone_deaths:
            return False
        self._cells.add(cell)
        if self._dispatcher.alone is None:
            self._dispatcher.set_alone(cell)
        self._block(cell, "operator", _deadly(cell))
        self._verdicts += 1
        self._recorder.draft.after.append(self._verdict_stands)
        return True

    def _verdict_stands(self) -> None:
        self._verdicts -= 1

    def look(self, boot: int) -> None:
        """Let the one that ran alone go, and begin the next."""
        if self._verdicts:
            return
        cell = self._dispatcher.alone
        if cell is not None:
            ended = self._ended(cell)
            if not ended and boot < self._until:
                return
            if ended and cell.row.deaths and not cell.dropped:
                cell.row.deaths, cell.changed = 0, True
                self._recorder.touch(cell)
            self._dispatcher.set_alone(None)
        while self._waiting and self._dispatcher.alone is None:
            found, held = self._waiting.popleft()
            if not found.dropped:
                self._begin(found, held, boot)

    def _ended(self, cell: Cell) -> bool:
        """Whether the suspect has ended all that it had begun."""
        ops = cell.machine.state.ops
        mine = [ops[op] for op in self._ops if op in ops]
        return cell.dropped or all(type(op) is NodeOp and op.asking for op in mine)

    def _begin(self, cell: Cell, ops: Sequence[NodeOp], boot: int) -> None:
        """Run a suspect with nothing beside it, once that and its count of deaths are on disk.

        Whoever takes over from another host sees no more of this worker than it told with a batch.
        """
        self._ops = {op.id for op in ops}
        lease = round(self._config.lease_s * 1_000_000)
        self._until = boot + lease * 2**cell.row.deaths
        self._dispatcher.set_alone(cell)
        self._recorder.touch(cell)
        self._recorder.draft.releases += [(cell, op) for op in ops]
        self._recorder.draft.changes.append(change_of(cell.row))
        cell.changed = False


def _deadly(cell: Cell) -> str:
    nodes = [op for op in cell.machine.commands() if type(op) is NodeOp]
    names = ", ".join(f"{op.node} at {op.position}" for op in nodes[:3])
    return (
        f"its worker died {cell.row.deaths} times while this run alone was running ({names});"
        " see to the node, then adopt the run again"
    )
