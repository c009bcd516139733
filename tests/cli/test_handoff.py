"""`handoff`: orders about runs that several instances have, as a server on the store finds them."""

from pathlib import Path
from typing import Any

import pytest

from everflow import connect
from everflow.federation import Peers
from everflow.federation.carrying.kept import Kept, written
from everflow.federation.protocol.lineage import Epoch, Link
from everflow.federation.protocol.standing import Role, Standing
from everflow.net.keys import key_word, make_ed25519
from everflow.store.handing import Hand
from tests.cli.conftest import FLOWS, Cli

KEY = key_word(make_ed25519().public_key())


@pytest.fixture
def run(told: Any) -> str:
    """A run of an instance that knows a peer."""
    told("peer", "init", "https://west.example")
    told("peer", "add", "east", "https://east.example", KEY)
    made = told("start", f"{FLOWS}:greet", '"Ada"')
    return str(made["id"])


def test_a_run_is_offered_and_taken_back(cli: Cli, told: Any, run: str) -> None:
    """The order is written; a server carries it out."""
    assert "no run ever moved" in cli("handoff", "list").stderr
    assert "offered to east" in cli("handoff", "give", run, "east").stdout
    (line,) = [told("handoff", "list")]
    assert (line["run"], line["role"], line["whole"]) == (run, "offering", True)
    assert "here" in cli("handoff", "list").stdout
    assert told("handoff", "back", run)["role"] == "owner"
    assert "is offered to nobody" in cli("handoff", "back", run).stderr


def test_runs_are_copied_by_word_and_by_policy(cli: Cli, told: Any, run: str, folder: Path) -> None:
    """What the server is to do stands in the store."""
    assert told("handoff", "copy", "east") == {"copied": [run]}
    assert "1 run will be copied to east" in cli("handoff", "copy", "east", run).stdout
    with connect(folder / "everflow.db") as flows:
        assert [one.key for one in flows.store.records("stirred")] == [run]
    assert told("handoff", "list")["when"] == "manual"
    said = told("handoff", "replicate", "cli.greet", "east", "--when", "suspension")
    assert said == {"flow": "cli.greet", "to": "east", "when": "suspension", "lease": 0.0}
    said = cli("handoff", "replicate", "cli.greet", "east", "--lease", "20s").stdout
    assert "run while it grants 20 s" in said
    assert "aren't copied" in cli("handoff", "replicate", "cli.greet", "--stop").stdout
    assert "anyway" in cli("handoff", "replicate", "cli.greet", "--stop").stdout
    assert "remote_unreachable" in cli("handoff", "copy", "north", "--json").stderr
    assert cli("handoff", "replicate", "cli.greet").exit_code == 2


def test_a_lease_is_ordered_and_ended(cli: Cli, told: Any, run: str) -> None:
    """Its end takes the peer's word."""
    assert "runs here" in cli("handoff", "lease", run, "east", "--span", "5s").stdout
    assert told("handoff", "list")["lease"] != ""
    assert told("handoff", "unlease", run)["role"] == "owner"
    assert told("handoff", "believe", run, "east")["role"] == "owner"


def test_a_copy_is_taken_over_by_a_person_s_word(cli: Cli, told: Any, run: str) -> None:
    """Asked first, since it may execute twice; nothing is there to take otherwise."""
    assert "handoff_refused" in cli("handoff", "take", run, "--yes", "--json").stderr
    assert "no whole copy" in cli("handoff", "take", "--from", "east", "--yes").stderr
    assert cli("handoff", "take").exit_code == 2
    assert cli("handoff", "take", run).exit_code != 0
    assert told("handoff", "list", "--peer", "east") == []
    assert "nothing was set aside" in cli("handoff", "branches", run).stderr


def test_without_an_identity_nothing_is_ordered(cli: Cli, told: Any) -> None:
    """It says how to get one."""
    told("start", f"{FLOWS}:greet", '"Ada"')
    assert "everflow peer init" in cli("handoff", "list").stderr


def test_what_a_peer_may_leave_is_said_apart(cli: Cli, told: Any, run: str) -> None:
    """From what it may call, which stays."""
    assert run
    told("peer", "allow", "east", "spell")
    said = told("peer", "allow", "east", "--keep", "2G", "--adopt", "a", "--adopt", "b")
    assert (said["allowed"], said["keep"], said["adopt"]) == (["spell"], 2 * 10**9, ["a", "b"])
    assert "runs that go on here (a, b)" in cli("peer", "show", "east").stdout
    assert "if they are of a\n" in cli("peer", "allow", "east", "--adopt", "a").stdout
    assert "aren't" not in cli("peer", "allow", "east", "--adopt", "*").stdout
    assert "2,000,000,000 bytes" in cli("peer", "show", "east").stdout
    assert told("peer", "allow", "east", "--no-adopt")["adopt"] == []
    assert cli("peer", "allow", "east", "--keep", "much").exit_code == 2


def test_a_copy_goes_on_here_and_what_was_aside_is_shown(cli: Cli, told: Any, run: str) -> None:
    """As the store has it, which a server filled."""
    given_up(run)
    assert told("handoff", "list", "--peer", "east")["role"] == "replica"
    assert "a copy" in cli("handoff", "list").stdout
    assert "entries 0 to 0" in cli("handoff", "branches", run).stdout
    assert told("handoff", "branches", run)["first"] == 0
    taken = told("handoff", "take", "--from", "east", "--yes")
    assert (taken["run"], taken["role"]) == (run, "owner")


def given_up(run: str) -> None:
    """Have the run be a copy of a peer's, with a branch of its own aside."""
    with connect("everflow.db") as flows:
        store, (east,) = flows.store, Peers(flows.store, lambda: 1).all()
        whole = store.slice(run, 0)
        epoch = Epoch(2, east.id)
        standing = Standing(role=Role.REPLICA, epoch=epoch, lineage=(Link(epoch),))
        hand = Hand(
            run=run, version=0, seq=1, rev=1, body=written(Kept(standing=standing)), here=False,
            holder="east", keep=(0, -1), branch="1-west-0", add=whole,
        )  # fmt: skip
        assert store.hand(hand, at=1)


def test_a_copy_and_what_was_aside_are_forgotten(cli: Cli, told: Any, run: str) -> None:
    """Asked first; who has the run stays known."""
    assert "handoff_refused" in cli("handoff", "forget", run, "--yes", "--json").stderr
    given_up(run)
    assert cli("handoff", "forget").exit_code == 2
    assert cli("handoff", "forget", run, "--before", "1d").exit_code == 2
    assert cli("handoff", "forget", run).exit_code != 0
    said = told("handoff", "forget", run, "--branches", "--yes")
    assert said == {"run": run, "copy": False, "branches": 1}
    assert told("handoff", "list")["entries"] == 1
    said = cli("handoff", "forget", "--from", "east", "--before", "1s", "--yes").stdout
    assert "1 copy and 0 branches" in said
    (line,) = [told("handoff", "list")]
    assert (line["role"], line["entries"], line["size"]) == ("replica", 0, 0)
    assert "no whole copy" in cli("handoff", "take", run, "--yes").stderr
    assert "handed_off" in cli("show", run).stdout
    said = cli("handoff", "forget", "--from", "east", "--before", "1s", "--yes").stdout
    assert "0 copies and 0 branches" in said
