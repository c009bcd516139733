"""`retain`: ended runs are let go of, others aren't."""

from typing import Any

import pytest

from tests.cli.conftest import FLOWS, Cli


def test_ended_runs_are_let_go_of(cli: Cli, told: Any) -> None:
    """Counted first; one that is kept by a label, or goes on, stays."""
    gone = told("run", f"{FLOWS}:greet", "a")["id"]
    kept = told("run", f"{FLOWS}:greet", "b", "--label", "audit=yes")["id"]
    given = ("retain", "--done-before", "0s", "--keep", "audit")
    counts = {"gone": 1, "kept": 1, "moved": 0, "dropped": 0, "size": 0}
    said = told(*given, "--dry-run")
    assert (said["retained"], said["dry_run"]) == (counts, True)
    assert "1 run would be let go of, 1 kept" in cli(*given, "--dry-run").stdout
    assert told("status", gone)["status"] == "done"
    said = told(*given, "--by", "ann")
    assert (said["retained"], said["dry_run"]) == (counts, False)
    missing = cli("status", gone)
    assert "if it ended before" in missing.stderr
    assert told("list")["id"] == kept
    line = told("audit", "--by", "ann")
    assert (line["action"], line["detail"]["gone"]) == ("retain", 1)
    assert "0 runs let go of, 1 kept" in cli(*given).stdout
    assert "1 run let go of" in cli("retain", "--done-before", "0s", "--keep", "audit=no").stdout


@pytest.mark.parametrize("arguments", [(), ("--done-before", "0s", "--keep", "=x")])
def test_what_is_meant_has_to_be_said(cli: Cli, arguments: tuple[str, ...]) -> None:
    """A time; and a label has a name."""
    assert cli("retain", *arguments).exit_code == 2


def test_somebody_who_looks_on_sees_progress(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal."""
    cli("run", f"{FLOWS}:greet", "a")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "1 run let go of" in cli("retain", "--done-before", "0s").stdout
