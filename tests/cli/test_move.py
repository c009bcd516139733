"""`move`."""

from pathlib import Path
from typing import Any

import pytest

from everflow.cli.commands import move as command
from tests.cli.conftest import FLOWS, Cli


def test_a_store_moves_and_goes_on(cli: Cli, told: Any) -> None:
    """Tried, moved, answered there, and told of at the source; again, it moves what is new."""
    done = told("run", f"{FLOWS}:greet", "a")["id"]
    asking = told("run", f"{FLOWS}:sure", "b", code=3)["id"]
    tried = told("move", "everflow.db", "other.db", "--dry-run")
    assert (tried["dry"], tried["runs"]) == (True, {"done": 1, "suspended": 1})
    assert not Path("other.db").exists()
    report = told("move", "everflow.db", "other.db")
    assert (report["runs"], report["verified"]) == ({"done": 1, "suspended": 1}, 2)
    there = ("--store", "other.db")
    assert told("status", done, *there)["result"] == "Hello a"
    told("answer", asking, "yes", *there)
    told("worker", FLOWS, "--until-idle", *there)
    assert told("status", asking, *there)["result"] == ["Hello b", True]
    told("answer", asking, "yes", code=6)
    shown = cli("status", asking)
    assert "other.db" in shown.output
    late = told("run", f"{FLOWS}:greet", "c")["id"]
    assert told("move", "everflow.db", "other.db", late)["runs"] == {"done": 1}
    result = cli("move", "everflow.db", "other.db")
    assert result.exit_code == 0, result.output
    assert "3 runs found at" in result.stdout
    assert "sha256" not in result.stdout  # nothing went


def test_chosen_runs_move(cli: Cli, told: Any) -> None:
    """By filters or by name, not both; and a store that isn't there is named."""
    told("run", f"{FLOWS}:greet", "a")
    told("run", f"{FLOWS}:sure", "b", code=3)
    assert cli("move", "everflow.db", "other.db", "x", "--flow", "greet").exit_code == 2
    assert cli("move", "nowhere.db", "other.db").exit_code == 2
    assert told("move", "everflow.db", "other.db", "--status", "done")["runs"] == {"done": 1}
    assert told("move", "everflow.db", "other.db", "--dry-run")["runs"] == {"suspended": 1}
    assert cli("move", "everflow.db", "everflow.db").exit_code == 2


def test_a_move_into_a_database_is_tried_before_there_is_a_store(
    cli: Cli, told: Any, fresh_url: str
) -> None:
    """It says what would go, and makes nothing there."""
    told("run", f"{FLOWS}:greet", "a")
    tried = told("move", "everflow.db", fresh_url, "--dry-run")
    assert (tried["runs"], tried["target"]) == ({"done": 1}, fresh_url)
    assert "there is no store at" in cli("list", "--store", fresh_url).stderr
    assert told("move", "everflow.db", fresh_url)["target"] == fresh_url
    assert told("move", "everflow.db", fresh_url, "--dry-run")["runs"] == {}


@pytest.mark.parametrize(
    ("words", "said"), [((), "the same command goes on"), (("--dry-run",), "nothing was changed")]
)
def test_a_move_that_is_interrupted_says_what_to_do(
    cli: Cli, told: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    """The same command, again; where it was only tried, nothing."""

    def interrupted(*_args: Any, **_rest: Any) -> None:
        raise KeyboardInterrupt

    told("run", f"{FLOWS}:greet", "a")
    monkeypatch.setattr(command, "move", interrupted)
    result = cli("move", "everflow.db", "other.db", *words)
    assert (result.exit_code, said in result.stderr) == (130, True)


def test_whose_instance_moves_is_told_of_its_keys(cli: Cli, told: Any, folder: Path) -> None:
    """They lie in files, which nobody moves for them; a server says which file it lacks."""
    told("peer", "init", "http://127.0.0.1:1")
    assert "private keys stay" in cli("move", "everflow.db", "other.db").stderr
    lacking = cli("serve", FLOWS, "--port", "0", "--store", "other.db").stderr
    assert "other.db.peer-key can't be read" in lacking
    assert "copy it from where it was made" in lacking
    (folder / "everflow.db.peer-key").rename("other.db.peer-key")
    assert told("peer", "show", "--store", "other.db")["address"] == "http://127.0.0.1:1"
