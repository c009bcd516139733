"""Alignment: which of two rows of children are the same, where nothing but order can tell.

The best alignment keeps the order and scores highest (source: Needleman and Wunsch, "A general
method applicable to the search for similarities in the amino acid sequence of two proteins", 1970,
without penalties for gaps). A pair is given only if it stands in *every* best alignment: where
several are as good nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

__all__ = ["align"]

MOST = 1_000_000  # cells of the table: some seconds' worth are never spent on one flow
Score = Callable[[int, int], int]


def align(old: Sequence[Hashable], new: Sequence[Hashable], score: Score) -> dict[int, int]:
    """The pairs (old index to new) that are beyond doubt.

    ``old`` and ``new`` are what the elements are; ``score(i, j)`` is 0 for a pair that can't be,
    and highest for equal ones. Elements that are there once in both rows are matched at the two
    ends without a table, so that a long flow with a small change costs little.
    """
    once = _once(old) & _once(new)
    pairs: dict[int, int] = {}
    first, last = 0, 0
    shorter = min(len(old), len(new))
    while first < shorter and old[first] == new[first] and old[first] in once:
        pairs[first] = first
        first += 1
    while last < shorter - first and old[-1 - last] == new[-1 - last] and old[-1 - last] in once:
        last += 1
        pairs[len(old) - last] = len(new) - last
    rows, columns = len(old) - first - last, len(new) - first - last
    if 0 < rows * columns <= MOST:
        scores = [[score(first + i, first + j) for j in range(columns)] for i in range(rows)]
        pairs.update({first + i: first + j for i, j in _certain(scores)})
    return pairs


def _once(row: Sequence[Hashable]) -> set[Hashable]:
    return {element for element, count in Counter(row).items() if count == 1}


def _certain(scores: list[list[int]]) -> list[tuple[int, int]]:
    """The pairs that stand in every best alignment."""
    before, after = _table(scores), _table([row[::-1] for row in scores[::-1]])
    rows, columns = len(scores), len(scores[0])
    best = before[rows][columns]

    def rest(i: int, j: int) -> int:
        """The best score of what comes from row i and column j on."""
        return after[rows - i][columns - j]

    found = []
    for i in range(rows):
        if any(before[i][j] + rest(i + 1, j) == best for j in range(columns + 1)):
            continue  # as good without it
        (column, *others) = [
            j
            for j in range(columns)
            if scores[i][j] and before[i][j] + scores[i][j] + rest(i + 1, j + 1) == best
        ]
        if not others:
            found.append((i, column))
    return found


def _table(scores: list[list[int]]) -> list[list[int]]:
    """The best score of the first i rows and the first j columns, for all i and j."""
    table = [[0] * (len(scores[0]) + 1)]
    for row in scores:
        above, line, left = table[-1], [0], 0
        for j, own in enumerate(row):
            paired = above[j] + own if own else 0
            left = max(above[j + 1], left, paired)
            line.append(left)
        table.append(line)
    return table
