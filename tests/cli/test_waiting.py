"""What the command line tells of runs that wait: for signals, for a worker, for a short time."""

from pathlib import Path
from typing import Any

import pytest

from everflow import connect
from everflow.store import Put
from tests.cli.conftest import FLOWS, Cli

SENT = """
from datetime import timedelta

from everflow import fixed, flow, node, receive, retry

tries = []


@node
def late(name: str) -> str:
    tries.append(name)
    if len(tries) == 1:
        raise ConnectionError("not yet")
    return name


parcel = flow("parcel", receive("parcel", str))
again = flow("again", retry(2, late, backoff=fixed(timedelta(milliseconds=80))))
"""
FAR = """
from everflow import flow, remote_node

greet = flow("greet", remote_node("east", "shout"))
"""


@pytest.fixture
def sent(folder: Path) -> str:
    """A module of flows that wait."""
    Path(folder, "sent.py").write_text(SENT)
    return "sent.py"


def test_a_run_that_waits_for_a_signal_rests(cli: Cli, told: Any, sent: str) -> None:
    """`run` leaves it, and `status` and `show` name the signal."""
    run = told("run", f"{sent}:parcel", code=3)["id"]
    for command in ("status", "show"):
        [signal] = told(command, run)["receives"]
        assert (signal["name"], signal["position"], signal["due"]) == ("parcel", ".", None)
    assert "parcel at ." in cli("status", run).stdout


def test_what_was_accepted_waits_for_a_worker(cli: Cli, told: Any) -> None:
    """`status` says that no worker has taken an answer up, and that none is running."""
    run = told("run", f"{FLOWS}:approve", "c", code=3)["id"]
    view = told("status", run)
    assert (view["accepted"], view["unattended"]) == (0, False)
    cli("answer", run, '{"approved": true}')
    view = told("status", run)
    assert (view["accepted"], view["unattended"]) == (1, True)
    words = cli("status", run).stdout
    assert "1 for a worker to take up" in words
    assert "everflow worker FILE.py" in words


def test_a_key_with_another_input_is_remarked_on(cli: Cli) -> None:
    """The first run is given, and that its input was another one is said beside."""
    first = cli("start", f"{FLOWS}:greet", "a", "--key", "k")
    same = cli("start", f"{FLOWS}:greet", "a", "--key", "k")
    other = cli("start", f"{FLOWS}:greet", "b", "--key", "k")
    assert first.stdout == same.stdout == other.stdout
    assert "another INPUT" not in first.stderr + same.stderr
    assert "the key k gave the run that it had begun, on another INPUT" in other.stderr


@pytest.mark.parametrize("command", ["run", "start"])
def test_a_forgotten_input_is_named(cli: Cli, command: str) -> None:
    """Not only what the first node would have wanted."""
    result = cli(command, f"{FLOWS}:greet")
    assert result.exit_code == 2
    assert "no INPUT was given" in result.stderr


def test_a_number_for_a_text_is_told_how_to_quote_it(cli: Cli) -> None:
    """INPUT is JSON, so that a shell's quotes alone make no text of it."""
    result = cli("run", f"{FLOWS}:greet", "12.50")
    assert result.exit_code == 2
    assert """it is written '"12.50"'""" in result.stderr


def test_an_idle_worker_waits_for_a_short_backoff(cli: Cli, told: Any, sent: str) -> None:
    """A timer due within 5 s is seen to before `--until-idle` ends."""
    run = cli("start", f"{sent}:again", "a").stdout.strip()
    assert cli("worker", sent, "--until-idle").exit_code == 0
    assert told("status", run)["result"] == "a"


def test_a_queue_that_is_not_there_is_not_paused(cli: Cli) -> None:
    """A slip in its name would pause nothing; unpausing is always possible."""
    cli("queue", "set", "mails", "--limit", "1")
    refused = cli("pause", "--queue", "mail")
    assert refused.exit_code == 2
    assert "there are: mails" in refused.stderr
    assert "queue:mails" in cli("pause", "--queue", "mails").stdout
    assert "nothing" in cli("unpause", "--queue", "mails").stdout


def test_no_interval_at_all_is_refused_as_an_interval(cli: Cli) -> None:
    """Not as a cron expression of one field."""
    result = cli("schedule", "next", "0s")
    assert result.exit_code == 2
    assert "fields" not in result.stderr


def test_what_a_run_asks_of_a_peer_is_told(cli: Cli, told: Any, folder: Path) -> None:
    """By `run`, which carries nothing itself, and by `status`, with what went wrong last."""
    Path(folder, "far.py").write_text(FAR)
    said = cli("run", "far.py:greet", '"x"')
    assert "it asks shout of east: not yet heard of; a server on the store" in said.stderr
    [run] = [each["id"] for each in [told("list")]]
    [asked] = told("status", run)["asks"]
    assert (asked["peer"], asked["function"], asked["accepted"]) == ("east", "shout", False)
    with connect("everflow.db") as flows:
        [record] = flows.store.records("errand")
        body = record.body[:-1] + ',"trouble":"no connection"}'
        flows.store.write([Put(kind="errand", key=record.key, body=body, due=record.due)], at=0)
    assert "shout of east: no connection" in cli("status", run).stdout
