"""`export`, `import`, `adopt` and `backup`."""

import gzip
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FLOWS, Cli

MOST_DEATHS = 4


@pytest.fixture
def runs(told: Any) -> list[str]:
    """A finished run and one that asks."""
    return [
        str(told("run", f"{FLOWS}:greet", "a")["id"]),
        str(told("run", f"{FLOWS}:sure", "b", code=3)["id"]),
    ]


def test_runs_go_from_store_to_store(cli: Cli, told: Any, runs: list[str]) -> None:
    """B082: exported, imported paused, adopted, answered and finished elsewhere."""
    assert told("export", *runs, "-o", "runs.jsonl")["exported"] == 2
    report = told("import", "runs.jsonl", "--store", "other.db")
    assert sorted(report["new"]) == sorted(runs)
    there = ("--store", "other.db")
    assert told("status", runs[0], *there)["result"] == "Hello a"
    assert told("status", runs[1], *there)["status"] == "paused"
    assert told("adopt", runs[1], *there)["adopted"] == [runs[1]]
    told("worker", FLOWS, "--until-idle", *there)
    told("answer", runs[1], "yes", *there)
    told("worker", FLOWS, "--until-idle", *there)
    assert told("status", runs[1], *there)["result"] == ["Hello b", True]
    assert told("status", runs[1])["status"] == "suspended"
    assert told("import", "runs.jsonl")["same"] == runs


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--all",), 2),
        (("--flow", "cli.sure"), 1),
        (("--status", "done"), 1),
        (("--before", "1h"), 0),
    ],
)
def test_what_is_exported_is_chosen_by_filters(
    told: Any, runs: list[str], words: tuple[str, ...], count: int
) -> None:
    """All, or by flow, status, time."""
    assert told("export", *words, "-o", "runs.jsonl")["exported"] == count


def test_an_export_goes_to_the_output_and_comes_from_the_input(
    cli: Cli, told: Any, runs: list[str], folder: Path
) -> None:
    """Without a file; and gzipped is taken as well."""
    text = cli("export", runs[0]).stdout
    assert told("import", "-", "--store", "other.db", given=text)["new"] == [runs[0]]
    (folder / "runs.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    assert told("import", "runs.jsonl.gz", "--store", "third.db")["new"] == [runs[0]]


@pytest.mark.parametrize("words", [(), ("--all", "RUN")])
def test_runs_or_filters_are_needed_not_both(cli: Cli, runs: list[str], words: Any) -> None:
    """Neither is no choice, both are a contradiction."""
    words = [runs[0] if word == "RUN" else word for word in words]
    assert cli("export", *words).exit_code == 2
    assert cli("adopt", *words).exit_code == 2


def test_a_cut_export_is_refused(cli: Cli, runs: list[str], folder: Path) -> None:
    """Code 2, the line is named, and nothing is imported."""
    cli("export", *runs, "-o", "runs.jsonl")
    lines = (folder / "runs.jsonl").read_text().splitlines(keepends=True)
    (folder / "cut.jsonl").write_text("".join(lines[:-1]))
    result = cli("import", "cut.jsonl", "--store", "other.db")
    assert result.exit_code == 2
    assert cli("list", "--store", "other.db").stdout == ""


def test_other_history_is_a_conflict(cli: Cli, told: Any, runs: list[str]) -> None:
    """Left alone, with code 2, unless --replace."""
    cli("export", runs[1], "-o", "old.jsonl")
    told("cancel", runs[1])
    told("worker", FLOWS, "--until-idle")
    cli("export", runs[1], "-o", "new.jsonl")
    told("import", "old.jsonl", "--store", "other.db")
    assert told("import", "new.jsonl", "--store", "other.db", code=2)["conflict"] == [runs[1]]
    report = told("import", "new.jsonl", "--store", "other.db", "--replace")
    assert report["replaced"] == [runs[1]]


def test_adopting_what_is_not_paused_is_told(cli: Cli, told: Any, runs: list[str]) -> None:
    """It is left as it is, with code 2."""
    assert told("adopt", runs[1], code=2) == {"adopted": [], "left": [runs[1]]}
    assert "neither paused nor set aside" in cli("adopt", runs[1]).stderr


def test_a_run_that_kills_its_workers_is_adopted_once_it_is_mended(
    told: Any, spawn: Any, folder: Path
) -> None:
    """Set aside after deaths while it alone was running; all it needs then is `adopt`."""
    (folder / "pyproject.toml").write_text("[tool.everflow]\nalone_deaths = 1\nlease_s = 60.0\n")
    (folder / "deadly").touch()
    run = told("start", f"{FLOWS}:deadly", f'"{folder}"')["id"]
    deaths = 0
    while told("status", run)["status"] != "blocked" and deaths < MOST_DEATHS:
        worker = spawn("worker", FLOWS, "--until-idle")
        worker.communicate(timeout=30)
        deaths += worker.returncode == -signal.SIGKILL
    view = told("status", run)
    assert (view["status"], view["until"]) == ("blocked", "operator")
    (folder / "deadly").unlink()
    assert told("adopt", "--all")["adopted"] == [run]
    told("worker", FLOWS, "--until-idle")
    assert told("status", run)["result"] == "mended"


def test_a_backup_is_a_store(cli: Cli, told: Any, runs: list[str]) -> None:
    """Whole, with what there was; a place that is taken is refused."""
    assert told("backup", "copy.db")["highest"] > 0
    assert told("status", runs[0], "--store", "copy.db")["result"] == "Hello a"
    assert cli("backup", "copy.db").exit_code == 4


@pytest.mark.parametrize("words", [("-o", "there"), ("-o", "no/such/folder")])
def test_a_file_is_never_overwritten(
    cli: Cli, runs: list[str], folder: Path, words: tuple[str, ...]
) -> None:
    """A file that is there, or a folder that isn't, is told."""
    (folder / "there").write_text("mine")
    assert cli("export", "--all", *words).exit_code == 2
    assert (folder / "there").read_text() == "mine"


def test_a_missing_file_is_told(cli: Cli) -> None:
    """Nothing is made for it."""
    assert cli("import", "missing.jsonl").exit_code == 2
    assert not Path("everflow.db").exists()
