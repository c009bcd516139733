"""`answer`, `resume` and `cancel`."""

import json
from typing import Any

import pytest

from tests.cli.conftest import FLOWS, Cli


@pytest.fixture
def asked(told: Any) -> Any:
    """Starts a run of a flow and executes it until it asks; its id."""

    def run(flow: str) -> str:
        return str(told("run", f"{FLOWS}:{flow}", "you", code=3)["id"])

    return run


def done(told: Any, run: str) -> Any:
    """The run's end, once a worker has executed what is left."""
    told("worker", FLOWS, "--until-idle")
    return told("status", run)


@pytest.mark.parametrize("name", ["answer", "resume"])
def test_a_question_is_answered_by_its_token(told: Any, asked: Any, name: str) -> None:
    """Both names; the answer is kept until a worker takes it."""
    run = asked("approve")
    reply = told(name, f"{run}.approval.1", '{"approved": true}')
    assert reply["reply"] == "answered"
    prompt, decision = done(told, run)["result"]
    assert (prompt, decision["approved"]) == ("Hello you", True)


@pytest.mark.parametrize(("word", "meant"), [("yes", True), ("no", False), ("true", True)])
def test_yes_and_no_are_words(told: Any, asked: Any, word: str, meant: bool) -> None:
    """Where true or false is asked, by the run's id alone."""
    run = asked("sure")
    told("answer", run, word)
    assert done(told, run)["result"] == ["Hello you", meant]


def test_a_plain_text_is_a_string(told: Any, asked: Any) -> None:
    """Where a string is asked, yes is a string too."""
    run = asked("named")
    told("answer", run, "yes")
    assert done(told, run)["result"] == ["Hello you", "yes"]


def test_a_second_answer_is_told_so(told: Any, cli: Cli, asked: Any) -> None:
    """B049: code 6 and the truth; the same key again is the same answer."""
    run = asked("sure")
    token = f"{run}.sure.1"
    told("answer", token, "yes", "--key", "a")
    assert told("answer", token, "yes", "--key", "a")["reply"] == "answered"
    assert told("answer", token, "no", code=6)["reply"] == "already_answered"
    assert "too late" in cli("answer", token, "no").stdout
    assert done(told, run)["result"] == ["Hello you", True]


def test_an_answer_that_does_not_fit_is_refused(cli: Cli, told: Any, asked: Any) -> None:
    """Code 2, with what it must fit; the question stays open."""
    run = asked("approve")
    for wrong in ('{"approved": "maybe"}', "yes", "{}"):
        result = cli("answer", run, wrong)
        assert result.exit_code == 2
        assert "doesn't fit" in result.stderr
    assert len(told("status", run)["questions"]) == 1


def test_an_answer_without_a_value_is_refused(cli: Cli, asked: Any) -> None:
    """An answer needs its value."""
    assert cli("answer", asked("sure")).exit_code == 2


def test_several_questions_need_a_tag(cli: Cli, told: Any) -> None:
    """Which one is named by its tag or token; nothing is guessed."""
    run = told("run", f"{FLOWS}:two", code=3)["id"]
    result = cli("answer", run, "1")
    assert result.exit_code == 2
    assert f"{run}.left.1" in result.stderr
    told("answer", run, "1", "--tag", "left")
    told("answer", f"{run}.right.1", "2")
    assert done(told, run)["result"] == [1, 2]


def test_the_journal_says_who_answered(told: Any, asked: Any) -> None:
    """--by, or the user's own name."""
    run, other = asked("sure"), asked("sure")
    told("answer", run, "yes", "--by", "Ines \x1b[31m")
    told("answer", other, "yes")
    done(told, run)
    notes = [entry["note"] for entry in told("show", run)["entries"] if entry["kind"] == "answer"]
    assert notes == ["Ines \x1b[31m"]
    (entry,) = [e for e in told("show", other)["entries"] if e["kind"] == "answer"]
    assert entry["note"]


def test_somebody_alone_is_told_how_it_goes_on(cli: Cli, asked: Any) -> None:
    """Without a living worker the command to start one is shown."""
    assert "everflow worker" in cli("answer", asked("sure"), "yes").stderr


def test_a_run_is_cancelled(cli: Cli, told: Any, asked: Any) -> None:
    """Accepted at once, repeated without harm, and a late answer is told."""
    run = asked("sure")
    assert told("cancel", run)["cancelling"]
    assert cli("cancel", run).exit_code == 0
    assert cli("answer", run, "yes").exit_code == 6
    assert done(told, run)["status"] == "cancelled"
    assert told("status", run, "--wait", "1", code=1)["status"] == "cancelled"


def test_a_cancel_that_comes_too_late_is_told(cli: Cli, told: Any) -> None:
    """A finished run stays as it is: code 6."""
    run = told("run", f"{FLOWS}:greet", "a")["id"]
    result = cli("cancel", run)
    assert result.exit_code == 6
    assert told("status", run)["status"] == "done"


@pytest.mark.parametrize("place", ["nosuchrun", "a.b.1", "a.b.c", "..", "'; DROP TABLE run", "é\0"])
@pytest.mark.parametrize("name", ["answer", "cancel", "status", "show", "graph"])
def test_what_is_not_there_is_told(cli: Cli, told: Any, place: str, name: str) -> None:
    """Code 2 and a sentence for any text in place of a run or token."""
    told("start", f"{FLOWS}:greet", "a")
    words = (name, place, "1") if name == "answer" else (name, place)
    result = cli(*words)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert "\0" not in result.output


def test_an_error_for_machines_is_an_object(cli: Cli, told: Any) -> None:
    """With --json an error is one line with code, blame, place and hint."""
    told("start", f"{FLOWS}:greet", "a")
    result = cli("answer", "nosuchrun", "1", "--json")
    error = json.loads(result.stderr)["error"]
    assert (error["code"], error["blame"]) == ("no_such_run", "caller")
    assert error["hint"]
