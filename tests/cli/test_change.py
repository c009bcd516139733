"""`check` and `upgrade`: changed flows and the runs that are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from everflow.cli.output import screens
from everflow.core.registry import Registry
from tests.cli.conftest import Cli

OLD = """
from everflow import call, const, flow, suspend

post = flow("cli.post", suspend("go") >> const("old"))
"""
NEW = OLD.replace("suspend(", "const(0) >> suspend(")
OTHER = OLD.replace('"go"', '"else"')


@pytest.fixture
def deploy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put other code in the place of the one before."""

    def put(code: str) -> str:
        name = f"post_{len(list(folder.glob('post_*.py')))}"
        monkeypatch.setattr("everflow.core.registry._default", Registry())
        Path(folder, f"{name}.py").write_text(code)
        return f"{name}.py"

    return put


def lines(cli: Cli, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """What a command prints for machines."""
    result = cli(*words, "--json")
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_changed_flow_is_checked_and_runs_are_upgraded(cli: Cli, told: Any, deploy: Any) -> None:
    """Said in a table and as JSON, asked for, and done by the next worker."""
    old = deploy(OLD)
    run = told("run", f"{old}:post", "1", code=3)["id"]
    assert lines(cli, "check", "--import", old)[-1] == {"counts": {"same": 1}, "fits": True}
    new = deploy(NEW)
    found, last = lines(cli, "check", "--import", new)
    assert (found["run"], found["fit"], found["passed"]) == (run, "moves", ["./0.1"])
    assert last == {"counts": {"moves": 1}, "fits": True}
    shown = cli("upgrade", "--all", "--dry-run", "--import", new)
    assert "moves" in shown.stdout
    asked = cli("upgrade", run, "--by", "ann", "--import", new)
    assert "no worker is running" in asked.stderr
    assert cli("worker", new, "--until-idle").exit_code == 0
    assert "upgraded to a new shape" in cli("show", run).stdout
    assert lines(cli, "check", "--import", new)[-1]["counts"] == {"same": 1}


def test_runs_that_do_not_fit_stop_a_deploy(cli: Cli, told: Any, deploy: Any) -> None:
    """By the exit code; the table says where and why (B065)."""
    run = told("run", f"{deploy(OLD)}:post", "1", code=3)["id"]
    other = deploy(OTHER)
    result = cli("check", "--import", other)
    assert result.exit_code == 5
    assert "cannot" in result.stdout
    assert lines(cli, "check", "--import", other, code=5)[0]["run"] == run
    assert lines(cli, "upgrade", "--flow", "cli.post", "--import", other, code=5)[-1] == {
        "counts": {"cannot": 1},
        "fits": False,
    }
    assert "no flow named 'none'" in cli("check", "--flow", "none", "--import", other).stderr


def test_whole_reasons_are_shown_where_a_terminal_is_narrow(
    cli: Cli, told: Any, deploy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the table, with the position and a run that can be copied (B065)."""
    name = "a flow whose name goes on and on, " * 5
    code = OLD.replace("suspend", "call").replace('"go"', repr(name))
    run = told("start", f"{deploy(code)}:post", "1")["id"]
    assert cli("worker", "post_0.py", "--until-idle").exit_code == 0
    other = deploy(code.replace(repr(name), '"another"'))
    monkeypatch.setenv("COLUMNS", "30")
    screens.cache_clear()
    shown = cli("check", "--import", other).stdout
    screens.cache_clear()
    assert f"\ncli.post cannot at ./0, such as {run}\n" in shown
    assert f"(it waits for a run of {name!r}, and the new flow calls 'another' here)\n" in shown


def test_an_upgrade_says_which_runs(cli: Cli, told: Any, deploy: Any) -> None:
    """Named, of a flow, or all."""
    told("run", f"{deploy(OLD)}:post", "1", code=3)
    assert cli("upgrade").exit_code == 2
