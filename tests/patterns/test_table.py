"""docs/patterns.md has a row for each pattern, and each row that says so has its tests."""

import ast
import re
from collections import Counter
from pathlib import Path

from tests.house.source import ROOT
from tests.patterns.catalogue import NAMES

_CLAIM = re.compile(r"WCP-(\d+) ([^:]+): \S")
SUPPORT = ("construct", "composition", "not")


def rows() -> list[list[str]]:
    """Number, name, support, how and test file of each row."""
    text = (ROOT / "docs/patterns.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def shown() -> list[tuple[int, str, str]]:
    """Number and name of each test's claim, with its file."""
    found = []
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        for item in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(item, ast.FunctionDef) and item.name.startswith("test_"):
                claim = _CLAIM.match(ast.get_docstring(item) or "")
                if claim is not None:
                    found.append((int(claim[1]), claim[2], file.name))
    return found


def test_each_pattern_has_its_row() -> None:
    """43 of them, by number and by the catalogue's name."""
    assert {int(row[0]): row[1] for row in rows()} == NAMES
    assert len(rows()) == len(NAMES)
    assert {row[2] for row in rows()} <= set(SUPPORT)
    assert all(row[3] for row in rows()), "a row says how, or why not"


def test_what_is_supported_is_shown_by_a_test() -> None:
    """In the file that its row names, by its number and name; what isn't has no test."""
    claimed = {(int(row[0]), row[1], row[4].strip("`")) for row in rows() if row[2] != "not"}
    assert set(shown()) == claimed


def test_the_counts_are_right() -> None:
    """The page's sentence about how many are supported, and how."""
    counts = Counter(row[2] for row in rows())
    said = (
        f"{counts['construct']} of the 43 have a construct of their own,"
        f" {counts['composition']} are compositions, {counts['not']} can't be written"
    )
    assert said in (ROOT / "docs/patterns.md").read_text(encoding="utf-8")
