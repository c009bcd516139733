"""Words, streams and times at which a command must not fall over: told, never a traceback."""

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from everflow.cli.output import screens
from everflow.engine.faces.connect import connect
from everflow.errors import NoSuchFlow
from tests.cli.conftest import FLOWS, Cli, command, environment

HUGE = "9" * 400


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--since", HUGE),
        ("list", "--since", "99999999999d"),
        ("list", "--since", "0001-01-01"),
        ("status", "none", "--wait", f"{HUGE}d"),
        ("show", "none", "--first", HUGE),
        ("schedule", "add", "n", f"{HUGE}d", f"{FLOWS}:greet", "x"),
        ("schedule", "add", "n", "@daily", f"{FLOWS}:greet", "x", "--jitter", f"{HUGE}d"),
        ("schedule", "next", f"{HUGE}d"),
    ],
    ids=lambda words: " ".join(words)[:24],
)
def test_lengths_beyond_all_bounds_are_refused(cli: Cli, told: Any, words: tuple[str, ...]) -> None:
    """Which ones, and with the code of what was typed."""
    told("start", f"{FLOWS}:greet", "x")
    result = cli(*words)
    assert (result.exit_code, "Traceback" in result.stderr) == (2, False)
    assert "9" in result.stderr or "0001" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--limit", "x", "--json"),
        ("lst", "--json"),
        ("show", "--json"),
        ("start", f"{FLOWS}:greet", "x", "--key", "\udcff", "--json"),
        ("list", "--flow", "\udcff", "--json"),
    ],
    ids=str,
)
def test_what_never_began_is_told_to_machines_too(cli: Cli, words: tuple[str, ...]) -> None:
    """One line on the standard error, as every error is."""
    result = cli(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert json.loads(result.stderr)["error"]["blame"] == "caller"


def test_an_input_that_is_no_text_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are no UTF-8, whatever the terminal's encoding."""
    result = cli("start", f"{FLOWS}:greet", "-", given=b"\xff\xfe")
    assert (result.exit_code, "isn't UTF-8" in result.stderr) == (2, True)
    monkeypatch.setenv("EVERFLOW_STORE", "\udcff.db")
    assert "no file for a store" in cli("list").stderr


def _ended(words: str, folder: Path, **beside: str) -> tuple[int, str]:
    """A real process under a shell: how it ended, and what it said."""
    program = " ".join(command())
    done = subprocess.run(
        ["bash", "-c", f"{program} {words}"],
        cwd=folder,
        env={**environment(), **beside},
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_streams_that_are_closed_or_full_are_no_fault(folder: Path, told: Any) -> None:
    """A reader that went away is no trouble, a full disk is told, a closed stream isn't missed."""
    told("start", f"{FLOWS}:greet", "x")
    assert _ended("list --json >&- <&-", folder) == (0, "")
    code, said = _ended("status ü→", folder, PYTHONIOENCODING="ascii")
    assert (code, "there is no run '\\xfc\\u2192'" in said) == (2, True)
    code, said = _ended("list --json >/dev/full", folder)
    assert (code, "No space left" in said, "Traceback" in said) == (4, True, False)
    read, write = os.pipe()
    os.close(read)
    for words in (["list"], ["list", "--json"], ["list", "--help"], ["--help"]):
        done = subprocess.run(
            command(*words),
            cwd=folder,
            env=environment(),
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b""), words
    os.close(write)


def test_who_says_no_changed_nothing(cli: Cli, told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no failure of a run."""
    told("start", f"{FLOWS}:greet", "x")
    at_terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("everflow.cli.selecting.sys", at_terminal)
    for given in ("n\n", ""):
        result = cli("cancel", "--flow", "cli.greet", given=given)
        assert (result.exit_code, "nothing was changed" in result.stderr) == (2, True)
    assert "1 cancelled" in cli("cancel", "--flow", "cli.greet", given="y\n").stderr


def test_a_pause_of_what_is_not_there_is_refused(cli: Cli, told: Any) -> None:
    """A slip would pause nothing, and nobody would notice; who is known may be paused (B068)."""
    told("start", f"{FLOWS}:sure", "x")
    for verb in ("pause", "unpause"):
        result = cli(verb, "--flow", "cli.shure")
        assert (result.exit_code, "no flow named 'cli.shure'" in result.stderr) == (2, True)
        assert cli(verb, "--queue", "mials").exit_code == 2
        assert cli(verb, "--flow", "").exit_code == 2
    told("worker", FLOWS, "--until-idle")
    assert "did you mean cli.sure?" in cli("pause", "--flow", "cli.shure").stderr
    assert told("pause", "--flow", "cli.greet") == {"paused": ["flow:cli.greet"]}  # never started
    told("unpause", "--flow", "cli.greet")
    assert told("unpause", "--flow", "cli.greet") == {"paused": []}
    assert [line["action"] for line in told("audit")] == ["pause", "unpause"]
    with connect("everflow.db") as flows, pytest.raises(NoSuchFlow):
        flows.pause_all_of(flow="nobody")


def test_arguments_in_the_wrong_order_are_named(cli: Cli) -> None:
    """Which of them stands where; and an INPUT that is missing."""
    for when in ("0 0 30 2 *", "15m", "@daily"):
        result = cli("schedule", "add", "nightly", f"{FLOWS}:greet", when)
        assert (result.exit_code, "WHEN comes before FLOW" in result.stderr) == (2, True)
        assert "everflow schedule add nightly" in result.stderr
    assert not Path("everflow.db").exists()
    assert "no INPUT was given" in cli("schedule", "add", "n", "1h", f"{FLOWS}:greet").stderr


def test_times_of_a_backfill_stand_in_their_order(cli: Cli, told: Any) -> None:
    """And a key is a text, not nothing."""
    told("schedule", "add", "n", "1d", f"{FLOWS}:greet", "x")
    assert "ends before it begins" in cli("schedule", "backfill", "n", "1d", "2d").stderr
    assert (
        "1 run would be started"
        in cli("schedule", "backfill", "n", "40h", "16h", "--dry-run").stdout
    )
    assert cli("schedule", "trigger", "n", "--key", "").exit_code == 2


def test_filters_that_mean_nothing_say_so(cli: Cli, told: Any) -> None:
    """A slip in a name isn't taken for a deploy that fits, nor for many runs that are done."""
    told("start", f"{FLOWS}:sure", "x")
    for words in (("check",), ("upgrade", "--dry-run")):
        result = cli(*words, "--import", FLOWS, "--flow", "cli.shure")
        assert (result.exit_code, "no flow named" in result.stderr) == (2, True)
    assert cli("check", "--import", FLOWS, "--flow", "cli.greet").exit_code == 0
    assert "nobody" not in cli("upgrade", "--flow", "cli.sure", "--import", FLOWS).stderr
    assert "no run matches" in cli("cancel", "--flow", "cli.shure", "--yes").stderr
    assert told("cancel", "--flow", "cli.shure", "--yes") == []


def test_a_store_is_made_only_where_one_is_meant(cli: Cli, folder: Path) -> None:
    """Not in memory, where it is gone at once, and not for a name that no store knows."""
    assert "gone as the command ends" in cli("list", "--store", ":memory:").stderr
    assert "there is no store" in cli("start", "nobody", "x").stderr
    assert not (folder / "everflow.db").exists()
    cli("start", f"{FLOWS}:greet", "x")
    assert "is no folder" in cli("backup", "nowhere/b.db").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--answer", "nope=1"), "asks no 'nope'"),
        (("--answer", "sure=5"), "doesn't fit the question"),
        (("--input", "5"), "expected str"),
        (("--real", "nope"), "has no node 'nope'"),
    ],
    ids=str,
)
def test_a_simulation_of_what_cannot_be_is_refused(
    cli: Cli, words: tuple[str, ...], said: str
) -> None:
    """Rather than told as a promise that broke, or left aside."""
    result = cli("simulate", f"{FLOWS}:sure", "--seeds", "1", *words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_what_is_to_be_copied_is_whole_where_a_terminal_is_narrow(
    cli: Cli, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id that is cut names nothing."""
    run = told("start", f"{FLOWS}:greet", "x")["id"]
    for columns in ("1", "20", "0", "-5", "wide"):
        monkeypatch.setenv("COLUMNS", columns)
        screens.cache_clear()
        assert run in cli("list").stdout
    screens.cache_clear()
