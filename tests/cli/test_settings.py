"""Where settings come from."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FLOWS, Cli

TABLE = f'[tool.everflow]\nstore = "own.db"\nmodules = ["{FLOWS}"]\nthreads = 2\n'


def test_pyproject_names_store_and_modules(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From any folder below; a flow is then known by its name."""
    (folder / "pyproject.toml").write_text(TABLE)
    below = folder / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert cli("run", "cli.greet", "you").stdout == '"Hello you"\n'
    assert (folder / "own.db").exists()


def test_a_table_of_another_tool_is_passed_by(cli: Cli, folder: Path) -> None:
    """A pyproject.toml without the table doesn't count."""
    (folder / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert cli("run", f"{FLOWS}:greet", "a").exit_code == 0
    assert (folder / "everflow.db").exists()


def test_option_then_environment_then_pyproject(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearer wins."""
    (folder / "pyproject.toml").write_text(TABLE)
    monkeypatch.setenv("EVERFLOW_STORE", "env.db")
    cli("start", "cli.greet", "a")
    cli("start", "cli.greet", "a", "--store", "option.db")
    assert sorted(path.name for path in folder.glob("*.db")) == ["env.db", "option.db"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("thread = 2", "did you mean threads?"),
        ("threads = 0", "threads is a whole number"),
        ("store = 1", "store is the path"),
        ("signing_keys = 1", "signing_keys is the path of a folder"),
        ("modules = 'x'", "modules is a list"),
        ("threads = ", "can't be read"),
    ],
)
def test_a_wrong_setting_is_told_with_its_file(
    cli: Cli, folder: Path, table: str, said: str
) -> None:
    """Code 2, file, setting, and what is near."""
    (folder / "pyproject.toml").write_text(f"[tool.everflow]\n{table}\n")
    result = cli("list")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "pyproject.toml" in result.stderr


@pytest.mark.parametrize(
    "words", [("list",), ("status", "x"), ("backup", "y"), ("answer", "x", "1")]
)
def test_looking_makes_no_store(cli: Cli, folder: Path, words: tuple[str, ...]) -> None:
    """Where there is none it is told, and none is made."""
    result = cli(*words)
    assert result.exit_code == 2
    assert "there is no store" in result.stderr
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "content", [b"", b"not a store at all", b"SQLite format 3\0" + b"\0" * 500]
)
def test_a_foreign_store_is_refused(cli: Cli, folder: Path, content: bytes) -> None:
    """Code 4, and the file is as it was."""
    (folder / "everflow.db").write_bytes(content)
    result = cli("run", f"{FLOWS}:greet", "a")
    assert result.exit_code == 4
    assert (folder / "everflow.db").read_bytes() == content


@pytest.mark.parametrize("place", ["", ".", "no/such/folder/x.db", "a\0b"])
def test_a_place_that_no_store_can_have_is_told(cli: Cli, folder: Path, place: str) -> None:
    """Code 2 for an empty name, a folder, a folder that isn't there, and NUL."""
    result = cli("run", f"{FLOWS}:greet", "a", "--store", place)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert not list(folder.iterdir())


def test_an_unknown_kind_of_store_is_told(cli: Cli) -> None:
    """Code 2 for an address that nothing serves."""
    assert cli("list", "--store", "oracle://here").exit_code == 2


def test_commands_that_are_shown_name_the_store(cli: Cli, told: Any) -> None:
    """Where it was given by an option, and quoted for a shell."""
    result = cli("run", f"{FLOWS}:sure", "a", "--store", "my store.db")
    assert "--store 'my store.db'" in result.stderr
