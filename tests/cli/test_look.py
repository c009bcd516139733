"""`status`, `list`, `show` and `graph`."""

import json
from pathlib import Path
from typing import Any

import pytest

from everflow import connect
from everflow.store import Hand
from tests.cli.conftest import FLOWS, Cli


@pytest.fixture
def runs(told: Any) -> list[str]:
    """Three runs: one done, one failed, one that asks."""
    return [
        str(told("run", f"{FLOWS}:greet", "a", "--label", "n=1", "--key", "k")["id"]),
        str(told("run", f"{FLOWS}:fails", "1", "--label", "n=2", code=1)["id"]),
        str(told("run", f"{FLOWS}:approve", "c", code=3)["id"]),
    ]


def ids(view: Any) -> list[str]:
    """The runs of a list."""
    rows = view if isinstance(view, list) else [view]
    return [row["id"] for row in rows]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), [0, 1, 2]),
        (("--newest",), [2, 1, 0]),
        (("--status", "done"), [0]),
        (("--status", "done", "--status", "failed"), [0, 1]),
        (("--flow", "cli.approve"), [2]),
        (("--tag", "approval"), [2]),
        (("--tag", "nothing"), []),
        (("--label", "n=2"), [1]),
        (("--since", "1h"), [0, 1, 2]),
        (("--since", "2100-01-01"), []),
        (("--before", "1h"), []),
        (("--before", "2100-01-01T00:00+00:00"), [0, 1, 2]),
        (("--limit", "2"), [0, 1]),
        (("--flow", "'; --"), []),
    ],
)
def test_runs_are_listed_by_filters(
    told: Any, runs: list[str], words: tuple[str, ...], expected: list[int]
) -> None:
    """Each filter alone, in the order of their start."""
    assert ids(told("list", *words)) == [runs[number] for number in expected]


def test_the_next_page_follows_the_last_run(cli: Cli, told: Any, runs: list[str]) -> None:
    """A full page says how one goes on."""
    first = cli("list", "--limit", "2")
    assert f"--after {runs[1]}" in first.stderr
    assert ids(told("list", "--after", runs[1])) == [runs[2]]


def test_runs_are_counted(cli: Cli, told: Any, runs: list[str]) -> None:
    """By status."""
    assert told("list", "--count") == {"done": 1, "failed": 1, "suspended": 1}
    assert "suspended" in cli("list", "--count").stdout


def test_open_questions_are_paged(cli: Cli, told: Any) -> None:
    """A page follows the token of the last one; a full page says so."""
    run = told("run", f"{FLOWS}:two", code=3)["id"]
    first = told("list", "--questions", "--limit", "1")
    assert f"--after {first['token']}" in cli("list", "--questions", "--limit", "1").stderr
    second = told("list", "--questions", "--after", first["token"])
    assert {first["token"], second["token"]} == {f"{run}.left.1", f"{run}.right.1"}


def test_open_questions_are_listed(cli: Cli, told: Any, runs: list[str]) -> None:
    """With token, prompt and schema; other filters don't go with it."""
    question = told("list", "--questions")
    assert question["token"] == f"{runs[2]}.approval.1"
    assert f"{runs[2]}.approval.1" in cli("list", "--questions", "--tag", "approval").stdout
    assert cli("list", "--questions", "--flow", "x").exit_code == 2


@pytest.mark.parametrize("words", [("list",), ("list", "--questions"), ("list", "--count")])
def test_an_empty_store_says_so(cli: Cli, told: Any, words: tuple[str, ...]) -> None:
    """Nothing on the output, a word beside, code 0."""
    run = told("start", f"{FLOWS}:greet", "a")["id"]
    told("cancel", run)
    result = cli(*words, *(("--status", "done") if len(words) == 1 else ()))
    assert result.exit_code == 0


def test_status_tells_how_a_run_ended(cli: Cli, told: Any, runs: list[str]) -> None:
    """Result, error, and question, each with its place; the code says it when waited for."""
    assert told("status", runs[0])["result"] == "Hello a"
    assert told("status", runs[1])["error"]["position"] != ""
    assert told("status", runs[2])["questions"][0]["tag"] == "approval"
    assert [cli("status", run, "--wait", "1").exit_code for run in runs] == [0, 1, 3]
    assert [cli("status", run).exit_code for run in runs] == [0, 0, 0]


@pytest.mark.parametrize("words", [("--wait", "soon"), ("--wait", "-1")])
def test_a_length_of_time_is_checked(cli: Cli, runs: list[str], words: tuple[str, ...]) -> None:
    """Numbers with s, m, h or d."""
    assert cli("status", runs[0], *words).exit_code == 2


def test_a_journal_is_shown_as_a_timeline(cli: Cli, told: Any, runs: list[str]) -> None:
    """Each entry with its node; --full shows the error's trace."""
    shown = cli("show", runs[1]).stdout
    assert "broken failed" in shown
    assert "Traceback" not in shown
    assert 'raise ValueError(f"no' in cli("show", runs[1], "--full").stdout
    view = told("show", runs[0])
    assert [entry["kind"] for entry in view["entries"]] == ["start", "result"]
    assert view["entries"][1]["value"] == "Hello a"
    part = told("show", runs[0], "--first", "1", "--limit", "1")
    assert [entry["seq"] for entry in part["entries"]] == [1]


def test_control_characters_never_reach_a_terminal(cli: Cli, told: Any) -> None:
    """Names, keys, values and errors are written out, in tables as in errors."""
    nasty = "\x1b[31m\x07\u202e\x9b[bold]"
    view = told("run", f"{FLOWS}:approve", json.dumps(nasty), "--key", nasty, code=3)
    for words in (("list",), ("status", view["id"]), ("show", view["id"]), ("status", nasty)):
        output = cli(*words).output
        assert not set(output) & set("\x1b\x07\u202e\x9b")
    assert "[bold]" in cli("show", view["id"]).stdout
    assert "\\x1b[31mhere" in cli("run", f"{FLOWS}:fails", "1").stderr


@pytest.mark.parametrize("form", ["text", "mermaid", "dot"])
def test_flows_and_runs_are_drawn(cli: Cli, told: Any, runs: list[str], form: str) -> None:
    """A flow by its name, a run by its id with marks where it stands."""
    flow = cli("graph", f"{FLOWS}:approve", "--format", form)
    run = cli("graph", runs[2], "--format", form)
    assert (flow.exit_code, run.exit_code) == (0, 0)
    assert "approval" in flow.stdout
    assert flow.stdout != run.stdout
    assert told("graph", runs[2], "--format", form)["picture"] in run.stdout


def test_a_registered_name_is_drawn_too(cli: Cli, runs: list[str]) -> None:
    """The name of a flow whose module is imported."""
    assert cli("graph", "cli.two", "--import", FLOWS).exit_code == 0
    result = cli("graph", "cli.nothing", "--import", FLOWS)
    assert result.exit_code == 2


def test_a_run_is_shown_as_it_stood_after_any_entry(cli: Cli, told: Any, runs: list[str]) -> None:
    """Time travel: what was outstanding then, and with what (B069)."""
    first = told("show", runs[2], "--at", "0")
    assert [op["kind"] for op in first["at"]["outstanding"]] == ["node"]
    assert (first["at"]["status"], first["at"]["outstanding"][0]["value"]) == ("running", "c")
    second = told("show", runs[2], "--at", "1")
    assert [op["tag"] for op in second["at"]["outstanding"]] == ["approval"]
    assert (second["at"]["status"], len(second["entries"])) == ("suspended", 2)
    assert told("show", runs[0], "--at", "1")["at"]["result"] == "Hello a"
    assert told("show", runs[1], "--at", "1")["at"]["error"]["type"] == "ValueError"
    words = cli("show", runs[2], "--at", "1").stdout
    assert "after entry 1" in words
    assert "approval" in words
    assert '"Hello a"' in cli("show", runs[0], "--at", "1", "--full").stdout
    assert "ValueError" in cli("show", runs[1], "--at", "1").stdout


def test_an_entry_that_is_not_there_is_told_with_those_that_are(cli: Cli, runs: list[str]) -> None:
    """Neither guessed at nor answered by another."""
    result = cli("show", runs[0], "--at", "9")
    assert (result.exit_code, "there are 0 to 1" in result.stderr) == (2, True)


def test_a_run_is_drawn_as_it_stood_after_any_entry(cli: Cli, runs: list[str]) -> None:
    """The marks are those of then; a flow has no past."""
    assert "running" in cli("graph", runs[0], "--at", "0").stdout
    assert "running" not in cli("graph", runs[0]).stdout
    assert cli("graph", f"{FLOWS}:greet", "--at", "0").exit_code == 2
    assert cli("graph", "cli.greet", "--import", FLOWS, "--at", "0").exit_code == 2


def test_what_a_run_called_is_told_in_both_directions(told: Any, cli: Cli) -> None:
    """By list, status, show and graph; `run` leaves a caller whose child asks (B051)."""
    caller = told("run", f"{FLOWS}:cli.calls", "c", code=3)
    assert caller["status"] == "waiting"
    (child,) = [told("list", "--parent", caller["id"])]
    assert child["parent"] == caller["id"]
    assert told("status", caller["id"])["children"] == {"suspended": 1}
    assert caller["id"] in cli("status", child["id"]).stdout
    assert "1 suspended" in cli("show", caller["id"]).stdout
    again = cli("run", f"{FLOWS}:cli.calls", "c")
    assert "it called 1 suspended (everflow list --parent 0" in again.stderr
    cli("resume", child["id"], '{"approved": true}')
    cli("worker", FLOWS, "--until-idle")
    shown = cli("show", caller["id"]).stdout
    assert "its run is done" in shown
    assert "call 'cli.approve'" in cli("graph", f"{FLOWS}:cli.calls").stdout


def test_a_run_that_another_instance_has_says_so(
    cli: Cli, told: Any, runs: list[str], folder: Path
) -> None:
    """In lists, where it is shown, and to whoever asks something of it (B107)."""
    asks = runs[2]
    with connect(folder / "everflow.db") as flows:
        (seen,) = flows.store.tenures([asks])
        act = Hand(
            run=asks, version=0, seq=seen.seq, rev=seen.rev, body="{}", here=False, holder="east"
        )
        assert flows.store.hand(act, at=1)
    assert ids(told("list", "--status", "handed_off")) == [asks]
    assert "east has it" in cli("list").stdout
    assert "until" not in cli("list", "--status", "handed_off").stdout
    assert "handed_off to east" in cli("show", asks).stdout
    shown = told("show", asks)
    assert (shown["status"], shown["until"]) == ("handed_off", "east")
    assert shown["entries"]
    late = cli("cancel", asks)
    assert (late.exit_code, "east has the run" in late.stderr) == (6, True)
    assert cli("export", asks).exit_code == 6
    assert told("export", "--all", "-o", "all.jsonl")["exported"] == 2


def test_a_copy_with_nothing_in_it_is_shown(cli: Cli, told: Any, folder: Path) -> None:
    """All that was here was another branch; what its owner has is still to come."""
    run = str(told("run", f"{FLOWS}:approve", "c", code=3)["id"])
    with connect(folder / "everflow.db") as flows:
        (seen,) = flows.store.tenures([run])
        act = Hand(
            run=run, version=0, seq=seen.seq, rev=seen.rev, body="{}", here=False, keep=(0, 0)
        )
        assert flows.store.hand(act, at=1)
    assert told("show", run)["entries"] == []
    assert "another instance has it" in cli("show", run).stdout
    for shows in ("status", "show", "graph"):
        assert run in cli(shows, run).output
    for refuses in (["fork", run, "--at", "0"], ["upgrade", run], ["label", run, "x=1"]):
        assert cli(*refuses).exit_code == 6
    assert told("prune", run)["pruned"] == {run: 0}


def test_a_leased_run_says_so(cli: Cli, told: Any, folder: Path) -> None:
    """In lists and of itself, with where it is told from whom (B107)."""
    run = str(told("run", f"{FLOWS}:approve", "c", code=3)["id"])
    assert told("status", run)["leased"] is False
    assert "leased" not in cli("list").stdout
    with connect(folder / "everflow.db") as flows:
        (seen,) = flows.store.tenures([run])
        act = Hand(
            run=run, version=0, seq=seen.seq, rev=seen.rev, body="{}", here=True, leased=True
        )
        assert flows.store.hand(act, at=1)
    assert told("status", run)["leased"] is True
    assert told("list")["leased"] is True
    assert "leased" in cli("list").stdout
    assert "everflow handoff list" in cli("show", run).stdout


def test_a_run_that_is_not_there_is_named_once(cli: Cli, runs: list[str]) -> None:
    """In the sentence; the line with the place says nothing of it again."""
    said = cli("show", f"{runs[0]}x").stderr
    assert said.count(runs[0]) == 1
