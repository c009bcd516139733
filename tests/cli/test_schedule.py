"""`schedule`: what one types in the morning after the nightly run didn't come."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

CODE = """
from datetime import timedelta
from everflow import flow, node, schedule


@node
def greet(name: str) -> str:
    return f"hello {name}"


greeting = flow("greeting", greet)
schedules = [schedule("often", timedelta(seconds=1), greeting, "you", overlap="allow")]
"""


@pytest.fixture(autouse=True)
def nightly(folder: Path) -> str:
    """A file with a flow, and a schedule that it declares."""
    Path(folder, "nightly_flows.py").write_text(CODE)
    return "nightly_flows.py:greeting"


def test_a_schedule_is_added_shown_and_removed(cli: Cli, told: Any, nightly: str) -> None:
    """With its next instants, here and in its zone; the same again changes nothing."""
    words = ("schedule", "add", "daily", "0 7 * * *", nightly, "Ada", "--zone", "Europe/Berlin")
    added = told(*words, "--catch-up", "skip", "--deadline", "2h", "--label", "a=b")
    assert (added["cron"], added["input"], added["catch_up"]) == ("0 7 * * *", "Ada", "skip")
    assert told(*words, "--catch-up", "skip", "--deadline", "2h", "--label", "a=b") == added
    assert cli(*words).stderr.count("says something else") == 1
    assert "next at" in cli(*words, "--replace").stdout
    assert told("schedule", "list")["name"] == "daily"
    shown = cli("schedule", "show", "daily", "--count", "2").stdout
    assert shown.count("07:00:00 CE") == 2
    assert len(told("schedule", "show", "daily")["instants"]) == 5
    assert "EUROPE" not in cli("schedule", "list").stdout
    assert cli("schedule", "remove", "daily").stdout == "removed\n"
    assert "no schedules" in cli("schedule", "list").stderr
    assert "no schedule 'daily'" in cli("schedule", "remove", "daily").stderr


def test_a_schedule_names_the_queue_of_its_runs(cli: Cli, told: Any, nightly: str) -> None:
    """With their lane there."""
    added = told("schedule", "add", "q", "1h", nightly, "Ada", "--queue", "mails", "--lane", "a")
    assert (added["queue"], added["lane"]) == ("mails", "a")
    assert "mails, a" in cli("schedule", "show", "q").stdout


def test_a_schedule_is_paused_and_goes_on(cli: Cli, told: Any, nightly: str) -> None:
    """The reason is shown to the others."""
    cli("schedule", "add", "poll", "15m", nightly, "Ada")
    assert cli("schedule", "pause", "poll", "--reason", "holidays").stdout == "poll is paused\n"
    assert "holidays" in cli("schedule", "list").stdout
    assert "holidays" in cli("schedule", "show", "poll").stdout
    assert told("schedule", "unpause", "poll")["paused"] is False
    assert told("schedule", "pause", "poll")["next"] is None


def test_runs_are_triggered_and_backfilled(cli: Cli, told: Any, nightly: str) -> None:
    """Each instant once; the same key is the same run."""
    cli("schedule", "add", "hourly", "@hourly", nightly, "Ada", "--overlap", "allow")
    run = cli("schedule", "trigger", "hourly", "--key", "now").stdout
    assert told("schedule", "trigger", "hourly", "--key", "now")["id"] == run.strip()
    past = ("schedule", "backfill", "hourly", "2026-01-01T00:30+00:00", "2026-01-01T03:00+00:00")
    assert "3 runs would be started" in cli(*past, "--dry-run").stdout
    assert len(told(*past)["instants"]) == 3
    assert "0 runs will be started" in cli(*past).stdout
    cli("worker", "nightly_flows.py", "--until-idle")
    assert told("status", run.strip())["result"] == "hello Ada"


def test_next_instants_are_shown_before_anything_is_written(cli: Cli, told: Any) -> None:
    """Of an expression, an alias or an interval; what never comes is said."""
    assert len(told("schedule", "next", "30 2 * * *", "--zone", "Europe/Berlin")) == 5
    shown = cli("schedule", "next", "@daily", "--zone", "Asia/Kathmandu", "--count", "2").stdout
    assert shown.count("00:00:00 +0545") == 2
    assert len(told("schedule", "next", "15m", "--count", "3")) == 3
    assert "never comes" in cli("schedule", "next", "0 0 30 2 *").stderr
    assert "Europe/Berlin" in cli("schedule", "next", "@daily", "--zone", "berlin").stderr


def test_a_worker_declares_the_schedules_of_its_modules(cli: Cli, told: Any) -> None:
    """A list named schedules in a module, like provide."""
    done = cli("worker", "nightly_flows.py", "--for", "0.1s")
    assert done.exit_code == 0, done.output
    assert told("schedule", "list")["declared"] is True
    assert len(told("schedule", "next", "often")) == 5


def test_what_is_no_list_of_schedules_is_told(cli: Cli, folder: Path) -> None:
    """Before anything is executed."""
    Path(folder, "wrong_schedules.py").write_text(f"{CODE}\nschedules = 7\n")
    assert "no list of schedules" in cli("worker", "wrong_schedules.py").stderr


def test_an_idle_worker_starts_first_what_a_backfill_asked_for(
    cli: Cli, told: Any, nightly: str
) -> None:
    """One after the other, though the runs before have ended already."""
    cli("schedule", "add", "hourly", "@hourly", nightly, "Ada")
    cli("schedule", "trigger", "hourly")
    past = ("2026-01-01T00:30+00:00", "2026-01-01T02:00+00:00")
    assert "2 runs will be started" in cli("schedule", "backfill", "hourly", *past).stdout
    cli("worker", "nightly_flows.py", "--until-idle")
    runs = told("list", "--label", "schedule=hourly")
    assert [run["status"] for run in runs] == ["done"] * 3
