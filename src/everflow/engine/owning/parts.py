"""The parts of a worker that adoption works with, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from everflow.clock import Clock, RunClock
from everflow.config import Config
from everflow.core.ops import NodeOp
from everflow.engine.cells.cell import Cell, Cells
from everflow.engine.cells.loader import Definitions
from everflow.engine.cells.recorder import Recorder
from everflow.engine.cells.tenures import Leases
from everflow.engine.cells.timers import Timers
from everflow.engine.nodes.dispatcher import Dispatcher
from everflow.engine.owning.ownership import Ownership
from everflow.store import Store

__all__ = ["Parts"]


@dataclass(frozen=True)
class Parts:
    """What adoption works with. ``stop`` is told an op that is to be stopped."""

    store: Store
    config: Config
    system_clock: Clock
    clock: RunClock
    cells: Cells
    definitions: Definitions
    timers: Timers
    recorder: Recorder
    dispatcher: Dispatcher
    ownership: Ownership
    leases: Leases
    stop: Callable[[Cell, NodeOp], None]
    guest: bool  # leave alone what other code is needed for, without a word
