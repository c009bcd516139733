"""The line before the pools: ops that wait for a place, by the kind of place.

What can't begin for want of a thread keeps nothing of another kind from beginning, and isn't begun:
whoever else has a free place may still have it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping

from everflow.core.ops import NodeOp
from everflow.engine.calling.callee import Callee
from everflow.engine.cells.cell import Cell

__all__ = ["Entry", "Line"]

Entry = tuple[Cell, NodeOp, Callee]


class Line:
    """``places``: how many of a kind run at once; as many as like of one that isn't named."""

    def __init__(self, places: Mapping[str, int]) -> None:
        self._places = places
        self._taken: Counter[str] = Counter()
        self._lines: dict[str, deque[Entry]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def __iter__(self) -> Iterator[Entry]:
        """All that wait, those of a kind in their order."""
        for line in self._lines.values():
            yield from line

    def add(self, entry: Entry) -> None:
        """Have an op wait behind the others."""
        self._lines.setdefault(entry[2].place, deque()).append(entry)

    def put_back(self, entry: Entry) -> None:
        """Have an op wait before the others, as it did."""
        self._lines.setdefault(entry[2].place, deque()).appendleft(entry)

    def next(self, trial: Collection[Cell] | None = None) -> Entry | None:
        """Take the first that has a place; of these runs alone, where they are on trial."""
        for kind, line in self._lines.items():
            if not line or not self._is_free(kind):
                continue
            if trial is None:
                return line.popleft()
            found = next((entry for entry in line if entry[0] in trial), None)
            if found is not None:
                line.remove(found)
                return found
        return None

    def may_begin(self, trial: Collection[Cell] | None) -> bool:
        """Whether ``next`` would give one."""
        return any(
            self._is_free(kind) and (trial is None or any(e[0] in trial for e in line))
            for kind, line in self._lines.items()
            if line
        )

    def _is_free(self, kind: str) -> bool:
        most = self._places.get(kind)
        return most is None or self._taken[kind] < most

    def took(self, callee: Callee) -> None:
        """An op began: its place is taken."""
        self._taken[callee.place] += 1

    def left(self, callee: Callee) -> None:
        """An attempt ended, or was given up: its place is free."""
        self._taken[callee.place] -= 1

    def clear(self) -> None:
        """Nothing waits any more."""
        self._lines.clear()
