"""What somebody at a terminal sees, and nobody else."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from everflow.cli import output
from everflow.cli.terminal import Board, Screen
from everflow.cli.watching import Watch
from everflow.errors import CallerError
from everflow.store.rows import row_of_new
from everflow.stores.memory import MemoryStore
from everflow.testing.conformance.base import new_run
from tests.cli.conftest import FLOWS, Cli


@pytest.fixture
def looking_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rich takes every stream for a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    output.screens.cache_clear()
    yield
    output.screens.cache_clear()


@pytest.mark.usefixtures("looking_on")
def test_steps_are_shown_as_they_come(cli: Cli) -> None:
    """Each recorded step is a line on the standard error; the output is the result alone."""
    result = cli("run", f"{FLOWS}:approve", "you")
    assert "✓ greeted" in result.stderr
    assert "question approval" in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("looking_on")
def test_a_node_that_tells_how_far_it_is_has_a_bar(cli: Cli) -> None:
    """With its words, in which nothing is markup."""
    result = cli("run", f"{FLOWS}:counted", "you")
    assert "half [bold]way" in result.stderr
    assert '"you"' in result.stdout


@pytest.mark.usefixtures("looking_on")
def test_what_a_node_tells_before_its_run_is_known_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A node may begin before who started its run has heard of that."""
    run = row_of_new(new_run("one"), 1)
    with Watch(enabled=True) as watch:
        watch.progress("another", "./0", 0.5, "of no concern")
        watch.progress(run.id, "./0", 0.5, "early words")
        watch.begin(MemoryStore(), run)
    shown = capsys.readouterr().err
    assert "early words" in shown
    assert "of no concern" not in shown


@pytest.mark.usefixtures("looking_on")
def test_colour_is_for_terminals(cli: Cli) -> None:
    """Escape sequences of our own, and none in what machines read."""
    run = cli("start", f"{FLOWS}:greet", "a")
    assert "a worker executes it: everflow worker" in run.stderr
    assert "\x1b[" in cli("list").stdout
    assert "\x1b[" not in cli("list", "--json").stdout


@pytest.mark.parametrize("words", [("run", f"{FLOWS}:greet", "a"), ("list",)])
def test_nobody_else_gets_colour_or_progress(cli: Cli, words: tuple[str, ...]) -> None:
    """Neither bars nor escape sequences in a pipe."""
    cli("start", f"{FLOWS}:greet", "a")
    result = cli(*words)
    assert "\x1b" not in result.output
    assert "✓" not in result.output


@pytest.mark.parametrize("terminal", [True, False])
def test_a_board_is_painted_for_a_terminal_alone(terminal: bool) -> None:
    """Notes stay for everybody."""
    seen = io.StringIO()
    with Board(Console(file=seen, force_terminal=terminal, width=80), ("post",)) as board:
        board.note("killed \x1b[2J", "red")
        board.rows([("swifts",)])
    assert "killed \\x1b[2J" in seen.getvalue()
    assert ("swifts" in seen.getvalue()) == terminal


def test_an_error_says_what_where_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Message, place, hint; several lines stay several."""
    error = CallerError(
        "no\nreally", run="r", flow="f", position="./0", path="$.a", hint="do this instead"
    )
    Screen(error=True).trouble(error)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["error: no", "really"]
    assert "run r, flow f, position ./0, at $.a" in lines[2]
    assert "do this instead" in lines[3]
