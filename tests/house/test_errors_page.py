"""docs/errors.md lists every error that there is, and nothing else."""

import re

from everflow import errors
from everflow.errors import EverflowError
from tests.house.source import ROOT

_CELL = re.compile(r"`(\w+)`")


def _listed() -> list[tuple[str, str, str]]:
    """Code, error and blame of each row of the table of codes."""
    text = (ROOT / "docs/errors.md").read_text(encoding="utf-8").partition("## Every code")[2]
    rows = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            assert len(cells) == 5, f"five cells in: {line}"
            assert all(cells), f"an empty cell in: {line}"
            code, error, blame = (_CELL.fullmatch(cell) for cell in cells[:3])
            assert code, line
            assert error, line
            assert blame, line
            rows.append((code[1], error[1], blame[1]))
    return rows


def _known() -> set[tuple[str, str, str]]:
    found = set()
    for name in errors.__all__:
        kind = getattr(errors, name)
        if issubclass(kind, EverflowError):  # BodySuspended is a signal inside, not an error
            found.add((kind.code, name, kind.blame))
    return found


def test_every_error_is_listed_once_with_its_code_and_blame() -> None:
    """The table has a row for each error of the tree, and no other rows."""
    listed = _listed()
    assert sorted(listed) == sorted(_known())


def test_a_code_belongs_to_one_error() -> None:
    """Two errors with one code couldn't be told apart in a log."""
    codes = [code for code, _, _ in _listed()]
    assert len(codes) == len(set(codes))
