"""``simulate``: a flow through crashes, its story when something breaks."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

MODULE = """
from everflow import ask, flow, node
from everflow.testing.simulator import Subject, invariant

@node
def mailed(to: str) -> str:
    with open("mailed", "a") as file:
        file.write(to)
    return to

body = mailed >> ask("coming", bool)
first = flow("first", body)
second = flow("second", body)
subject = Subject(second, inputs=["only"], answers={"coming": [True]})

@invariant(flow="first")
def nobody_comes(seen) -> bool:
    "Nobody ever comes."
    return not any(life.result and life.result[1] for life in seen.runs)
"""


@pytest.fixture(autouse=True)
def module(folder: Path) -> None:
    """A module with a flow, an invariant that breaks, and a subject for another flow."""
    (folder / "stage.py").write_text(MODULE)


def test_a_flow_that_holds_is_counted(cli: Cli, told: Any) -> None:
    """The subject of the module gives inputs and answers; nothing real is done."""
    view = told("simulate", "stage.py:second", "--seeds", "3")
    assert view["held"]
    assert view["lives"] > 3
    assert view["deaths"] > 0
    assert not Path("mailed").exists()
    assert not Path("everflow.db").exists()
    shown = cli("simulate", "stage.py:second", "--seed", "7").stdout
    assert shown.startswith("1 life with ")
    assert "no @invariant of its own" in shown


def test_a_broken_invariant_is_told_as_a_story(cli: Cli, told: Any) -> None:
    """Its sentence, the steps that lead there, and code 1."""
    result = cli("simulate", "stage.py:first", "--answer", "coming=true")
    assert result.exit_code == 1
    assert result.stdout.startswith("broken: Nobody ever comes: it gave False\n  start: ")
    view = told("simulate", "stage.py:first", "--answer", "coming=true", "--seed", "0", code=1)
    assert view["broken"] == "Nobody ever comes: it gave False"
    assert view["which"] == "--seed 0"
    assert view["story"][0].startswith("start: ")


def test_answers_and_inputs_may_be_given(told: Any) -> None:
    """With the answer that the invariant can live with, it holds."""
    given = ("--answer", "coming=false", "--input", '"you"', "--real", "mailed")
    view = told("simulate", "stage.py:first", "--seed", "1", *given)
    assert view["held"]
    assert set(Path("mailed").read_text().split("you")) == {""}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("stage.py:first", "--answer", "coming"), 2),
        (("stage.py:first", "--answer", "=1"), 2),
        (("stage.py:second", "--input", "1"), 2),
        (("stage.py:third",), 2),
        (("stage.py:first", "--seeds", "0"), 2),
    ],
)
def test_a_slip_is_told(cli: Cli, words: tuple[str, ...], code: int) -> None:
    """Before anything is simulated."""
    assert cli("simulate", *words).exit_code == code
