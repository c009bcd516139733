"""How flows and modules are found, and what is said when they aren't."""

from pathlib import Path

import pytest

from tests.cli.conftest import FLOWS, Cli

BAD = {
    "shift": ("def a(x): return x\ndef b(x): return x\nf = a >> b\n", "put @node on one of them"),
    "syntax": ("def a(x:\n", "bad_syntax.py:1: '(' was never closed"),
    "missing": ("import nowhere_at_all\n", "install nowhere_at_all"),
    "raises": ("x = 1\nx / 0\n", "bad_raises.py:2: "),
    "leaves": ("import sys\nsys.exit(3)\n", "bad_leaves.py:2: "),
    "provide": ("provide = {'a': 1}\n", "dict from types to makers"),
    "taken": (
        "from everflow import flow, const\nf = flow('cli.greet', const(1))\n",
        "another name",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_imported_is_told_by_its_line(
    cli: Cli, folder: Path, name: str
) -> None:
    """File and line, what is wrong, what to do: no way through the importer, no traceback."""
    source, said = BAD[name]
    (folder / f"bad_{name}.py").write_text(source)
    result = cli("worker", FLOWS, f"bad_{name}.py", "--until-idle")
    assert result.exit_code in {2, 5}
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("flow", "said"),
    [
        (f"{FLOWS}:gret", "did you mean"),
        (f"{FLOWS}:nothing_like_it", "its flows are"),
        (f"{FLOWS}:greeted", "has no name as a flow"),
        (f"{FLOWS}:unnamed", "has no name as a flow"),
        (f"{FLOWS}", "has no one flow"),
        ("missing.py:flow", "there is no file"),
        ("no_such_module_here:flow", "there is no module"),
        ("no-module:flow", "names no module"),
        ("json:dumps", "has no name as a flow"),
        ("cli.unheard", "no flow named"),
        ("a b.py:flow", "there is no file"),
        ("", "no flow named"),
    ],
)
def test_a_flow_that_is_not_there_is_told(cli: Cli, flow: str, said: str) -> None:
    """Code 2, with what is nearest or what there is."""
    result = cli("run", flow, "1")
    assert result.exit_code == 2, result.stderr
    assert said in result.stderr


def test_a_name_that_something_else_has_is_told(cli: Cli, folder: Path) -> None:
    """A file that is called like a module that is there already can't be imported."""
    (folder / "json.py").write_text("x = 1\n")
    result = cli("run", "json.py:x", "1")
    assert result.exit_code == 2
    assert "give the file another name" in result.stderr


def test_the_one_flow_of_a_file_needs_no_name(cli: Cli, folder: Path) -> None:
    """FILE.py alone; the module is named by its stem."""
    (folder / "single_flow.py").write_text(
        "from everflow import flow, node\n"
        "@node\ndef twice(x: int) -> int: return 2 * x\n"
        "double = flow('cli.double', twice)\n"
    )
    assert cli("run", "single_flow.py", "4").stdout == "8\n"
    assert '"single_flow:twice"' in cli("show", _run(cli), "--json").stdout


def test_a_file_in_a_package_is_imported_from_its_top(cli: Cli, folder: Path) -> None:
    """So that relative imports work and names are those of any other process."""
    package = folder / "cli_pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text("BASE = 3\n")
    (package / "flows.py").write_text(
        "from everflow import flow, node\nfrom .base import BASE\n"
        "@node\ndef based(x: int) -> int: return BASE + x\n"
        "base = flow('cli.based', based)\n"
    )
    assert cli("run", "cli_pack/flows.py:base", "4").stdout == "7\n"
    assert cli("run", "cli_pack.flows:base", "5").stdout == "8\n"
    assert '"cli_pack.flows:based"' in cli("show", _run(cli), "--json").stdout


def test_two_modules_may_not_provide_one_thing(cli: Cli, folder: Path) -> None:
    """Which of two makers would count is nobody's guess."""
    (folder / "other_greeting.py").write_text(
        "from cli_flows import Greeting\nprovide = {Greeting: lambda: Greeting()}\n"
    )
    imported = ("--import", FLOWS, "--import", "other_greeting.py")
    result = cli("run", "cli.greet", "a", *imported)
    assert result.exit_code == 2
    assert "both provide Greeting" in result.stderr


def _run(cli: Cli) -> str:
    return cli("list").stdout.splitlines()[3].split()[0]
