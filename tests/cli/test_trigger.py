"""`trigger` and `activity`: what one types to have arriving activities start flows."""

import json
from pathlib import Path
from typing import Any

import pytest

from everflow import connect
from everflow.store import Put
from tests.cli.conftest import Cli

CODE = """
from typing import Any

from everflow import ask, flow, it, node
from everflow.triggers import trigger


@node
def review(activity: dict[str, Any]) -> str:
    return activity["object"]["content"]


reviewing = flow("reviewing", review)
may_it = flow("may-it", ask("ok", bool) >> it[1])
triggers = [trigger("on-note", reviewing, type="Create", since=0)]
"""
NOTE = {"id": "urn:1", "type": "Create", "object": {"type": "Note", "content": "hello"}}


@pytest.fixture(autouse=True)
def blog(folder: Path) -> None:
    """A file with flows and a trigger that it declares, and an activity."""
    Path(folder, "blog.py").write_text(CODE)
    Path(folder, "note.json").write_text(json.dumps(NOTE))


def test_an_activity_is_appended_and_fires_what_a_module_declares(cli: Cli, told: Any) -> None:
    """B120, B125: by a worker that ends when nothing is left to decide; once."""
    assert cli("activity", "add", "note.json", "--as", "ines").stdout == "1: appended\n"
    again = told("activity", "add", "-", "--as", "ines", given=json.dumps(NOTE, indent=2))
    assert again == {"no": 1, "arrival": "known", "actor": "local:ines"}
    for _ in range(2):
        assert cli("worker", "blog.py", "--until-idle").exit_code == 0
    [line] = [told("trigger", "audit")]
    assert (line["trigger"], line["outcome"], line["no"]) == ("on-note", "fired", 1)
    assert told("status", line["run"])["result"] == "hello"
    assert "done" in cli("trigger", "audit", "--run", line["run"]).stdout
    assert told("trigger", "audit", "--activity", "urn:1") == line
    assert told("trigger", "audit", "--activity", "1", "--actor", "local:ines") == line
    assert "nothing was decided" in cli("trigger", "audit", "--trigger", "x").stderr


def test_other_content_under_an_id_is_refused(cli: Cli, told: Any) -> None:
    """And the log shows what came first."""
    cli("activity", "add", "note.json", "--as", "ines")
    edited = json.dumps({**NOTE, "object": {"content": "edited"}})
    refused = cli("activity", "add", "-", "--as", "ines", given=edited)
    assert "other content" in refused.stdout
    assert refused.exit_code == 2
    assert told("activity", "show", "1")["activity"] == NOTE
    shown = cli("activity", "show", "1").stdout
    assert "bagaaiera" in shown
    assert "local:ines" in cli("activity", "list").stdout
    assert told("activity", "list")["cid"] == told("activity", "show", "1")["cid"]
    assert "no activities" in cli("activity", "list", "--after", "1").stderr
    assert cli("activity", "show", "7").exit_code == 2
    assert "can't be read" in cli("activity", "add", "nowhere.json").stderr
    assert "isn't JSON" in cli("activity", "add", "-", given="{").stderr


def test_triggers_are_added_shown_paused_and_removed(cli: Cli, told: Any) -> None:
    """With everything that they say; who did it is in the audit."""
    cli("activity", "add", "note.json")
    words = ("trigger", "add", "t", "blog.py:reviewing", "--type", "Like", "--type", "Create")
    scoped = ("--actor", "local:*", "--guard", 'it["object"]["content"] == "hello"', "--whole")
    assert "it fires while a worker runs" in cli(*words, *scoped).stderr
    shown = told("trigger", "show", "t")
    assert (shown["flow"], shown["types"], shown["begin"]) == ("reviewing", ["Like", "Create"], 0)
    assert shown["guard"] == "(it['object']['content'] == 'hello')"
    assert told(*words, *scoped) == shown
    assert "says something else" in cli(*words).stderr
    assert told(*words, "--replace")["guard"] == ""
    assert "t" in cli("trigger", "list").stdout
    assert told("trigger", "list")["name"] == "t"
    assert cli("trigger", "pause", "t", "--reason", "tired").stdout == "t: paused: tired\n"
    assert "paused" in cli("trigger", "list").stdout
    assert "tired" in cli("trigger", "show", "t").stdout
    assert cli("trigger", "unpause", "t", "--skip").stdout == "t: fires\n"
    assert told("trigger", "pause", "t")["paused"]
    assert told("trigger", "list")["paused"]
    assert cli("trigger", "remove", "t", "--by", "Ada").stdout == "removed\n"
    assert "no triggers" in cli("trigger", "list").stderr
    assert "trigger-remove" in cli("audit", "--by", "Ada").stdout
    assert "no trigger 't'" in cli("trigger", "show", "t").stderr


def test_a_dry_run_says_why(cli: Cli, told: Any) -> None:
    """Of each trigger, of one whose guard is a flow and of one whose flow is to come, too."""
    cli("trigger", "add", "asks", "blog.py:reviewing", "--guard-flow", "blog.py:may_it")
    cli("trigger", "add", "later", "to-come", "--since", "1d")
    cli("trigger", "pause", "later")
    said = told("trigger", "test", "note.json", "--actor", "local:x", "--import", "blog.py")
    assert [(one["trigger"], one["outcome"]) for one in said] == [
        ("asks", "guard asked"),
        ("later", "waits for code"),
    ]
    mine = json.dumps({**NOTE, "actor": {"id": "local:x"}})
    assert "paused" in cli("trigger", "test", "-", given=mine).stdout
    cli("trigger", "remove", "asks")
    cli("trigger", "remove", "later")
    assert "no triggers" in cli("trigger", "test", "-", given=mine).stderr
    both = ("--guard", "it", "--guard-flow", "x")
    assert "one guard" in cli("trigger", "add", "x", "y", *both).stderr


def test_what_a_module_declares_must_be_triggers(cli: Cli, folder: Path) -> None:
    """A list of them; the words show one."""
    Path(folder, "wrong.py").write_text(f"{CODE}\ntriggers = ['on-note']\n")
    said = cli("worker", "wrong.py", "--until-idle").stderr
    assert "triggers in wrong is no list of triggers" in said


def test_a_trigger_that_cannot_be_read_is_named(cli: Cli, told: Any) -> None:
    """With what is wrong; it can be removed, and another command says what to do."""
    cli("trigger", "add", "t", "blog.py:reviewing")
    with connect("everflow.db") as flows:
        flows.store.write([Put(kind="trigger", key="t", body="{")], at=0)
    assert "can't be read: " in cli("trigger", "list").stdout
    assert told("trigger", "list")["name"] == "t"
    refused = cli("trigger", "pause", "t")
    assert refused.exit_code == 2
    assert "trigger add --replace" in refused.stderr
    assert cli("trigger", "remove", "t").exit_code == 0
    assert "no triggers" in cli("trigger", "list").stderr


def test_old_activities_are_forgotten(cli: Cli, told: Any) -> None:
    """What triggers have decided about, once it is old enough; it says how much."""
    cli("activity", "add", "note.json", "--as", "ines")
    cli("worker", "blog.py", "--until-idle")
    assert told("activity", "prune", "--before", "1d")["activities"] == 0
    said = cli("activity", "prune", "--before", "2100-01-01", "--dry-run").stdout
    assert said == "1 activity would be forgotten, with 1 decision and 1 firing\n"
    assert told("activity", "prune", "--before", "2100-01-01") == {
        "activities": 1, "decisions": 1, "firings": 1, "dry_run": False,
    }  # fmt: skip
    assert cli("activity", "add", "note.json", "--as", "ines").stdout == "1: known already\n"
    assert cli("activity", "prune").exit_code == 2


def test_a_trigger_fires_once_for_each_value_of_an_expression(told: Any) -> None:
    """It is read as data, as a guard is, and shown."""
    made = told("trigger", "add", "once", "review", "--dedup", 'it["object"]["id"]')
    assert made["dedup"] == "it['object']['id']"
