"""A store that can't be reached at times, for tests of what an engine and its callers do then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from everflow.errors import StoreUnavailable
from everflow.store import Batch, SideRow
from everflow.stores.memory import MemoryStore

VERBS = {
    "find",
    "start",
    "accept",
    "arrivals",
    "claim",
    "load",
    "due",
    "next_due",
    "entries",
    "version",
}


class Shaky(MemoryStore):
    """A store that can't be reached at times. ``after``: what was asked is done all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.down: type[StoreUnavailable] | None = None
        self.after = False
        self.refused = 0

    def _try(self) -> None:
        if self.down is not None:
            self.refused += 1
            raise self.down("the disk is away")

    def append(self, batch: Batch, side_rows: Sequence[SideRow] = ()) -> list[int]:
        if not self.after:
            self._try()
        found = super().append(batch, side_rows)
        self._try()
        return found

    def __getattribute__(self, name: str) -> Any:
        if name in VERBS and not object.__getattribute__(self, "after"):
            object.__getattribute__(self, "_try")()
        return object.__getattribute__(self, name)
