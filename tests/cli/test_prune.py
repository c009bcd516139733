"""`prune`: what is no longer needed goes, and nothing else."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

CODE = """
from everflow import ask, flow, node


@node
def longer(value: str) -> str:
    return value * 6_000


@node
def shorter(value: str) -> str:
    return value[:1] * 100


long = flow("cli.long", longer >> shorter >> ask("sure", bool))
"""


@pytest.fixture
def run(folder: Path, told: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that asks, with a snapshot behind it."""
    monkeypatch.delitem(sys.modules, "long", raising=False)
    Path(folder, "long.py").write_text(CODE)
    return str(told("run", "long.py:long", "a", code=3)["id"])


def test_a_pruned_run_is_shown_answered_and_done(cli: Cli, told: Any, run: str) -> None:
    """Counted first, deleted then; the run goes on with what is left."""
    before = len(told("show", run)["entries"])
    said = told("prune", run, "--dry-run")
    count = said["pruned"][run]
    assert count > 0
    assert said["dry_run"] is True
    assert len(told("show", run)["entries"]) == before
    assert "would be deleted" in cli("prune", run, "--dry-run").stdout
    assert told("prune", run) == {"pruned": {run: count}, "dry_run": False}
    assert len(told("show", run)["entries"]) == before - count
    assert cli("show", run).exit_code == 0
    assert cli("graph", run).exit_code == 0
    (question,) = told("status", run)["questions"]
    assert question["prompt"] == "a" * 100
    told("answer", run, "yes")
    told("worker", "long.py", "--until-idle")
    assert told("status", run)["result"] == ["a" * 100, True]
    assert told("prune", run) == {"pruned": {run: 0}, "dry_run": False}


def test_finished_runs_are_pruned_by_their_end(told: Any, run: str) -> None:
    """A run that goes on is left, and so is one that ended later."""
    assert told("prune", "--done-before", "0s")["pruned"] == {}
    told("answer", run, "yes")
    told("worker", "long.py", "--until-idle")
    assert told("prune", "--done-before", "1h")["pruned"] == {}
    assert list(told("prune", "--done-before", "0s")["pruned"]) == [run]
    assert told("status", run)["result"] == ["a" * 100, True]


def test_a_pruned_run_travels(told: Any, run: str) -> None:
    """Exported and imported with what is left; the old copy's history is the same."""
    told("export", run, "-o", "whole.jsonl")
    told("prune", run)
    told("export", run, "-o", "pruned.jsonl")
    assert told("import", "pruned.jsonl", "--store", "other.db")["new"] == [run]
    assert told("import", "whole.jsonl", "--store", "other.db")["same"] == [run]
    assert told("status", run, "--store", "other.db")["status"] == "paused"


@pytest.mark.parametrize("words", [(), ("RUN", "--done-before", "1d")])
def test_runs_or_a_time_are_needed_not_both(cli: Cli, run: str, words: Any) -> None:
    """Neither is no choice, both are a contradiction."""
    assert cli("prune", *(run if word == "RUN" else word for word in words)).exit_code == 2


def test_values_that_nothing_refers_to_are_collected(cli: Cli, told: Any, run: str) -> None:
    """Here are none: what is large is referred to."""
    assert told("prune", "--values") == {"values": 0, "deleted": 0, "size": 0, "dry_run": False}
    assert "0 of 0 values would be deleted" in cli("prune", "--values", "--dry-run").stdout
    assert cli("prune", run, "--values").exit_code == 2
