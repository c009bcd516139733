"""`queue`, and `start` into one."""

from typing import Any

import pytest

from everflow import connect
from everflow.store import Put
from tests.cli.conftest import FLOWS, Cli

SET = ("queue", "set", "mails", "--limit", "2", "--per-lane", "1", "--rate", "100/1m")


def test_a_queue_is_set_shown_and_removed(cli: Cli, told: Any) -> None:
    """For machines and for people."""
    view = told(*SET)
    assert view["rate"] == {"number": 100, "seconds": 60.0}
    assert (view["limit"], view["per_lane"], view["waiting"], view["placed"]) == (2, 1, 0, 0)
    assert [found["name"] for found in told("queue", "list")] == ["mails"]
    for words in (("list",), ("show", "mails")):
        shown = cli("queue", *words).stdout
        assert "2 at once, 1 of a lane, 100 in 1 min" in shown
    assert told("queue", "remove", "mails") == {"removed": "mails"}
    assert told("queue", "list") == []
    assert "no queues" in cli("queue", "list").stdout


def test_a_rate_of_lanes_is_set_and_shown(cli: Cli, told: Any) -> None:
    """Beside all else that a queue allows."""
    view = told("queue", "set", "mails", "--rate-per-lane", "5/1s")
    assert (view["rate"], view["rate_per_lane"]) == (None, {"number": 5, "seconds": 1.0})
    assert "5 of a lane in 1 s" in cli("queue", "list").stdout


def test_a_removal_is_told(cli: Cli) -> None:
    """In words."""
    cli(*SET)
    assert "mails is removed" in cli("queue", "remove", "mails").stdout


def test_a_run_waits_in_its_queue(cli: Cli, told: Any) -> None:
    """With its lane and priority; it is counted and named."""
    cli("queue", "set", "mails")
    run = told(
        "start", f"{FLOWS}:greet", '"ann"', "--queue", "mails", "--lane", "ann", "--priority", "3"
    )
    assert (run["queue"], run["lane"], run["priority"], run["admitted"]) == (
        "mails",
        "ann",
        3,
        None,
    )
    shown = told("queue", "show", "mails")
    assert shown["lanes"] == [{"lane": "ann", "waiting": 1, "placed": 0}]
    assert "without limit" in cli("queue", "show", "mails").stdout
    assert "mails, lane ann, waits for its place" in cli("status", run["id"]).stdout
    told("queue", "remove", "mails", code=2)


def test_a_paused_and_an_unknown_queue_are_told(cli: Cli) -> None:
    """A queue that nobody declared here has no limits."""
    cli("queue", "set", "mails")
    cli("start", f"{FLOWS}:greet", '"ann"', "--queue", "mails")
    with connect("everflow.db") as flows:
        flows.store.write([Put(kind="pause", key="queue:mails", body="{}")], at=1)
        assert "paused; without limit" in cli("queue", "list").stdout
        flows.store.write([Put(kind="queue", key="mails", body=None)], at=1)
    assert "not declared here" in cli("queue", "list").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("list", "mails"),
        ("show",),
        ("show", "nothing"),
        ("set",),
        ("set", "q", "--limit", "0"),
        ("set", "q", "--rate", "5"),
        ("set", "q", "--rate", "x/1m"),
        ("set", "q", "--rate", "5/soon"),
        ("set", "q", "--rate", "5/0s"),
        ("show", "mails", "--limit", "5"),
        ("drop", "mails"),
    ],
    ids=" ".join,
)
def test_what_means_nothing_is_refused(cli: Cli, words: tuple[str, ...]) -> None:
    """With the code for a wrong call, and nothing changed."""
    cli("queue", "set", "mails")
    before = cli("queue", "list", "--json").stdout
    assert cli("queue", *words).exit_code == 2
    assert cli("queue", "list", "--json").stdout == before


def test_an_idle_worker_waits_for_a_rate_that_soon_allows_more(cli: Cli, told: Any) -> None:
    """Not for a place that is taken, nor for a queue that is paused."""
    cli("queue", "set", "mails", "--rate", "1/300ms")
    cli("queue", "set", "held")
    cli("pause", "--queue", "held")
    for name in ("mails", "mails", "held"):
        told("start", f"{FLOWS}:greet", '"ann"', "--queue", name)
    cli("worker", FLOWS, "--until-idle")
    assert [run["status"] for run in told("list")] == ["done", "done", "queued"]
