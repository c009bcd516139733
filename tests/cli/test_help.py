"""Help that teaches, documents that tell the same, and a quick start."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields

import click
import pytest

from everflow.cli import main
from everflow.cli.exits import EXITS
from everflow.cli.options import Command
from everflow.cli.root import Program, everflow
from everflow.config import Config
from tests.cli.conftest import Cli
from tests.house.source import ROOT


def _commands(names: Mapping[str, click.Command], before: str = "") -> dict[str, Command]:
    """All commands by their words, those of groups too."""
    found: dict[str, Command] = {}
    for name, made in names.items():
        if isinstance(made, click.Group):
            found |= _commands(made.commands, f"{name} ")
        elif isinstance(made, Command):
            found[f"{before}{name}"] = made
    return found


COMMANDS = _commands(everflow.commands)
DOCUMENT = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
SECTIONS = {
    part.split("\n", 1)[0]: part
    for part in re.split(r"^## everflow ", DOCUMENT, flags=re.MULTILINE)[1:]
}
SHARED = DOCUMENT.split("\n## everflow ", 1)[0]


def options(command: click.Command) -> set[str]:
    """The long names of a command's options."""
    found = (param for param in command.params if isinstance(param, click.Option))
    return {name for param in found for name in param.opts if name.startswith("--")}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_teaches_itself(cli: Cli, name: str) -> None:
    """Its help says what it does, explains each option, and ends with examples."""
    shown = cli(*name.split(), "--help").stdout
    assert f"everflow {name}" in shown.split("Examples:")[1]
    for param in COMMANDS[name].params:
        if isinstance(param, click.Option) and not isinstance(param.type, click.IntRange):
            assert param.help or isinstance(param.type, click.Choice), f"{name} {param.opts}"


def test_the_program_lists_each_command_once() -> None:
    """In sections, none left out."""
    listed = {str(made.name): made for _, group in Program.sections for made in group}
    assert sorted(_commands(listed)) == sorted(COMMANDS)
    assert sorted(everflow.commands) == sorted(listed)


def test_exit_codes_are_in_the_help_and_in_the_document(cli: Cli) -> None:
    """Each with the same words."""
    shown = " ".join(cli("--help").stdout.split())
    for code, words in EXITS.items():
        assert f"{int(code)} {words}" in shown
        assert f"| {int(code)} | {words} |" in DOCUMENT


def test_the_document_has_each_setting() -> None:
    """With its default; and no other."""
    table = SHARED.split("\n### Settings\n")[1].split("\n### ")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]+)`? \|", table, flags=re.MULTILINE))
    shown = {"": '""', "None": "all"}
    wanted = {field.name: str(field.default) for field in fields(Config)}
    assert told == {name: shown.get(value, value) for name, value in wanted.items()}


def test_the_document_has_each_command() -> None:
    """A heading for each, and no other."""
    assert sorted(SECTIONS) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_document_has_each_option_and_no_other(name: str) -> None:
    """Those of the command in its section, the shared ones at the top."""
    section = SECTIONS[name]
    known = options(COMMANDS[name])
    told = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", section))
    if name == "resume":
        return
    assert told <= known
    missing = known - told - set(re.findall(r"--[a-z][\w-]*", SHARED))
    assert not missing


def test_help_needs_no_rich() -> None:
    """Rich is imported where something is shown, since it doubles the start-up."""
    code = (
        "import sys\nfrom everflow.cli.root import everflow\n"
        "everflow(['--help'], standalone_mode=False)\n"
        "assert not {'rich', 'jinja2', 'mailbox'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_a_missing_extra_is_a_sentence(missing: str) -> None:
    """Without click or Rich the command says what to install, and nothing else."""
    code = (
        "import sys, importlib.util as util\n"
        "real = util.find_spec\n"
        f"util.find_spec = lambda name, *rest: None if name == {missing!r} else real(name, *rest)\n"
        "from everflow.cli import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 2
    assert "pip install 'everflow[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_while_commands_are_loaded_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same code as later, and no traceback of what was being imported."""

    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("everflow.cli._open_all", lambda: None)
    monkeypatch.setattr("everflow.cli.import_module", interrupted)
    with pytest.raises(SystemExit, match="130"):
        main()
    assert capsys.readouterr().err == "everflow: interrupted\n"


@pytest.mark.parametrize(
    "words", [("nothing",), ("run",), ("list", "--status", "odd"), ("list", "--x")]
)
def test_wrong_usage_has_code_2(cli: Cli, words: tuple[str, ...]) -> None:
    """A wrong command, argument or option."""
    assert cli(*words).exit_code == 2
