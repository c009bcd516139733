"""`run` and `start`."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FLOWS, Cli


def test_a_run_is_executed_to_its_result(cli: Cli) -> None:
    """The result alone is on the standard output, and the code is 0."""
    result = cli("run", f"{FLOWS}:greet", '"world"')
    assert (result.exit_code, result.stdout) == (0, '"Hello world"\n')


@pytest.mark.parametrize(
    ("value", "given"),
    [("World", None), ("@name.json", None), ("-", '"World"'), ('"World"', None)],
)
def test_a_value_comes_from_an_argument_a_file_or_the_input(
    cli: Cli, folder: Path, value: str, given: str | None
) -> None:
    """JSON, @FILE, -, and a text that isn't JSON as a string."""
    (folder / "name.json").write_text('"World"')
    result = cli("run", f"{FLOWS}:greet", value, given=given)
    assert (result.exit_code, result.stdout) == (0, '"Hello World"\n')


@pytest.mark.parametrize("value", ['{"a": 1', "[", '"a', "", "@missing", "{NaN}", "[NaN]"])
def test_a_slip_in_a_value_is_told_and_nothing_is_started(cli: Cli, value: str) -> None:
    """What begins like JSON must be JSON; code 2, and no store is made."""
    result = cli("run", f"{FLOWS}:greet", value)
    assert result.exit_code == 2
    assert "error: " in result.stderr
    assert not Path("everflow.db").exists()


def test_a_file_that_is_not_there_is_named_once(cli: Cli) -> None:
    """With the system's reason, without its number."""
    said = cli("run", f"{FLOWS}:greet", "@missing").stderr
    assert "'missing' can't be read: No such file or directory\n" in said


def test_a_run_that_asks_rests_with_its_question(cli: Cli, told: Any) -> None:
    """Code 3; the question is there with its prompt, schema, and the command that answers it."""
    view = told("run", f"{FLOWS}:approve", "you", code=3)
    assert view["status"] == "suspended"
    (question,) = view["questions"]
    assert question["token"] == f"{view['id']}.approval.1"
    assert question["prompt"] == "Hello you"
    assert "approved" in json.dumps(question["schema"])
    shown = cli("show", view["id"]).stdout
    assert f"""everflow answer {question["token"]} '{{"approved": true}}'""" in shown


def test_a_failing_run_has_code_1_and_says_where(cli: Cli, told: Any) -> None:
    """The error with its position, and no traceback of ours."""
    result = cli("run", f"{FLOWS}:fails", "7")
    assert result.exit_code == 1
    assert "ValueError: no 7" in result.stderr
    assert "Traceback" not in result.output
    view = told("run", f"{FLOWS}:fails", "7", code=1)
    assert (view["status"], view["error"]["type"]) == ("failed", "ValueError")


def test_the_same_key_is_the_same_run(told: Any) -> None:
    """A second start with the key gives the first one's result."""
    first = told("run", f"{FLOWS}:greet", "a", "--key", "k")
    again = told("run", f"{FLOWS}:greet", "b", "--key", "k")
    assert (again["id"], again["result"]) == (first["id"], "Hello a")


def test_a_long_wait_is_left_to_a_worker(told: Any) -> None:
    """A timer due in two days doesn't hold the command."""
    view = told("run", f"{FLOWS}:sleepy", "a", code=3)
    assert view["status"] == "waiting"
    assert view["due"] is not None


def test_the_time_to_stay_is_bounded(told: Any, folder: Path) -> None:
    """After --timeout the command ends, the run doesn't."""
    (folder / "pyproject.toml").write_text("[tool.everflow]\ngrace_s = 0.2\ndrain_s = 0.2\n")
    view = told("run", f"{FLOWS}:gated", json.dumps(str(folder)), "--timeout", "100ms", code=3)
    assert view["status"] in {"running", "queued"}


def test_an_interrupted_run_goes_on_elsewhere(spawn: Any, told: Any, folder: Path) -> None:
    """SIGINT ends the command with 130; the run is finished by the next worker."""
    (folder / "pyproject.toml").write_text("[tool.everflow]\ngrace_s = 0.2\ndrain_s = 0.2\n")
    process = spawn("run", f"{FLOWS}:gated", json.dumps(str(folder)))
    while not (folder / "begun").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    assert "goes on with the next worker" in errors
    assert "Traceback" not in errors
    (folder / "go").touch()
    told("worker", FLOWS, "--until-idle")
    assert told("list")["status"] == "done"


def test_a_fault_of_our_own_has_its_own_code(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code 70, with the traceback that a report needs."""

    def fault(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("everflow.cli.commands.run.find_flow", fault)
    result = cli("run", f"{FLOWS}:greet", "a")
    assert result.exit_code == 70
    assert "RuntimeError: a fault" in result.stderr


def test_a_started_run_waits_for_a_worker(cli: Cli, told: Any) -> None:
    """`start` prints the id and executes nothing; a worker does."""
    run = cli("start", f"{FLOWS}:greet", "a", "--label", "by=test").stdout.strip()
    assert told("status", run)["status"] == "queued"
    assert cli("worker", FLOWS, "--until-idle").exit_code == 0
    assert told("status", run, "--wait", "5")["result"] == "Hello a"
    assert told("list", "--label", "by=test")["id"] == run


def test_a_value_that_the_first_node_refuses_is_told(cli: Cli) -> None:
    """A number where the node takes a text: nothing is started, and the place is named."""
    result = cli("run", f"{FLOWS}:greet", "7")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert cli("list").stdout == ""


@pytest.mark.parametrize("label", ["x", "=x"])
def test_a_label_needs_name_and_value(cli: Cli, label: str) -> None:
    """NAME=VALUE."""
    assert "isn't a label" in cli("start", f"{FLOWS}:greet", "a", "--label", label).stderr


def test_a_key_of_any_length_but_none_is_refused(cli: Cli) -> None:
    """An empty key, and one of 100 kB, are the caller's error."""
    for key in ("", "k" * 100_000):
        result = cli("start", f"{FLOWS}:greet", "a", "--key", key)
        assert "error: " in result.stderr
        assert result.exit_code == 2
