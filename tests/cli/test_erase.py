"""`erase` and `rewrap`: keys as commands are given them, and what is left of an erased run."""

import base64
import secrets
from pathlib import Path
from typing import Any

import pytest

from everflow import connect
from everflow.store import Hand
from tests.cli.conftest import FLOWS, Cli

SECRET = "12 Mill Lane, in a text of more than sixty-four characters, so that it is no small one"


def master() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def keys(folder: Path) -> Path:
    """A project whose store is encrypted."""
    (folder / "keys").mkdir()
    (folder / "keys" / "master").write_text(master())
    table = '[tool.everflow]\nkeys = "keys/keys.db"\nmaster_key = "keys/master"\n'
    (folder / "pyproject.toml").write_text(table)
    return folder / "keys" / "master"


@pytest.mark.usefixtures("keys")
def test_an_erased_run_shows_its_skeleton(cli: Cli, told: Any, folder: Path) -> None:
    """Result and values are gone, in lists, in show, in pictures and in exports; the rest stays."""
    run = told("run", f"{FLOWS}:greet", SECRET)["id"]
    assert told("show", run)["result"] == f"Hello {SECRET}"
    assert SECRET.encode() not in (folder / "everflow.db").read_bytes()
    told("export", run, "-o", "before.jsonl")
    assert told("erase", run, "--by", "ann") == {"erased": {run: True}}
    assert "was erased already" in cli("erase", run).stdout
    view = told("show", run)
    assert view["status"] == "done"
    assert view["result"] is None
    assert view["erased"].startswith("20")
    assert [entry["kind"] for entry in view["entries"]] == ["start", "result"]
    for words in (("show", run), ("show", run, "--full"), ("list",), ("status", run)):
        said = cli(*words)
        assert said.exit_code == 0
        assert run in said.stdout
        assert "Mill Lane" not in said.stdout
    assert "erased" in cli("show", run).stdout
    assert cli("graph", run).exit_code == 0
    told("export", run, "-o", "after.jsonl")
    for name in ("before.jsonl", "after.jsonl"):
        assert SECRET not in (folder / name).read_text()
    assert told("import", "before.jsonl", "--store", "copy.db")["new"] == [run]
    assert told("show", run, "--store", "copy.db")["result"] is None


@pytest.mark.usefixtures("keys")
def test_the_past_of_a_sealed_run_is_shown_until_it_is_erased(cli: Cli, told: Any) -> None:
    """As it stood after an entry, values and all; then the skeleton of that."""
    run = told("run", f"{FLOWS}:greet", SECRET)["id"]
    before, after = (told("show", run, "--at", at)["at"] for at in ("0", "1"))
    assert before["outstanding"][0]["value"] == SECRET
    assert after["result"] == f"Hello {SECRET}"
    told("erase", run)
    for at in ("0", "1"):
        gone = cli("show", run, "--at", at)
        assert gone.exit_code == 0
        assert run in gone.stdout
        assert "Mill Lane" not in gone.output


@pytest.mark.usefixtures("keys")
def test_an_erased_run_gives_no_result_and_no_fork(cli: Cli, told: Any) -> None:
    """Its start key still means that run, and nothing pretends that its result was null."""
    run = told("run", f"{FLOWS}:greet", SECRET, "--key", "k")["id"]
    told("erase", run)
    again = cli("run", f"{FLOWS}:greet", SECRET, "--key", "k")
    assert "is done; its data was erased" in again.stderr
    assert again.stdout == ""
    assert "was erased" in cli("fork", run, "--at", "0").stderr
    assert told("list")["id"] == run


@pytest.mark.usefixtures("keys")
def test_a_live_run_is_refused_or_cancelled_first(
    cli: Cli, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a worker nobody can cancel it, and it stays."""
    monkeypatch.setattr("everflow.cli.commands.erase.PATIENCE", 0.0)
    run = told("start", f"{FLOWS}:greet", SECRET)["id"]
    assert "only one that has ended is erased" in cli("erase", run).stderr
    assert "no worker is running" in cli("erase", run, "--cancel").stderr
    monkeypatch.setattr("everflow.cli.commands.erase.nobody_works", lambda _: False)
    assert "only one that has ended is erased" in cli("erase", run, "--cancel").stderr
    with connect("everflow.db") as flows:
        assert flows.run(run).row().cancel


def test_keys_come_from_the_environment_too(
    cli: Cli, told: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables name the file and hold the master key itself."""
    monkeypatch.setenv("EVERFLOW_KEYS", "other.db")
    assert "there is no master key" in cli("run", f"{FLOWS}:greet", "a").stderr
    monkeypatch.setenv("EVERFLOW_MASTER_KEY", master())
    run = told("run", f"{FLOWS}:greet", SECRET)["id"]
    assert (folder / "other.db").exists()
    monkeypatch.delenv("EVERFLOW_KEYS")
    assert "(sealed: its key isn't here)" in cli("show", run).stdout
    assert "isn't opened with keys" in cli("erase", run).stderr
    assert "no key store is configured" in cli("rewrap").stderr


def test_a_master_key_is_replaced(cli: Cli, told: Any, keys: Path) -> None:
    """New before old, rewrap, and the old one can go."""
    run = told("run", f"{FLOWS}:greet", "a")["id"]
    new = master()
    keys.write_text(f"{new}\n{keys.read_text()}\n")
    assert told("rewrap") == {"rewrapped": 1}
    assert "0 keys" in cli("rewrap").stdout
    keys.write_text(new)
    assert told("show", run)["result"] == "Hello a"
    keys.write_text(master())
    assert "that isn't given" in cli("run", f"{FLOWS}:greet", "b").stderr
    keys.unlink()
    assert "can't be read" in cli("show", run).stderr


@pytest.mark.parametrize("name", ["keys", "master_key"])
def test_a_key_store_is_named_by_a_path(cli: Cli, folder: Path, name: str) -> None:
    """A slip in the table is told."""
    (folder / "pyproject.toml").write_text(f"[tool.everflow]\n{name} = 3\n")
    assert f"{name} is the path of a file" in cli("list").stderr


@pytest.mark.usefixtures("keys")
def test_a_copy_is_erased_once_its_run_has_ended(cli: Cli, told: Any, folder: Path) -> None:
    """One that goes on elsewhere, or is on its way there, isn't: it is ended there first."""
    going = told("run", f"{FLOWS}:approve", SECRET, code=3)["id"]
    ended = told("run", f"{FLOWS}:greet", SECRET)["id"]
    with connect(folder / "everflow.db") as flows:
        for run in (going, ended):
            (seen,) = flows.store.tenures([run])
            wish = Hand(run=run, version=0, seq=seen.seq, rev=seen.rev, body="{}", here=False)
            assert flows.store.hand(wish, at=1)
    assert "goes on there" in cli("erase", going).stderr
    assert told("erase", ended) == {"erased": {ended: True}}
    assert "Mill Lane" not in cli("show", ended, "--full").output
