"""`peer`: an identity, the peers, and `serve` that they call."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from everflow import connect
from everflow.engine.records.errands import Errand
from everflow.federation import Peers
from everflow.net.keys import key_word, make_ed25519
from everflow.store import Put
from tests.cli.conftest import FLOWS, Cli

ADDRESS = "https://flows.example"
KEY = key_word(make_ed25519().public_key())
EAST = ("peer", "add", "east", "https://east.example", KEY)


@pytest.fixture
def made(told: Any) -> Any:
    """An instance with an identity."""
    return told("peer", "init", ADDRESS)


def test_an_identity_is_made_and_shown(cli: Cli, told: Any, made: Any, folder: Path) -> None:
    """With what to type at a peer, so that it knows this one."""
    assert (folder / "everflow.db.peer-key").exists()
    assert told("peer", "show") == made
    shown = cli("peer", "show").stdout
    assert f"everflow peer add NAME {ADDRESS} {made['key']} --id {made['id']}" in shown
    assert cli("peer", "init", "https://other.example").exit_code == 0
    assert told("peer", "show") == {**made, "address": "https://other.example"}


def test_a_peer_is_added_allowed_and_removed(cli: Cli, told: Any, made: Any) -> None:
    """For machines and for people."""
    assert made["id"]
    assert told("peer", "list") == []
    assert "no peers" in cli("peer", "list").stdout
    added = told(*EAST, "--inside")
    assert (added["allowed"], added["inside"], added["keys"]) == ([], True, [KEY])
    assert told("peer", "allow", "east", "spell", "add", "--calls", "5")["calls"] == 5
    for words in (("list",), ("show", "east")):
        assert "spell, add" in cli("peer", *words).stdout
    assert told("peer", "show", "east") == {**told("peer", "list")[0], "errands": []}
    assert "may call nothing" in cli("peer", "allow", "east").stdout
    assert "isn't known any more" in cli("peer", "remove", "east").stdout
    assert cli("peer", "show", "east").exit_code == 2


def test_what_is_under_way_to_a_peer_is_shown(cli: Cli, told: Any, made: Any, folder: Path) -> None:
    """Who waits for it, what went wrong last, and when it is tried again; some, and how many."""
    assert made["id"]
    told(*EAST)
    with connect(folder / "everflow.db") as flows:
        for n, peer in enumerate(["east", "https://east.example/", "west"] + ["east"] * 19):
            errand = Errand(
                peer=peer, function="spell", input=Raw(b"1"), run=f"run{n}", op="./0", at=0,
                patience=1, tries=n, trouble="no connection", accepted=1 if n == 1 else None,
            )  # fmt: skip
            body = msgspec.json.encode(errand).decode()
            put = Put(kind="errand", key=f"call{n:02}", body=body, due=60_000_000)
            flows.store.write([put], at=0)
    errands = told("peer", "show", "east")["errands"]
    assert len(errands) == 21
    assert errands[1] == {
        "call": "call01",
        "run": "run1",
        "function": "spell",
        "asked": "1970-01-01T00:00:00.000000Z",
        "stands": "accepted",
        "tries": 1,
        "trouble": "no connection",
        "next": "1970-01-01T00:01:00.000000Z",
    }
    shown = cli("peer", "show", "east").stdout
    assert "no connection" in shown
    assert "1970-01-01" in shown
    assert "and 1 more" in shown
    assert "run2 " not in shown


def test_an_added_peer_is_told_in_words(cli: Cli, made: Any) -> None:
    """What to do next among them."""
    assert made["id"]
    assert "everflow peer allow east" in cli(*EAST).stdout


def test_a_key_is_changed_once_all_know_it(cli: Cli, told: Any, made: Any) -> None:
    """Or by force; then the rest is to be told by hand."""
    assert "with a new key" in cli("peer", "rotate").stdout
    key = told("peer", "show")["key"]
    assert key != made["key"]
    cli("peer", "add", "east", "http://127.0.0.1:9", KEY)
    assert told("peer", "rotate") == {"changed": False, "unheard": ["east"]}
    assert "couldn't be told" in cli("peer", "rotate").stdout
    assert told("peer", "show")["key"] == key
    assert "by hand: east" in cli("peer", "rotate", "--force").stdout
    assert told("peer", "show")["key"] != key
    assert told("peer", "show")["id"] == made["id"]


@pytest.mark.parametrize(
    "words",
    [
        ("init",),
        ("add", "east"),
        ("list", "more"),
        ("show", "east", "--inside"),
        ("list", "--calls", "1"),
        ("allow", "east", "--force"),
        ("list", "--id", "x"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: Cli, words: tuple[str, ...]) -> None:
    """Before anything is opened."""
    assert cli("peer", *words).exit_code == 2


def test_a_key_that_is_none_is_the_callers_mistake(cli: Cli, made: Any) -> None:
    """Not the store's."""
    assert made["id"]
    assert cli("peer", "add", "east", "http://127.0.0.1:9", "nonsense").exit_code == 2


def test_who_serves_answers_peers(spawn: Any, told: Any, made: Any, folder: Path) -> None:
    """As soon as there is an identity; to somebody unknown it says no."""
    assert made["id"]
    process = spawn("serve", FLOWS, "--port", "0", "--json")
    address = json.loads(process.stdout.readline())["address"]
    caller = folder / "caller.db"
    told("peer", "init", "http://127.0.0.1:1", "--store", str(caller))
    with connect(folder / "everflow.db") as flows:
        peers = Peers(flows.store, lambda: 1)
        assert peers.all() == []
    told("peer", "add", "site", address, made["key"], "--inside", "--store", str(caller))
    answer = told("peer", "rotate", "--store", str(caller))
    assert answer == {"changed": False, "unheard": ["site"]}
