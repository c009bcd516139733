"""The table: a row a goal, each beside what it was measured against."""

from __future__ import annotations

from collections.abc import Sequence

from bench.goals import Judged

__all__ = ["drawn", "number"]

HEADS = ("workload", "median", "lowest to highest", "beside", "ratio", "to reach", "")


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def drawn(rows: Sequence[tuple[str, Judged]]) -> str:
    """The rows as a Markdown table, aligned for reading as it is."""
    cells = [HEADS, *(_row(settings, judged) for settings, judged in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(HEADS))]
    lines = []
    for row in cells:
        parts = [
            text.ljust(width) if place in {0, 6} else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"| {' | '.join(parts)} |")
    rule = "|".join(
        "-" * (width + 2) if place in {0, 6} else "-" * (width + 1) + ":"
        for place, width in enumerate(widths)
    )
    lines.insert(1, f"|{rule}|")
    return "\n".join(lines)


def _row(settings: str, judged: Judged) -> tuple[str, ...]:
    goal = judged.goal
    low, high = judged.spread
    sign = "<=" if goal.at_most else ">="
    aim = "" if goal.bound is None else f"{sign} {number(goal.bound)}"
    if goal.bound is not None:
        aim += f" x {goal.over}" if goal.over else f" {goal.unit}"
    words = {True: "reached", False: "NOT reached", None: ""}
    return (
        goal.title + ("" if settings == "worker" else " (python's settings)"),
        f"{number(judged.value)} {goal.unit}",
        f"{number(low)} to {number(high)}",
        "" if judged.beside is None else number(judged.beside),
        "" if judged.ratio is None else f"{judged.ratio:.2f}",
        aim,
        words[judged.reached],
    )
