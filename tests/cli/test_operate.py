"""`retry`, `fork`, `pause`, `unpause`, `label`, `acknowledge`, `audit`, and many runs at once."""

from typing import Any

import pytest

from tests.cli.conftest import FLOWS, Cli


@pytest.fixture
def failed(told: Any) -> str:
    """A run that has failed."""
    return str(told("run", f"{FLOWS}:fails", "1", code=1)["id"])


@pytest.fixture
def asking(told: Any) -> list[str]:
    """Two runs that ask."""
    return [str(told("run", f"{FLOWS}:sure", name, code=3)["id"]) for name in ("a", "b")]


def test_a_failed_run_is_retried(cli: Cli, told: Any, failed: str) -> None:
    """Queued for a worker; a second time there is nothing to retry, and it says so (B069)."""
    assert told("retry", failed, "--by", "ann")["status"] == "queued"
    result = cli("retry", failed)
    assert (result.exit_code, "only a failed run" in result.stderr) == (2, True)
    told("worker", FLOWS, "--until-idle")
    assert told("status", failed)["status"] == "failed"
    assert "generation 2" in cli("retry", failed).stdout
    assert [line["by"] for line in told("audit", "--run", failed)][:1] == ["ann"]


def test_an_acknowledged_failure_is_forked(cli: Cli, told: Any, failed: str) -> None:
    """It isn't retried in place any more (B069)."""
    assert told("acknowledge", failed) == {"acknowledged": failed}
    assert cli("acknowledge", failed).stdout == "acknowledged\n"
    assert cli("retry", failed).exit_code == 2
    fork = told("fork", failed, "--at", "0", "--value", "5")
    assert fork["labels"] == {"forked_from": f"{failed}@0"}
    assert cli("fork", failed, "--at", "0").stdout.strip() != failed
    assert "forked from" in cli("show", fork["id"]).stdout
    assert cli("fork", failed, "--at", "9").exit_code == 2


def test_a_run_is_paused_and_goes_on(cli: Cli, told: Any, asking: list[str]) -> None:
    """A worker applies it; who did what stands in the audit."""
    assert "accepted" in cli("pause", asking[0], "--by", "ann").stdout
    told("worker", FLOWS, "--until-idle")
    assert told("status", asking[0])["reason"] == "paused by ann"
    assert "accepted" in cli("unpause", asking[0]).stdout
    told("worker", FLOWS, "--until-idle")
    assert told("status", asking[0])["status"] == "suspended"
    assert [line["action"] for line in told("audit")] == ["pause", "unpause"]


def test_flows_and_queues_are_paused(cli: Cli, told: Any, asking: list[str]) -> None:
    """By name; and what is paused is told."""
    told("queue", "set", "mails")
    assert told("pause", "--flow", "cli.sure") == {"paused": ["flow:cli.sure"]}
    assert "flow:cli.sure, queue:mails" in cli("pause", "--queue", "mails").stdout
    assert told("unpause", "--flow", "cli.sure") == {"paused": ["queue:mails"]}
    assert "nothing" in cli("unpause", "--queue", "mails").stdout
    assert cli("pause").exit_code == 2
    assert cli("unpause", asking[0], "--flow", "x").exit_code == 2


def test_labels_are_changed(cli: Cli, told: Any, failed: str) -> None:
    """NAME=VALUE gives, NAME- takes away (B068)."""
    assert told("label", failed, "a=1", "b=x=y")["labels"] == {"a": "1", "b": "x=y"}
    assert cli("label", failed, "a-").stdout == "b=x=y\n"
    assert cli("label", failed, "b-").stdout == "no labels\n"
    assert cli("label", failed, "nothing").exit_code == 2


def test_many_are_done_at_once(cli: Cli, told: Any, asking: list[str], failed: str) -> None:
    """By filters: a dry run does nothing, and without a person it needs --yes."""
    dry = told("cancel", "--flow", "cli.sure", "--dry-run")
    assert [(line["run"], line["done"]) for line in dry] == [(run, False) for run in asking]
    refused = cli("cancel", "--flow", "cli.sure")
    assert (refused.exit_code, "say --yes" in refused.stderr) == (2, True)
    assert told("answer", "yes", "--flow", "cli.sure", "--tag", "sure", "--dry-run")[0]["run"]
    told("label", asking[0], "one=yes")
    assert told("answer", "true", "--label", "one=yes", "--yes")["done"]
    assert "2 cancelled" in cli("cancel", "--flow", "cli.sure", "--yes").stderr
    assert "1 retried" in cli("retry", "--status", "failed", "-y").stderr
    assert told("retry", "--flow", "cli.greet", "-y") == []
    told("acknowledge", failed, code=2)
    assert cli("cancel").exit_code == 2
    assert cli("retry").exit_code == 2
    assert cli("answer", asking[0], "true", "--flow", "x").exit_code == 2


def test_what_cannot_be_done_is_told_run_by_run(cli: Cli, told: Any, failed: str) -> None:
    """The others are done, and the exit code says that not all were."""
    other = told("run", f"{FLOWS}:fails", "2", code=1)["id"]
    told("acknowledge", other)
    lines = told("retry", "--flow", "cli.fails", "--yes", code=2)
    assert [line["done"] for line in lines] == [True, False]
    assert lines[1]["error"]["code"] == "not_retryable"
    assert "1 left as they were" in cli("retry", "--status", "failed", "--yes").stderr


def test_the_audit_is_listed_and_pruned(cli: Cli, told: Any, failed: str) -> None:
    """By filters; lines of a time may be deleted."""
    assert "nothing was done" in cli("audit").stderr
    told("label", failed, "a=1", "--by", "ann")
    assert "label" in cli("audit", "--by", "ann").stdout
    assert told("audit", "--by", "bob") == []
    assert cli("audit", "--prune").exit_code == 2
    assert told("audit", "--prune", "--before", "2100-01-01") == {"pruned": 1}
    assert "0 lines" in cli("audit", "--prune", "--before", "2100-01-01").stdout
