"""`actor`: who is here, and `serve` that answers for them."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from everflow import connect
from everflow.activitypub import Actors, Follower, Published
from everflow.activitypub.circle import follower_put
from tests.activitypub.support import ask, stranger
from tests.cli.conftest import FLOWS, Cli
from tests.cli.test_serve import Spawn, listening
from tests.engine.support import until
from tests.federation.support import looping

INES = ("actor", "create", "ines", "--address", "https://blog.example")


def test_an_actor_is_made_shown_and_removed(cli: Cli, told: Any, folder: Path) -> None:
    """With keys that only its owner may read; its name isn't given twice."""
    made = told(*INES, "--title", "Ines", "--kind", "service")
    assert made["handle"] == "@ines@blog.example"
    assert (made["kind"], made["title"]) == ("Service", "Ines")
    keys = [folder / f"everflow.db.actor-ines.{kind}-key" for kind in ("rsa", "ed25519")]
    assert [oct(key.stat().st_mode)[-3:] for key in keys] == ["600", "600"]
    assert told("actor", "create", "otto")["address"] == "https://blog.example"
    assert told("actor", "show", "ines")["followers"] == 0
    assert "@ines@blog.example" in cli("actor", "show", "ines").stdout
    assert "@otto@blog.example" in cli("actor", "list").stdout
    assert "no followers" in cli("actor", "followers", "ines").stderr
    assert "follows nobody" in cli("actor", "following", "ines").stderr
    for words in (INES, ("actor", "create", "x", "--address", "https://other.example")):
        assert cli(*words).exit_code == 2
    before = [key.read_bytes() for key in keys]
    assert "has new keys" in cli("actor", "rotate", "ines").stdout
    assert not {key.read_bytes() for key in keys} & set(before)
    assert told("actor", "show", "ines")["published"] == 1  # its followers are told
    assert "is gone" in cli("actor", "remove", "ines").stdout
    assert not any(key.exists() for key in keys)
    assert cli(*INES).exit_code == 2
    assert cli("actor", "show", "ines").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("create", "ines"),
        ("create", "Ines", "--address", "https://x.example"),
        ("create", "ines", "--address", "https://x.example/path"),
        ("create", "ines", "--address", "nowhere"),
        ("create", "ines", "--address", "https://x.example", "--inside", "10.0.0.1/8"),
        ("create", "ines", "--address", "https://x.example", "--title", "x" * 300),
    ],
)
def test_what_cannot_be_an_actor_is_refused(cli: Cli, words: tuple[str, ...]) -> None:
    """With exit code 2."""
    assert cli("actor", *words).exit_code == 2


def test_the_address_is_that_of_the_identity(cli: Cli, told: Any) -> None:
    """Where peers know one already."""
    cli("peer", "init", "https://flows.example")
    assert told("actor", "create", "ines")["id"] == "https://flows.example/ap/actors/ines"
    assert "ines" in cli("actor", "list").stdout


def test_a_server_answers_for_its_actors(told: Any, cli: Cli, spawn: Spawn) -> None:
    """A real process: its document, WebFinger, and a Follow and a post that it sends."""
    place = ("--address", "http://127.0.0.1:1", "--inside", "127.0.0.1")
    made = told("actor", "create", "ines", *place)
    server = spawn("serve", FLOWS, "--port", "0", "--json")
    address = listening(server)["address"]
    assert ask(f"{address}/ap/actors/ines").json["id"] == made["id"]
    finger = f"{address}/.well-known/webfinger?resource=acct:ines@127.0.0.1:1"
    assert ask(finger).json["links"][0]["href"] == made["id"]
    assert ask(f"{address}/ap/inbox", "POST").status == 415
    with looping() as loop, stranger(loop) as otto:
        asked = told("actor", "follow", "ines", otto.id)
        assert (asked["id"], asked["state"]) == (otto.id, "pending")
        assert told("actor", "following", "ines")["id"] == otto.id
        assert "pending" in cli("actor", "following", "ines").stdout
        until(lambda: len(otto.received) == 1)
        assert otto.received[0]["id"] == asked["follow"]
        assert "any more" in cli("actor", "leave", "ines", otto.id).stdout
        until(lambda: len(otto.received) == 2)
        assert otto.received[1]["type"] == "Undo"
        assert cli("actor", "leave", "ines", otto.id).exit_code == 2
        words = ("actor", "post", "ines", "Hello, Otto", "--to", otto.id, "--key", "1")
        said = told(*words)["id"]
        assert cli(*words).stdout.strip() == said
        until(lambda: len(otto.received) == 3)
        assert otto.received[2]["object"]["content"] == "<p>Hello, Otto</p>"
        assert ask(said.replace("http://127.0.0.1:1", address)).json == otto.received[2]
    server.send_signal(signal.SIGTERM)
    _, errors = server.communicate(timeout=20)
    assert server.returncode == 0, errors
    assert errors == ""


def test_who_is_around_an_actor_is_listed(cli: Cli, told: Any) -> None:
    """For machines and for people; where nobody is, that is said."""
    assert "@ines@blog.example is https" in cli(*INES).stdout
    with connect("everflow.db") as flows:
        ines = Actors(flows.store, lambda: 0).require("ines")
        otto = Follower(id="https://a.example/otto", inbox="https://a.example/i", follow="x", at=0)
        flows.store.write([follower_put(ines, otto)], at=0)
    assert told("actor", "followers", "ines")["inbox"] == "https://a.example/i"
    assert "a.example/otto" in cli("actor", "followers", "ines").stdout
    assert told("actor", "list")["followers"] == 1
    assert cli("actor", "leave", "ines", "@").exit_code == 2
    assert told("actor", "remove", "ines")["name"] == "ines"
    assert "no actors" in cli("actor", "list").stderr


def test_what_an_actor_says_of_itself_is_changed(cli: Cli, told: Any) -> None:
    """Its followers are told of that, and not of what its requests may reach."""
    made = told(*INES, "--summary", "About birds.")
    changed = told("actor", "change", "ines", "--title", "Ines")
    assert (changed["title"], changed["summary"]) == ("Ines", "About birds.")
    assert changed["id"] == made["id"]
    with connect("everflow.db") as flows:
        ines = Actors(flows.store, lambda: 0).require("ines")
        [said], _ = Published(flows.store).outbox(ines, "", 10)
    assert (said["type"], said["object"]["name"]) == ("Update", "Ines")
    assert "is changed" in cli("actor", "change", "ines", "--inside", "10.0.0.0/8").stdout
    assert told("actor", "show", "ines")["inside"] == ["10.0.0.0/8"]
    assert told("actor", "show", "ines")["published"] == 1
    for words in ((), ("--inside", "10.0.0.1/8"), ("--title", "x" * 300)):
        assert cli("actor", "change", "ines", *words).exit_code == 2
    assert cli("actor", "change", "otto", "--title", "x").exit_code == 2


def test_without_its_extra_it_says_what_to_install(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name."""
    for name in [name for name in sys.modules if name.startswith("everflow.activitypub")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("everflow.activitypub", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.rsa", None)
    refused = cli(*INES)
    assert refused.exit_code == 2
    assert "pip install 'everflow[federation]'" in refused.stderr


def test_a_server_whose_keys_are_missing_does_not_begin(cli: Cli, told: Any, folder: Path) -> None:
    """It says which, before it serves."""
    told(*INES)
    (folder / "everflow.db.actor-ines.rsa-key").unlink()
    failed = cli("serve", FLOWS, "--port", "0")
    assert failed.exit_code == 2
    assert "actor-ines.rsa-key" in failed.stderr
    with connect("everflow.db") as flows:
        assert Actors(flows.store, lambda: 0).require("ines").name == "ines"
    assert json.loads(cli("actor", "list", "--json").stdout)["name"] == "ines"


def test_what_cannot_be_posted_is_refused(told: Any, cli: Cli) -> None:
    """With exit code 2, and nothing said."""
    told(*INES)
    for words in (("17",), ("Hi", "--to", "x", "--only", "y"), ("Hi", "--to", "x")):
        assert cli("actor", "post", "ines", *words).exit_code == 2
    assert cli("actor", "post", "nobody", "Hi").exit_code == 2
    assert cli("actor", "rotate", "nobody").exit_code == 2
    only = ("--only", "https://x.example/y")
    said = told("actor", "post", "ines", '{"type": "Article"}', *only)["id"]
    assert cli("actor", "withdraw", "ines", said).stdout.strip() != said
    assert cli("actor", "withdraw", "ines", f"{said}x").exit_code == 2
    assert told("actor", "show", "ines")["published"] == 0
